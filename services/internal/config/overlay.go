package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// overlay lays variables over what the file says.
func overlay(tree map[string]any, schema *jsonschema.Schema, environ []string) {
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours || rest == "" {
			continue
		}
		const mark = "\x00"
		path := strings.Split(strings.ReplaceAll(rest, "__", mark), "_")
		for i := range path {
			path[i] = strings.ReplaceAll(path[i], mark, "_")
		}
		set(tree, schema, path, value)
	}
}

func set(tree map[string]any, schema *jsonschema.Schema, path []string, value string) {
	for _, word := range path[:len(path)-1] {
		name := nameOf(tree, schema, word)
		next, ok := tree[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[name] = next
		}
		tree, schema = next, below(schema, name)
	}
	name := nameOf(tree, schema, path[len(path)-1])
	tree[name] = typed(below(schema, name), value)
}

// nameOf finds the name that a word of a variable means: case is not told apart, nor "-" from "_", which no shell takes.
// A name that is not there yet is lower case, unless the schema wants capitals.
func nameOf(tree map[string]any, schema *jsonschema.Schema, word string) string {
	lower, upper := strings.ToLower(word), strings.ToUpper(word)
	if _, there := tree[lower]; there {
		return lower
	}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if strings.EqualFold(strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(word, "-", "_")) {
			return name
		}
	}
	if schema != nil && schema.PropertyNames != nil && schema.PropertyNames.Validate(lower) != nil && schema.PropertyNames.Validate(upper) == nil {
		return upper
	}
	return lower
}

func item(schema *jsonschema.Schema, node *yaml.Node) any {
	var value any
	if node.Kind != yaml.ScalarNode && node.Decode(&value) == nil {
		return value
	}
	return typed(schema, node.Value)
}

// typed reads a variable's text as what the schema wants there. What does not fit stays text, for the schema to refuse.
func typed(schema *jsonschema.Schema, text string) any {
	switch {
	case is(schema, "integer"):
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case is(schema, "array"):
		var list []yaml.Node
		if strings.HasPrefix(text, "[") && yaml.Unmarshal([]byte(text), &list) == nil {
			items := make([]any, len(list))
			for i := range list {
				items[i] = item(schema.Items2020, &list[i])
			}
			return items
		}
	}
	return text
}
