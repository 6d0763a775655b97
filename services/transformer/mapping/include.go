package mapping

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/fault"
)

const (
	maxIncludes = 64 // documents that one is put together from
	maxNested   = 8  // includes within includes
)

// Source is a document with its shared parts: the text that a revision keeps, and where in the files each of its values
// stands.
type Source struct {
	Text []byte
	tree *tree // nil: the text is one file's
}

// Load reads a document and the shared parts it includes, and gives one text that needs no other: what a revision
// keeps, so that it can be made again bit for bit whatever becomes of the parts. A text without include is given as
// it is.
func Load(path string, readFile func(path string) ([]byte, error)) ([]byte, error) {
	s, err := Open(path, readFile)
	return s.Text, err
}

// Open is Load that keeps the places in the files, for what is said about them.
func Open(path string, readFile func(path string) ([]byte, error)) (Source, error) {
	l := loader{readFile: readFile, top: filepath.Dir(path), files: map[*yaml.Node]string{}, texts: map[string]string{}}
	data, err := readFile(path)
	if err != nil {
		return Source{}, err
	}
	t := including(data)
	if t == nil {
		return Source{Text: data}, nil
	}
	root, err := l.resolve(t.root, filepath.Base(path), string(data), nil)
	if err != nil {
		return Source{}, fault.New(fault.MappingInvalid, "want shared parts that can be put together", fault.Field("include", path), fault.Because(err))
	}
	text, err := l.text(root, data)
	if err != nil {
		return Source{}, err
	}
	return Source{text, grown(root, l.files, l.texts)}, nil
}

// text writes what is put together.
func (l *loader) text(root *yaml.Node, data []byte) ([]byte, error) {
	var text bytes.Buffer
	for _, comment := range schemaComment(data) {
		text.WriteString(comment + "\n")
	}
	fmt.Fprintf(&text, "# Put together from %s.\n", strings.Join(l.names, ", "))
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, err
	}
	err := encoder.Close()
	return text.Bytes(), err
}

// Compile checks and compiles the document. Errors name path, file, line and column.
func (s Source) Compile() (*Mapping, error) {
	if s.tree == nil {
		return Compile(s.Text)
	}
	return s.tree.mapping(Revision(s.Text))
}

// Findings are what Findings says of the text, with places in the files.
func (s Source) Findings(needs ...string) ([]Finding, error) {
	if s.tree == nil {
		return Findings(s.Text, needs...)
	}
	m, err := s.Compile()
	if err != nil {
		return nil, err
	}
	return s.tree.findings(m, needs)
}

// including gives the tree of a text that includes parts, nil for any other; what is wrong with it, Compile says.
func including(data []byte) *tree {
	t, err := read(data)
	if err != nil {
		return nil
	}
	if parts, _ := value(t.root, "include"); parts == nil || len(parts.Content) == 0 {
		return nil
	}
	return t
}

// schemaComment is the line that tells an editor the schema, where it is the first one.
func schemaComment(data []byte) []string {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.HasPrefix(first, []byte("# yaml-language-server:")) {
		return nil
	}
	return []string{strings.TrimSpace(string(first))}
}

type loader struct {
	readFile func(path string) ([]byte, error)
	top      string   // folder of the document; parts lie in it
	names    []string // of everything read, relative to top
	files    map[*yaml.Node]string
	texts    map[string]string // of the files
}

// resolve puts a document over its parts, an earlier part over a later one. within are the documents that include
// this one.
func (l *loader) resolve(root *yaml.Node, name, text string, within []string) (*yaml.Node, error) {
	l.names = append(l.names, name)
	if len(l.names) > maxIncludes || len(within) > maxNested {
		return nil, fmt.Errorf("want at most %d documents, included at most %d deep", maxIncludes, maxNested)
	}
	if alias := anchored(root); alias != nil {
		return nil, fmt.Errorf("%s, line %d: want no anchors and aliases in documents that are put together", name, alias.Line)
	}
	l.remember(root, name)
	l.texts[name] = text
	within = append(slices.Clone(within), name)
	parts, at := value(root, "include")
	if parts == nil {
		return root, nil
	}
	merged := *root
	merged.HeadComment = ""
	merged.Content = slices.Concat(root.Content[:at], root.Content[at+2:])
	result := &merged
	for _, part := range parts.Content {
		lower, err := l.part(filepath.Join(filepath.Dir(name), part.Value), within)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, part.Line, err)
		}
		result = overlay(result, lower)
	}
	return result, nil
}

// remember notes the file of a node and of all within it.
func (l *loader) remember(n *yaml.Node, name string) {
	l.files[n] = name
	for _, child := range n.Content {
		l.remember(child, name)
	}
}

func (l *loader) part(name string, within []string) (*yaml.Node, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("include %q: want a path inside the folder of the document", name)
	}
	if slices.Contains(within, name) {
		return nil, fmt.Errorf("include %q: it includes itself", name)
	}
	data, err := l.readFile(filepath.Join(l.top, name))
	if err != nil {
		return nil, fmt.Errorf("include %q: %w", name, err)
	}
	t, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("include %q: %w", name, err)
	}
	return l.resolve(t.root, name, string(data), within)
}

// anchored finds the first anchor or alias of a tree.
func anchored(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return n
	}
	for _, child := range n.Content {
		if found := anchored(child); found != nil {
			return found
		}
	}
	return nil
}
