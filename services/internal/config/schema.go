package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/orderstream/orderstream/schemas"
)

const schemaFile = "config/v1/orderstream.json"

func compiled() (*jsonschema.Schema, error) {
	document, err := schemas.Files.ReadFile(schemaFile)
	if err != nil {
		return nil, fmt.Errorf("configuration schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(string(document)))
	if err != nil {
		return nil, fmt.Errorf("configuration schema: %w", err)
	}
	if err := compiler.AddResource(schemaFile, parsed); err != nil {
		return nil, fmt.Errorf("configuration schema: %w", err)
	}
	schema, err := compiler.Compile(schemaFile)
	if err != nil {
		return nil, fmt.Errorf("configuration schema: %w", err)
	}
	return schema, nil
}

// below is the schema of a name inside an object, or of an item of a list; nil where the schema says nothing.
func below(schema *jsonschema.Schema, name string) *jsonschema.Schema {
	if schema == nil {
		return nil
	}
	if property := schema.Properties[name]; property != nil {
		return property
	}
	if schema.Items2020 != nil {
		return schema.Items2020
	}
	rest, _ := schema.AdditionalProperties.(*jsonschema.Schema)
	return rest
}

// is tells whether the schema wants one type.
func is(schema *jsonschema.Schema, name string) bool {
	if schema == nil || schema.Types == nil {
		return false
	}
	types := schema.Types.ToStrings()
	return len(types) == 1 && types[0] == name
}

// validate gives the schema's mistakes in a file read as JSON.
func validate(schema *jsonschema.Schema, file any) ([]mistake, error) {
	err := schema.Validate(file)
	var invalid *jsonschema.ValidationError
	if err == nil || !errors.As(err, &invalid) {
		return nil, err
	}
	found := verdict{schema, file, message.NewPrinter(language.English)}.of(invalid)
	return append(found, misnamed(schema, file, nil)...), nil
}

// verdict explains what a schema says about a file.
type verdict struct {
	schema  *jsonschema.Schema
	file    any
	printer *message.Printer
}

func (v verdict) of(e *jsonschema.ValidationError) []mistake {
	switch k := e.ErrorKind.(type) {
	case *kind.PropertyNames:
		return nil // see misnamed
	case *kind.Required:
		return v.names(e, k.Missing, "is missing")
	case *kind.AdditionalProperties:
		return v.names(e, k.Properties, "is no name that is known here")
	}
	if len(e.Causes) == 0 {
		return []mistake{{strings.Join(e.InstanceLocation, "."), v.shown(e.InstanceLocation), v.rule(e)}}
	}
	var list []mistake
	for _, cause := range e.Causes {
		list = append(list, v.of(cause)...)
	}
	return list
}

func (v verdict) names(e *jsonschema.ValidationError, names []string, rule string) []mistake {
	list := make([]mistake, len(names))
	for i, name := range names {
		list[i] = mistake{strings.Join(append(slices.Clone(e.InstanceLocation), name), "."), "", rule}
	}
	return list
}

// misnamed finds names that the schema does not take. The validator finds them too, but loses where they stand.
func misnamed(schema *jsonschema.Schema, value any, path []string) []mistake {
	var list []mistake
	object, _ := value.(map[string]any)
	for name, value := range object {
		here := append(slices.Clone(path), name)
		if schema != nil && schema.PropertyNames != nil && schema.PropertyNames.Validate(name) != nil {
			list = append(list, mistake{strings.Join(here, "."), "", "want a name like " + schema.PropertyNames.Pattern.String()})
			continue
		}
		list = append(list, misnamed(below(schema, name), value, here)...)
	}
	return list
}

func (v verdict) rule(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Pattern:
		if strings.Contains(k.Want, "env:") {
			return `want a reference "env:NAME" or "file:/path", not the secret itself`
		}
		return "want a text like " + k.Want
	case *kind.Format:
		return "want a " + k.Want
	default:
		return k.LocalizedString(v.printer)
	}
}

// shown is the value at a place, as far as it may be shown: a secret that somebody wrote into the file is not repeated,
// nor what stands where several values belong.
func (v verdict) shown(location []string) string {
	schema, value := v.schema, v.file
	for _, name := range location {
		schema, value = below(schema, name), child(value, name)
	}
	if schema == nil || is(schema, "object") || guarded(schema) || guarded(schema.Items2020) {
		return ""
	}
	switch value := value.(type) {
	case string:
		return fmt.Sprintf("%.120q", value)
	case bool, fmt.Stringer: // a number keeps its digits
		return fmt.Sprint(value)
	default:
		return ""
	}
}

// guarded tells whether a value is a reference to a secret.
func guarded(schema *jsonschema.Schema) bool {
	return schema != nil && schema.Pattern != nil && strings.Contains(schema.Pattern.String(), "env:")
}

func child(value any, name string) any {
	switch value := value.(type) {
	case map[string]any:
		return value[name]
	case []any:
		if n, err := strconv.Atoi(name); err == nil && n < len(value) {
			return value[n]
		}
	}
	return nil
}

// prune takes out what is wrong, so that the rest can be looked at too. Of a list with a wrong item nothing is left.
func prune(file any, path string) {
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		object, _ := file.(map[string]any)
		if _, list := object[name].([]any); list {
			delete(object, name)
			return
		}
		file = object[name]
	}
	if object, is := file.(map[string]any); is {
		delete(object, names[len(names)-1])
	}
}
