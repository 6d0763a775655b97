package phpjson

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The captures are byte-exact webhook bodies of real stores.
func TestCapturesSurviveParseAndRender(t *testing.T) {
	files, err := filepath.Glob("../../testdata/captures/*.body")
	if err != nil || len(files) < 70 {
		t.Fatalf("captures: %d files, err %v; want at least 70", len(files), err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(body), "{") {
			continue // the ping is a form
		}
		v, err := Parse(body)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if diff := cmp.Diff(string(body), string(v.Bytes())); diff != "" {
			t.Errorf("%s (-captured +rendered):\n%s", file, diff)
		}
	}
}

func TestStringsAreEscapedAsPHPDoes(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a/b", `"a\/b"`},
		{`say "hi" \ bye`, `"say \"hi\" \\ bye"`},
		{"\b\f\n\r\t\x01", `"\b\f\n\r\t\u0001"`},
		{"é☕", `"\u00e9\u2615"`},
		{"😀", `"\ud83d\ude00"`},
		{"<b>&'\x7f", "\"<b>&'\x7f\""},
		{"\u2028", `"\u2028"`},
	} {
		if got := string(Text(c.in).Bytes()); got != c.want {
			t.Errorf("%q renders as %s, want %s", c.in, got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, doc := range []string{"", "{", `{"a":}`, `{"a":1} x`, "[1,]", "nul", strings.Repeat("[", MaxDepth+2) + strings.Repeat("]", MaxDepth+2)} {
		if v, err := Parse([]byte(doc)); err == nil {
			t.Errorf("Parse(%.20q) = %s, want an error", doc, v.Bytes())
		}
	}
}

func TestSetKeepsPlaceAndDeleteRemoves(t *testing.T) {
	v := Obj(N("a", 1), T("b", "x"), B("c", true))
	v.Set("b", NullValue())
	v.Set("d", List(Int(2)))
	v.Delete("a")
	if got, want := string(v.Bytes()), `{"b":null,"c":true,"d":[2]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCloneShareNothing(t *testing.T) {
	v := Obj(F("a", List(Obj(N("b", 1)))))
	c := v.Clone()
	c.Get("a").Items()[0].Set("b", Int(2))
	c.Get("a").Append(Int(3))
	if got, want := string(v.Bytes()), `{"a":[{"b":1}]}`; got != want {
		t.Errorf("original became %s, want %s", got, want)
	}
}

func TestRenderedStringsParseBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		v, err := Parse(Text(s).Bytes())
		if err != nil || v.Text() != strings.ToValidUTF8(s, "\ufffd") {
			t.Fatalf("%q came back as %q, err %v", s, v.Text(), err)
		}
	})
}
