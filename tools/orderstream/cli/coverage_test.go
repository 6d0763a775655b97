package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// An example that cannot be read exercises nothing, and coverage says so.
func TestCoverageTellsExamplesThatFail(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"default.yaml": string(mapping.Default),
		"shop.yaml":    "mapping: shop\nversion: 1\ninclude: [default.yaml]\ntests:\n  - {name: gone, order: nowhere.json, expect: {rule: accepted}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ flag, want string }{{"--json=false", "1 of the examples failed:\nFAIL  gone: open "}, {"--json", `"error": "open `}} {
		var out, errs bytes.Buffer
		if code := run(context.Background(), []string{"mapping", "coverage", filepath.Join(dir, "shop.yaml"), c.flag}, &out, &errs); code != 0 || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s gives %d: %s%s, want %s", c.flag, code, out.String(), errs.String(), c.want)
		}
	}
}
