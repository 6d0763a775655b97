package mapping

import (
	"fmt"
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// LookupBlock says how the document calls what look-ups tell.
type LookupBlock struct {
	Locations map[string]string `yaml:"locations"` // name → internal id, by which NetSuite tells stock
}

// Lookups is what is known beside the order's event.
type Lookups struct {
	Stock Stocks `expr:"stock"`
}

// Stocks is the stock of items by NetSuite's names of them.
type Stocks map[string]Stock

// Stock is what NetSuite last told of an item. Of one that it told nothing of it is empty.
type Stock struct {
	Known     bool         `expr:"known"`
	Available money.Number `expr:"available"` // at every location together, in base units; negative is possible
	At        Places       `expr:"at"`
}

// Places is what is available at a location, by its name in the document.
type Places map[string]money.Number

// AccountMeta is the meta of a customer's account, texts bare, others as JSON. It holds the keys that are asked for.
type AccountMeta map[string]string

// Asked names what an order's mapping wants to know beside the order's event.
type Asked struct {
	Items   []string // NetSuite's names of items whose stock is asked for, in order
	Account string   // the shop's customer id; "": not asked for, or a guest's order
	Meta    []string // keys of the account's meta, in order
}

// IsEmpty tells whether nothing is asked for.
func (a Asked) IsEmpty() bool { return len(a.Items) == 0 && a.Account == "" }

// And asks for what another mapping of the same order asks for, too.
func (a Asked) And(b Asked) Asked {
	return Asked{merged(a.Items, b.Items), max(a.Account, b.Account), merged(a.Meta, b.Meta)}
}

func merged(a, b []string) []string {
	list := slices.Concat(a, b)
	slices.Sort(list)
	return slices.Compact(list)
}

// Asks names the look-ups that an order is mapped with: those that an expression of the document mentions, whether it
// comes to be evaluated or not, so that they are the same whatever they say.
func (m *Mapping) Asks(o event.OrderStateV1) Asked {
	m = m.of(o.Store)
	var a Asked
	if m.asked.account && o.Customer.Account != "" {
		a.Account, a.Meta = o.Customer.Account, merged(m.asked.meta, nil)
	}
	a.Items = merged(m.asked.items, nil)
	if !m.asked.lines {
		return a
	}
	var work Work
	for _, line := range o.Lines {
		if item := m.stocked(line, texts(line.Meta), &work); item != "" {
			a.Items = append(a.Items, item)
		}
	}
	a.Items = merged(a.Items, nil)
	return a
}

// stocked names the item whose stock is a line's: the table's, else that of the first rule of which SKU and attributes
// fit, else the one of the SKU's own name. Rules with a condition are passed over, since conditions may ask for stock.
func (m *Mapping) stocked(l event.Line, meta map[string]string, w *Work) string {
	if name, mapped := m.document.Items.SKUs[l.SKU]; mapped && l.SKU != "" {
		return name
	}
	for _, r := range m.items {
		if r.when != nil {
			continue
		}
		if name, fits := r.fits(l, meta, w); fits && name != "" {
			return name
		}
	}
	return l.SKU
}

// begin makes what the expressions of an order see, with what is known beside its event.
func (m *Mapping) begin(s *scope, o event.OrderStateV1, in *event.Inputs) {
	s.begin(o)
	if in == nil {
		return
	}
	s.Lookups.Stock = make(Stocks, len(in.Stock))
	for _, of := range in.Stock {
		s.Lookups.Stock[of.Item] = m.stock(of)
	}
	for i, line := range o.Lines {
		s.Order.Lines[i].Stock = m.stockOf(line, s.Order.Lines[i].Meta, s)
	}
	if in.Customer != nil && in.Customer.Account == o.Customer.Account {
		s.tell(*in.Customer)
	}
}

func (m *Mapping) stockOf(l event.Line, meta map[string]string, s *scope) Stock {
	if len(s.Lookups.Stock) == 0 {
		return Stock{}
	}
	return s.Lookups.Stock[m.stocked(l, meta, s.Work)]
}

func (m *Mapping) stock(of event.StockInput) Stock {
	s := Stock{Known: of.Sequence != 0, At: make(Places, len(m.document.Lookups.Locations))}
	for _, l := range of.Locations {
		s.Available = s.Available.Add(l.Available)
		for name, id := range m.document.Lookups.Locations {
			if id == l.Location {
				s.At[name] = l.Available
			}
		}
	}
	return s
}

// tell adds what the shop told of the account.
func (s *scope) tell(of event.CustomerInput) {
	c := &s.Order.Customer
	c.Known, c.Role, c.Paying, c.Meta = of.Sequence != 0, of.Role, of.Paying, of.Meta
	s.Customer = *c
}

// toldOf gives what a customer event tells of the account.
func toldOf(c event.CustomerChangedV1) event.CustomerInput {
	return event.CustomerInput{Account: c.Customer, Sequence: c.Version.Sequence, Role: c.Role, Paying: c.Paying, Meta: texts(c.Meta)}
}

// AccountOf gives what a customer event, found at a position of CUSTOMERS, tells of what is asked for.
func (a Asked) AccountOf(c event.CustomerChangedV1, sequence uint64) event.CustomerInput {
	in := toldOf(c)
	in.Sequence, in.Meta = sequence, nil
	for _, key := range a.Meta {
		if in.Meta == nil {
			in.Meta = map[string]string{}
		}
		at := slices.IndexFunc(c.Meta, func(m event.Meta) bool { return m.Key == key })
		in.Meta[key] = ""
		if at >= 0 {
			in.Meta[key] = metaText(c.Meta[at].Value)
		}
	}
	return in
}

// ExampleLookups is what is known in an example.
type ExampleLookups struct {
	Stock    map[string]map[string]string `yaml:"stock"` // item → location's name, or its internal id → pieces available
	Customer *ExampleCustomer             `yaml:"customer"`
}

// ExampleCustomer is an account in an example.
type ExampleCustomer struct {
	Role   string            `yaml:"role"`
	Paying bool              `yaml:"paying"`
	Meta   map[string]string `yaml:"meta"`
}

const exampled = 1 // the position of what an example gives

// inputs makes of an example's look-ups what a desired state would record.
func (m *Mapping) inputs(of *ExampleLookups, o event.OrderStateV1) (*event.Inputs, error) {
	if of == nil {
		return nil, nil
	}
	in := &event.Inputs{}
	for _, item := range sorted(of.Stock) {
		known := event.StockInput{Item: item, Sequence: exampled}
		for _, place := range sorted(of.Stock[item]) {
			pieces, err := money.ParseNumber(of.Stock[item][place])
			if err != nil {
				return nil, fmt.Errorf("lookups.stock.%s.%s: %w", item, place, err)
			}
			id, named := m.document.Lookups.Locations[place]
			if !named {
				id = place
			}
			known.Locations = append(known.Locations, event.LocationInput{Location: id, Available: pieces})
		}
		in.Stock = append(in.Stock, known)
	}
	if of.Customer == nil {
		return in, nil
	}
	if o.Customer.Account == "" {
		return nil, fmt.Errorf("lookups.customer: the order has no account")
	}
	in.Customer = &event.CustomerInput{Account: o.Customer.Account, Sequence: exampled, Role: of.Customer.Role, Paying: of.Customer.Paying, Meta: of.Customer.Meta}
	return in, nil
}

func (b LookupBlock) check(p *problems) {
	ids := map[string]bool{}
	for _, name := range sorted(b.Locations) {
		id := b.Locations[name]
		p.want(id != "" && !ids[id], "lookups.locations."+name, "want an internal id of its own")
		ids[id] = true
	}
}
