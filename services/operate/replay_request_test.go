package operate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// A request that names a store, an order or a customer that nobody knows is refused and says which: it would tell of history
// that stays as it is.
func TestARequestForWhatIsNotThereIsRefused(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	ctx := natstest.Context(t)
	p.deliver(1000)
	p.wantedOf(2, p.shopper(2, day))
	p.desired(2)
	if err := terms.Keep(ctx, p.JS, "ns", terms.Account{Mappings: map[string]string{"main": "default", "young": "default"}}); err != nil {
		t.Fatal(err)
	}
	candidate := p.compiled(mapping.Default)
	ask := map[string]func(r replay.Request) error{
		"plan":  func(r replay.Request) error { _, err := replay.Make(ctx, p.JS, candidate, r, nil); return err },
		"parse": func(r replay.Request) error { _, err := replay.Parse(ctx, p.JS, r, nil); return err },
		"feed": func(r replay.Request) error {
			_, err := operate.Feed(ctx, p.JS, "channel-"+r.Store, r.Store, time.Time{}, "kim", "")
			return err
		},
		"feed of a subject": func(r replay.Request) error {
			_, err := operate.FeedSubject(ctx, p.JS, "books.orders", r.Store, time.Time{}, "kim", "", nil)
			return err
		},
	}
	for _, c := range []struct {
		request replay.Request
		want    string // "": taken
	}{
		{replay.Request{Store: "main"}, ""},
		{replay.Request{Store: "young"}, ""}, // no order yet
		{replay.Request{Store: "mian"}, `store = "mian": want a key under stores of the configuration: [main young]`},
		{replay.Request{Orders: []string{"1000"}}, ""},
		{replay.Request{Orders: []string{"1000", "4711"}}, `orders = "4711": want the shop's ids of orders, nothing is kept of this one`},
		{replay.Request{Store: "young", Orders: []string{"1000"}}, `orders = "1000": want the shop's ids of orders of store young`},
		{replay.Request{Customers: []string{"2"}}, ""},
		{replay.Request{Customers: []string{"3"}}, `customers = "3": want the shop's ids of customers' accounts`},
	} {
		for name, asked := range ask {
			if strings.HasPrefix(name, "feed") && (len(c.request.Orders) > 0 || len(c.request.Customers) > 0) {
				continue
			}
			err := asked(c.request)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s of %+v: %v, want %q", name, c.request, err, c.want)
			}
		}
	}
	if _, err := p.JS.Consumer(context.Background(), "ORDERS", "channel-mian"); err == nil {
		t.Error("a feed that was refused made a consumer")
	}
	if _, err := operate.StartShadow(ctx, p.JS, "", second, operate.ShadowRule{After: -5}, "kim", ""); err == nil || !strings.Contains(err.Error(), "after = -5") {
		t.Errorf("%v: a shadow is promoted after fewer states than none", err)
	}
}
