package mapping

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxDocument = 4 << 20 // bytes of a document, its shared parts in it
	maxDepth    = 40      // of its nesting
	maxValues   = 200_000 // nodes of its tree
)

// tree is a document as written: its nodes by their paths, for positions.
type tree struct {
	root  *yaml.Node            // the document's mapping node
	nodes map[string]*yaml.Node // "statuses[0].when" → the value
	files map[*yaml.Node]string // where a node stands; none where there is one file
	texts map[string]string     // of the files; of one file by no name
}

// grown is the tree of a document that was read before.
func grown(root *yaml.Node, files map[*yaml.Node]string, texts map[string]string) *tree {
	t := &tree{root: root, nodes: map[string]*yaml.Node{}, files: files, texts: texts}
	w := walk{tree: t}
	w.node("", root, reflect.TypeFor[Document](), 0)
	return t
}

// place says where something stands in the file of a node: "shop.yaml line 12, column 5".
func (t *tree) place(n *yaml.Node, line, column int) string {
	place := fmt.Sprintf("line %d, column %d", line, column)
	if file := t.file(n); file != "" {
		return file + " " + place
	}
	return place
}

// file names the file of a node; none where there is one.
func (t *tree) file(n *yaml.Node) string {
	for ; n != nil; n = firstOf(n) { // a node that was put together begins with one of a file
		if file, known := t.files[n]; known {
			return file
		}
	}
	return ""
}

func firstOf(n *yaml.Node) *yaml.Node {
	if len(n.Content) == 0 {
		return nil
	}
	return n.Content[0]
}

// read parses a text; names that the language does not have are mistakes, with their place and what may be meant.
func read(data []byte) (*tree, error) {
	if len(data) > maxDocument {
		return nil, fmt.Errorf("want at most %d bytes, the document has %d", maxDocument, len(data))
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("want sections such as mapping, items and statuses")
	}
	t := &tree{root: document.Content[0], nodes: map[string]*yaml.Node{}, texts: map[string]string{"": string(data)}}
	w := walk{tree: t}
	w.node("", t.root, reflect.TypeFor[Document](), 0)
	if len(w.problems) > 0 {
		return nil, w.problems.in(t)
	}
	return t, nil
}

// at gives the place of a path, "" where the document has none: "line 12, column 5".
func (t *tree) at(path string) string {
	for path != "" {
		if n, known := t.nodes[path]; known {
			return t.place(n, n.Line, n.Column)
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return ""
}

// walk compares a tree of nodes with the type they are for.
type walk struct {
	tree     *tree
	problems problems
	values   int
}

func (w *walk) node(path string, n *yaml.Node, t reflect.Type, depth int) {
	if w.values++; w.values > maxValues || depth > maxDepth {
		if w.values == maxValues+1 || depth == maxDepth+1 {
			w.problems.want(false, path, fmt.Sprintf("want at most %d values, nested at most %d deep", maxValues, maxDepth))
		}
		return
	}
	if _, known := w.tree.nodes[path]; !known {
		w.tree.nodes[path] = n
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[yaml.Node]() {
		t = reflect.TypeFor[Document]() // an override is written like a document
	}
	switch {
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		w.fields(path, n, t, depth)
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 0; i+1 < len(n.Content); i += 2 {
			w.node(join(path, n.Content[i].Value), n.Content[i+1], t.Elem(), depth+1)
		}
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, element := range n.Content {
			w.node(fmt.Sprintf("%s[%d]", path, i), element, t.Elem(), depth+1)
		}
	}
}

func (w *walk) fields(path string, n *yaml.Node, t reflect.Type, depth int) {
	known := map[string]reflect.Type{}
	namesOf(t, known)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		of, has := known[key.Value]
		if !has && key.Tag == "!!merge" {
			w.problem(path, key, "want no merge key: include and stores put documents together")
			continue
		}
		if !has {
			w.problem(join(path, key.Value), key, "no such name here"+meant(key.Value, sorted(known)))
			continue
		}
		w.node(join(path, key.Value), n.Content[i+1], of, depth+1)
	}
}

func (w *walk) problem(path string, n *yaml.Node, text string) {
	w.problems = append(w.problems, problem{path, w.tree.place(n, n.Line, n.Column), text})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// namesOf collects the names of a struct's fields, those of inlined ones too.
func namesOf(t reflect.Type, names map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			namesOf(f.Type, names)
		case name != "" && name != "-":
			names[name] = f.Type
		}
	}
}

// meant names what a misspelt word may mean; "" where nothing is near.
func meant(word string, names []string) string {
	best, least := "", len(word)/3+2 // a third of the letters may be wrong
	for _, name := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance counts the letters to put in, take out, change or swap with the next one that make one word the other.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// over gives the tree of an override upon this one.
func (t *tree) over(override *yaml.Node) *tree {
	return grown(overlay(override, t.root), t.files, t.texts)
}

// value gives the value of a key of a mapping node, and its index; nil and -1 where it has none.
func value(n *yaml.Node, key string) (*yaml.Node, int) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1], i
		}
	}
	return nil, -1
}

// overlay puts one tree over another: sections come together, a value over a value wins, lists of named rules are
// the upper ones and then the lower ones of other names, any other list is the upper one. Neither tree is changed.
func overlay(upper, lower *yaml.Node) *yaml.Node {
	switch {
	case upper.Kind == yaml.MappingNode && lower.Kind == yaml.MappingNode:
		merged := *upper
		merged.Content = slices.Clone(upper.Content)
		for i := 0; i+1 < len(lower.Content); i += 2 {
			if own, at := value(upper, lower.Content[i].Value); own != nil {
				merged.Content[at+1] = overlay(own, lower.Content[i+1])
				continue
			}
			merged.Content = append(merged.Content, lower.Content[i], lower.Content[i+1])
		}
		return &merged
	case upper.Kind == yaml.SequenceNode && lower.Kind == yaml.SequenceNode && areRules(upper) && areRules(lower):
		merged := *upper
		merged.Content = slices.Clone(upper.Content)
		names := ruleNames(upper)
		for _, rule := range lower.Content {
			if name, _ := value(rule, "name"); !slices.Contains(names, name.Value) {
				merged.Content = append(merged.Content, rule)
			}
		}
		return &merged
	case upper.Tag == "!!null": // an empty section says nothing
		return lower
	default:
		return upper
	}
}

func areRules(list *yaml.Node) bool {
	return !slices.ContainsFunc(list.Content, func(n *yaml.Node) bool {
		if n.Kind != yaml.MappingNode {
			return true
		}
		name, _ := value(n, "name")
		return name == nil
	})
}

func ruleNames(list *yaml.Node) []string {
	var names []string
	for _, rule := range list.Content {
		name, _ := value(rule, "name")
		names = append(names, name.Value)
	}
	return names
}
