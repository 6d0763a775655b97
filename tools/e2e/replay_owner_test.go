package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate/replay"
)

// A plan knows what NetSuite's people own: an order that they closed stays as it is, and money that they book is not made.
func TestAPlanKnowsWhatNetSuitesPeopleOwn(t *testing.T) {
	b := owned(t, "processing", func(c *host.Config) {
		watchful(c)
		store := c.Stores["main"]
		store.Back.Owner.Payment = "netsuite"
		c.Stores["main"] = store
	})
	var closed []string
	for _, line := range b.ledger().Lines {
		closed = append(closed, `{"line":`+line.Line+`,"isClosed":true}`)
	}
	b.act(`{"item":{"items":[` + strings.Join(closed, ",") + `]}}`)
	reads(t, b.World, fmt.Sprint(b.order), "H")
	b.Settle()
	p := plan(t, b.World, shorter)
	list := changesIn(t, p)
	if len(list) != 1 || list[0].Effect != replay.EffectKeep || list[0].Records != 0 || p.Cost.Writes != 0 || p.Cost.Records != 0 {
		t.Fatalf("changes %+v, cost %+v: want the closed order kept, and nothing booked", list, p.Cost)
	}
	if whole := applied(t, b.World, p, shorter); len(whole) != 0 {
		t.Errorf("written %v, want none", whole)
	}
	if o := lastOutcome(t, b.World, list[0].Order); o.Rule != "netsuite-owns-status" || len(o.Ledger.Deposits) != 0 {
		t.Errorf("outcome %s by rule %q, deposits %v; want the status left to NetSuite's people", o.Kind, o.Rule, o.Ledger.Deposits)
	}
}
