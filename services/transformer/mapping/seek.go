package mapping

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// asked is what expressions ask of look-ups, as their text says it.
type asked struct {
	lines   bool     // the stock of the order's lines
	items   []string // the stock of items by name
	account bool     // the customer's account
	meta    []string // of the account, by key
}

// accountFields are the fields of a customer that no order holds.
var accountFields = []string{"known", "role", "paying", "meta"}

var (
	lineType     = reflect.TypeFor[Line]()
	customerType = reflect.TypeFor[Customer]()
	lookupsType  = reflect.TypeFor[Lookups]()
	stocksType   = reflect.TypeFor[Stocks]()
	placesType   = reflect.TypeFor[Places]()
	metaType     = reflect.TypeFor[AccountMeta]()
)

// seeker finds what an expression asks for. What is asked for must be known before the order is mapped, so items and
// keys of meta are written out.
type seeker struct {
	*asked
	locations map[string]string
	reached   map[ast.Node]bool // lists of which one element is taken
	broken    *file.Error       // the first mistake
}

// seek adds what an expression asks for; a mistake is told with its place.
func (a *asked) seek(source string, root ast.Node, locations map[string]string) error {
	s := &seeker{asked: a, locations: locations, reached: map[ast.Node]bool{}}
	ast.Walk(&root, visit(s.take))
	ast.Walk(&root, visit(s.whole))
	if s.broken == nil {
		return nil
	}
	return s.broken.Bind(file.NewSource(source))
}

func (s *seeker) refuse(n ast.Node, rule string) {
	if s.broken == nil {
		s.broken = &file.Error{Location: n.Location(), Message: rule}
	}
}

// take notes what a member asks for.
func (s *seeker) take(n ast.Node) {
	if n, is := n.(*ast.MemberNode); is {
		s.member(n.Node, n.Property)
	}
}

func (s *seeker) member(of, property ast.Node) {
	name := ""
	constant, is := property.(*ast.StringNode)
	if is {
		name = constant.Value
	}
	t := of.Type()
	unknown := t == nil || t.Kind() == reflect.Interface
	switch {
	case is && t == lookupsType:
		s.reach(of)
	case is && t == stocksType:
		s.items = append(s.items, name)
		s.reach(of)
	case is && t == metaType:
		s.meta, s.account = append(s.meta, name), true
		s.reach(of)
	case is && t == placesType:
		if _, known := s.locations[name]; !known {
			s.refuse(property, "no location "+name+" under lookups.locations"+meant(name, sorted(s.locations)))
		}
	}
	s.lines = s.lines || (t == lineType || unknown) && (!is || name == "stock")
	s.account = s.account || (t == customerType || unknown) && (!is || slices.Contains(accountFields, name))
}

// reach notes a list of which one element is taken, as it is and as it is written with ?. before it.
func (s *seeker) reach(list ast.Node) {
	s.reached[list] = true
	if chain, is := list.(*ast.ChainNode); is {
		s.reach(chain.Node)
	}
}

// whole refuses a list of which more than one element that is written out could be asked for.
func (s *seeker) whole(n ast.Node) {
	switch {
	case s.reached[n]:
	case n.Type() == stocksType || n.Type() == lookupsType:
		s.refuse(n, `lookups.stock: want the item written out, as in lookups.stock["SKU"]; a line's own is its stock`)
	case n.Type() == metaType:
		s.refuse(n, `customer.meta: want the key written out, as in customer.meta["key"]`)
	}
}

// refused says that look-ups cannot be asked for here; nil where none are.
func (a *asked) refused(want string) error {
	if !a.lines && !a.account && len(a.items) == 0 {
		return nil
	}
	return fmt.Errorf("want %s: look-ups are not known here", want)
}

// classesAsked is what the rules of classes ask for, those of stores too.
func (m *Mapping) classesAsked() *asked {
	a := &asked{}
	for _, of := range append(slices.Collect(maps.Values(m.stores)), m) {
		for _, r := range of.classes {
			_ = a.seek(r.when.source, r.when.program.Node(), of.document.Lookups.Locations) // its mistakes were told when it was compiled
		}
	}
	return a
}
