package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/cli"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// says runs the operator's command and gives its exit code and what it prints.
func says(w world.World, words ...string) (code int, out, errs string) {
	var printed, failed bytes.Buffer
	code = cli.Main(append([]string{"--nats", w.Facts.NATS}, words...), &printed, &failed)
	return code, printed.String(), failed.String()
}

// said is what the operator's command prints, decoded.
func said[T any](t *testing.T, w world.World, words ...string) T {
	t.Helper()
	return saidWith[T](t, w, 0, words...)
}

// saidWith is said of a command that ends with a code.
func saidWith[T any](t *testing.T, w world.World, want int, words ...string) T {
	t.Helper()
	code, out, errs := says(w, append([]string{"--json"}, words...)...)
	if code != want {
		t.Fatalf("%v gives %d: %s%s", words, code, out, errs)
	}
	value, err := codec.Decode[T]([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// holds runs the operator's command, which prints all of the texts.
func holds(t *testing.T, w world.World, words []string, want ...string) {
	t.Helper()
	code, out, errs := says(w, words...)
	for _, text := range want {
		if code != 0 || !strings.Contains(out, text) {
			t.Errorf("%v gives %d: no %q in\n%s%s", words, code, text, out, errs)
		}
	}
}

// refused runs the operator's command, which fails and says why.
func refused(t *testing.T, w world.World, why string, words ...string) {
	t.Helper()
	if code, out, errs := says(w, words...); code == 0 || !strings.Contains(errs, why) {
		t.Errorf("%v gives %d: %s%s, want it refused: %s", words, code, out, errs, why)
	}
}

// The verbs of the language that ask history: what the last orders exercise, why an order of a mapping whose name is not
// its key is what it is, an event of it derived again.
func TestTheLanguageAsksHistory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.yaml")
	document := bytes.Replace(mapping.Default, []byte("mapping: default"), []byte("mapping: shop"), 1)
	document = append(document, "\nclasses: [{name: dollars, when: order.currency == \"USD\"}, {name: yen, when: order.currency == \"XXX\"}]\n"...)
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched, Mapping: file})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	none, covered := said[mapping.Coverage](t, w, "mapping", "coverage", file), said[mapping.Coverage](t, w, "mapping", "coverage", file, "--last", "100")
	if !slices.Contains(none.Unfired, "classes dollars") || slices.Contains(covered.Unfired, "classes dollars") || !slices.Contains(covered.Unfired, "classes yen") || covered.Percent() <= none.Percent() {
		t.Errorf("%d%% without the last orders, %d%% with them, unfired %v", none.Percent(), covered.Percent(), covered.Unfired)
	}
	x := said[mapping.Explanation](t, w, "mapping", "explain", "main/36")
	if x.Mapping != "shop" || x.Error != "" || !slices.ContainsFunc(x.Fields, func(f mapping.Explained) bool {
		return strings.HasPrefix(f.Field, "lines[line-") && strings.HasSuffix(f.Field, ".item")
	}) {
		t.Errorf("explained with %s (%s): %d fields", x.Mapping, x.Error, len(x.Fields))
	}
	now := said[operate.Derived](t, w, "order", "derive", "main/36")
	again := said[operate.Derived](t, w, "order", "derive", "main/36", "--event", strconv.FormatUint(now.Desired.Source.Sequence, 10))
	if !now.Same || !again.Same || again.Desired.Hash != now.Desired.Hash {
		t.Errorf("derived as %s, from its event %s; same %v and %v", now.Desired.Hash, again.Desired.Hash, now.Same, again.Same)
	}
}
