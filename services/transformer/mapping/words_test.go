package mapping

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func guideText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("GUIDE.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The guide shows exactly the functions that expressions can call.
func TestGuideShowsTheFunctions(t *testing.T) {
	if want := functionTable(); !strings.Contains(guideText(t), "\n"+want+"\n") {
		t.Errorf("the guide does not show this table of functions:\n%s", want)
	}
	for _, f := range functions {
		if f.call != nil && (f.types == nil) == (f.check == nil) {
			t.Errorf("%s: want types or a check", f.name)
		}
	}
}

// The guide names exactly the fields that expressions see, each in the row of what it is a field of.
func TestGuideShowsTheNames(t *testing.T) {
	rows := map[string]string{}
	for line := range strings.Lines(guideText(t)) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") && len(cells) > 1 {
			for name := range strings.SplitSeq(strings.TrimPrefix(cells[0], "| "), ", ") {
				rows[strings.Trim(name, "`")] = cells[1]
			}
		}
	}
	shownFields(t, rows, "", reflect.TypeFor[Env]())
}

func shownFields(t *testing.T, rows map[string]string, path string, of reflect.Type) {
	t.Helper()
	if _, listed := rows[path]; path != "" && !listed {
		t.Errorf("the guide has no row for %s", path)
	}
	list := " " + strings.Join(strings.Split(rows[path], "`"), " ") + " "
	for i := range of.NumField() {
		name, field := of.Field(i).Tag.Get("expr"), of.Field(i).Type
		if name == workName {
			continue
		}
		if path != "" && !strings.Contains(list, " "+name+" ") {
			t.Errorf("the guide's row for %s does not name %s", path, name)
		}
		for field.Kind() == reflect.Slice {
			field = field.Elem()
		}
		if _, ours := types[field.Name()]; ours && field.Kind() == reflect.Struct && name != "lines" { // those are line's
			shownFields(t, rows, join(path, name), field)
		}
	}
}

// A misspelt function is told what it may mean, from the same table.
func TestFunctionsAreSuggested(t *testing.T) {
	_, err := Compile([]byte(string(Default) + "\nclasses: [{name: a, when: 'trimPrefx(order.number, \"1\") == \"\"'}]\n"))
	if err == nil || !strings.Contains(err.Error(), "did you mean trimPrefix?") {
		t.Errorf("%v, want a suggestion", err)
	}
}
