package woo

import (
	"fmt"
	"testing"

	"github.com/orderstream/orderstream/contracts/codec"
)

// Lines of both bundle plugins find the outermost one, a ring of hostile ones an end.
func TestBundle(t *testing.T) {
	line := func(id, product string, meta ...string) string {
		text := ""
		for i := 0; i+1 < len(meta); i += 2 {
			text += fmt.Sprintf(`,{"key":%q,"value":%q}`, meta[i], meta[i+1])
		}
		return fmt.Sprintf(`{"id":%s,"product_id":%s,"meta_data":[{"key":"color","value":{}}%s]}`, id, product, text)
	}
	for name, c := range map[string]struct{ lines, want string }{
		"no bundle":          {line("1", "10") + "," + line("2", "20"), "1 2"},
		"product bundles":    {line("1", "10", bundleKey, "a") + "," + line("2", "20", bundledBy, "a", bundleKey, "b") + "," + line("3", "30", bundledBy, "b"), "1+ 1+ 1"},
		"wpc":                {line("1", "10") + "," + line("2", "20", wpcParent, "10") + "," + line("3", "10") + "," + line("4", "20", wpcParent, "10"), "1+ 1 3+ 3"},
		"a bundle not there": {line("1", "10", bundledBy, "a") + "," + line("2", "20", wpcParent, "99"), "1 2"},
		"a ring":             {line("1", "10", bundleKey, "a", bundledBy, "b") + "," + line("2", "20", bundleKey, "b", bundledBy, "a"), "1+ 2+"},
	} {
		o, err := codec.Decode[Order]([]byte(`{"line_items":[` + c.lines + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for i := range o.Lines {
			outermost, holds := o.Bundle(i)
			got += " " + string(outermost.ID)
			if holds {
				got += "+"
			}
		}
		if got != " "+c.want {
			t.Errorf("%s:%s, want %s", name, got, c.want)
		}
	}
}
