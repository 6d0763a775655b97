package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// told is the note in the order's newest event.
func (b *backward) told() string {
	b.t.Helper()
	handle, err := b.JS.Stream(b.t.Context(), topology.Orders)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := handle.GetLastMsgForSubject(b.t.Context(), subject.OrdersOf(b.store, fmt.Sprint(b.order)))
	if err != nil {
		b.t.Fatal(err)
	}
	state, err := codec.Decode[event.OrderStateV1](raw.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return state.CustomerNote
}

// delivered counts the order's webhooks, and tells whether the last three of them have one delivery id.
func (b *backward) delivered() (n int, alike bool) {
	b.t.Helper()
	ids := []string{"", "", ""}
	for _, e := range b.Shop.Log() {
		if e.Kind == shopsim.Delivered && e.Object == b.order {
			ids = append(ids, e.DeliveryID)
		}
	}
	last := ids[len(ids)-3:]
	return len(ids) - 3, last[0] == last[1] && last[1] == last[2]
}

// Invariant 4: an order that says one thing, another, and the first again within one second sends the bytes of the first once
// more under the same delivery id, as a proxy does that repeats a request. The last state arrives all the same.
func TestAnOrderGoesBackWithinASecond(t *testing.T) {
	b := owned(t, "processing", world.Unwatched)
	says := func(note string) {
		before, _ := b.delivered()
		if err := b.Shop.Edit(b.store, b.order, []byte(fmt.Sprintf(`{"customer_note":%q}`, note))); err != nil {
			t.Fatal(err)
		}
		b.Until("it is delivered", func() bool { now, _ := b.delivered(); return now > before })
	}
	stored := func() int {
		return b.count(topology.Woo, subject.WebhooksOf(b.store, "order", fmt.Sprint(b.order)))
	}
	for try, alike := 0, false; !alike; try++ { // until all of it falls into one second
		here, there := fmt.Sprintf("here %d", try), fmt.Sprintf("there %d", try)
		b.Until("a second begins", func() bool { return time.Now().Nanosecond() < int(100*time.Millisecond) })
		says(here)
		says(there)
		b.Until("it is told", func() bool { return b.told() == there })
		before := stored()
		says(here)
		_, alike = b.delivered()
		b.quiet()
		if so := b.SalesOrders()[fmt.Sprintf("wc-so-main-%d", b.order)]; b.told() != here || so.Note != here {
			t.Fatalf("the event says %q and the sales order %q, want %q", b.told(), so.Note, here)
		}
		if now := stored(); alike && now != before+1 {
			t.Errorf("%d deliveries stored behind %d, want that of the read alone", now-before, before)
		}
	}
}
