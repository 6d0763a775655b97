package netsuitewriter

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
)

// What was found is not asked for again for ten minutes, what was not found for half a minute; what NetSuite refused is asked
// for at once, and so is what was not found where somebody wants it looked at again.
func TestLookUpsAreKnownForAWhile(t *testing.T) {
	ref := func(sku string) event.Ref { return event.Ref{Record: "item", By: "name", Key: sku} }
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t.Context(), nil)
		var asked []string
		d.loaders[sources["item"]["name"]].fetch = func(_ context.Context, keys []string) (map[string][]found, []event.Call, error) {
			asked = append(asked, keys...)
			return map[string][]found{"tee": {{id: "7"}}, "retired": {{id: "8", inactive: true}}, "twice": {{id: "9"}, {id: "10"}}}, nil, nil
		}
		all := []event.Ref{ref("TEE"), ref("MISSING"), ref("RETIRED"), ref("TWICE")}
		for _, step := range []struct {
			after  time.Duration
			fresh  bool
			forget []event.Ref
			want   []string
		}{
			{want: []string{"missing", "retired", "tee", "twice"}},
			{after: missFor - time.Second},
			{fresh: true, want: []string{"missing", "retired", "twice"}},
			{after: missFor + time.Second, want: []string{"missing", "retired", "twice"}},
			{forget: []event.Ref{ref("TEE")}, want: []string{"tee"}},
			{after: freshFor + time.Second, want: []string{"missing", "retired", "tee", "twice"}},
		} {
			time.Sleep(step.after)
			d.forget(step.forget)
			asked = nil
			records, _, err := d.find(t.Context(), all, step.fresh)
			slices.Sort(asked)
			if err != nil || !slices.Equal(asked, step.want) || len(records[ref("TEE")]) != 1 || len(records[ref("TWICE")]) != 2 {
				t.Errorf("%+v: asked for %q, found %v, %v", step, asked, records, err)
			}
		}
	})
}
