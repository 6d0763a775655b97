package operate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/services/operate"
)

func TestTextDiff(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"equal":        {"a\nb\n", "a\nb\n", ""},
		"a line":       {"a\nb\nc\n", "a\nx\nc\n", "  a|- b|+ x|  c"},
		"added":        {"", "a\n", "+ a"},
		"removed":      {"a\n", "", "- a"},
		"far apart":    {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n2\n3\n4\n5\n6\n7\n8\n9\n9\n", "- 1|+ 0|  2|  3|  4|…|  7|  8|  9|+ 9"},
		"moved":        {"a\nb\nc\n", "b\nc\na\n", "- a|  b|  c|+ a"},
		"beyond three": {"1\n2\n3\n4\n5\nx\n", "1\n2\n3\n4\n5\ny\n", "…|  3|  4|  5|- x|+ y"},
	} {
		if diff := cmp.Diff(strings.TrimPrefix(c.want, "…|"), strings.Join(operate.TextDiff(c.from, c.to), "|")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
