// Package contracts proves that one name walks message type, Go struct, schema file and golden message.
package contracts

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/schemas"
)

const base = "https://orderstream.dev/schemas/"

func schemaFile(name string) string { return strings.ReplaceAll(name, ".", "/") + ".json" }

// compiler knows every embedded schema.
func compiler(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := filepath.Glob("../schemas/*/v1/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no schemas found", err)
	}
	for _, file := range files {
		name := strings.TrimPrefix(filepath.ToSlash(file), "../schemas/")
		data, err := schemas.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(name, err)
		}
		if err := c.AddResource(base+name, document); err != nil {
			t.Fatal(name, err)
		}
	}
	return c
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(data)
}

// variants are further golden messages of a type: <type>-<word>.json.
func variants(t *testing.T, name string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", name+"-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return files
}

func TestOneNameWalks(t *testing.T) {
	declared := typeNames(t)
	c := compiler(t)
	for _, typ := range event.Types() {
		t.Run(typ.Name, func(t *testing.T) {
			if !declared[typ.Struct] {
				t.Errorf("package event declares no type %s", typ.Struct)
			}
			schema, err := c.Compile(base + schemaFile(typ.Name))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range append([]string{typ.Name}, variants(t, typ.Name)...) {
				message := golden(t, name)
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(message))
				if err != nil {
					t.Fatal(err)
				}
				if err := schema.Validate(value); err != nil {
					t.Errorf("the golden message %s breaks its schema: %v", name, err)
				}
				if diff := cmp.Diff(string(message), string(again(t, typ, message))); diff != "" {
					t.Errorf("decoded and encoded again, the golden message %s differs:\n%s", name, diff)
				}
			}
		})
	}
}

// again decodes a message into its struct and encodes it.
func again(t *testing.T, typ event.Type, message []byte) []byte {
	t.Helper()
	var body any
	var err error
	switch typ.Body.(type) {
	case event.WebhookReceivedV1:
		body, err = codec.Decode[event.WebhookReceivedV1](message)
	case event.OrderStateV1:
		body, err = codec.Decode[event.OrderStateV1](message)
	case event.CustomerChangedV1:
		body, err = codec.Decode[event.CustomerChangedV1](message)
	case event.ReadRequestedV1:
		body, err = codec.Decode[event.ReadRequestedV1](message)
	case event.DesiredOrderV1:
		body, err = codec.Decode[event.DesiredOrderV1](message)
	case event.DesiredCustomerV1:
		body, err = codec.Decode[event.DesiredCustomerV1](message)
	case event.SyncRecordedV1:
		body, err = codec.Decode[event.SyncRecordedV1](message)
	case event.ShopRecordedV1:
		body, err = codec.Decode[event.ShopRecordedV1](message)
	case event.NetSuiteNoticedV1:
		body, err = codec.Decode[event.NetSuiteNoticedV1](message)
	case event.NetSuiteChangedV1:
		body, err = codec.Decode[event.NetSuiteChangedV1](message)
	case event.FailureParkedV1:
		body, err = codec.Decode[event.FailureParkedV1](message)
	case event.AlertRaisedV1:
		body, err = codec.Decode[event.AlertRaisedV1](message)
	case event.AuditActedV1:
		body, err = codec.Decode[event.AuditActedV1](message)
	default:
		t.Fatalf("no decoder for %T", typ.Body)
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := codec.Encode(body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func typeNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob("event/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				names[spec.Name.Name] = true
			}
			return true
		})
	}
	return names
}

// Every field of a struct stands in its schema, and no other.
func TestSchemasAndStructsHaveTheSameFields(t *testing.T) {
	for _, typ := range event.Types() {
		t.Run(typ.Name, func(t *testing.T) {
			document := schemaDocument(t, schemaFile(typ.Name))
			if ref, ok := document["$ref"].(string); ok {
				document = schemaDocument(t, filepath.ToSlash(filepath.Join(filepath.Dir(schemaFile(typ.Name)), ref)))
			}
			compareFields(t, typ.Name, document, document, reflect.TypeOf(typ.Body), map[reflect.Type]bool{})
		})
	}
}

func schemaDocument(t *testing.T, name string) map[string]any {
	t.Helper()
	data, err := schemas.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	document, err := codec.Decode[map[string]any](data)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func compareFields(t *testing.T, path string, document, schema map[string]any, typ reflect.Type, seen map[reflect.Type]bool) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		if typ == reflect.TypeFor[codec.Raw]() {
			return
		}
		if items, ok := schema["items"].(map[string]any); ok {
			schema = items
		} else if values, ok := schema["additionalProperties"].(map[string]any); ok {
			schema = values
		}
		typ = typ.Elem()
	}
	if ref, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/$defs/")
		schema, _ = document["$defs"].(map[string]any)[name].(map[string]any)
	}
	properties, isObject := schema["properties"].(map[string]any)
	if typ.Kind() != reflect.Struct || !isObject || seen[typ] {
		return
	}
	seen[typ] = true
	fields := jsonFields(typ)
	for name, field := range fields {
		property, known := properties[name].(map[string]any)
		if !known {
			t.Errorf("%s.%s: not in the schema", path, name)
			continue
		}
		compareFields(t, path+"."+name, document, property, field, seen)
	}
	for name := range properties {
		if _, known := fields[name]; !known {
			t.Errorf("%s.%s: not in the struct", path, name)
		}
	}
}

func jsonFields(typ reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range typ.NumField() {
		field := typ.Field(i)
		if field.Anonymous {
			for name, inner := range jsonFields(field.Type) {
				fields[name] = inner
			}
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fields[name] = field.Type
	}
	return fields
}
