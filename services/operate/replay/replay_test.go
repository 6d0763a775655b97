package replay

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/money"
)

func change(order, hash string, effect Effect) Change {
	return Change{Store: "main", Order: order, Source: 1, Desired: 2, Hash: hash, Effect: effect, Placed: time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC)}
}

func TestTally(t *testing.T) {
	memo := []Difference{{Field: "sales_order.fields.memo", From: "a", To: "b"}}
	lines := []Difference{{Field: "sales_order.lines[line-1].amount", From: "1.00", To: "2.00"}, {Field: "sales_order.lines[line-2].amount", From: "1.00", To: "2.00"}}
	verdicts := []verdict{
		{skipped: true}, {},
		{change: change("9", "x", EffectUpdate), differences: lines, currency: "USD", delta: money.MustParse("2.00"), call: 300 * time.Millisecond},
		{change: change("7", "y", EffectUpdate), differences: memo, currency: "USD", delta: money.MustParse("-0.50"), call: 500 * time.Millisecond},
		{change: change("8", "z", EffectKeep), differences: memo, currency: "EUR"},
		{trouble: &Trouble{"main", "5", "tax-rate-unmapped", "no"}},
	}
	make := func(order ...int) Plan {
		tally := newTally(Plan{Mapping: "default", Revision: "abc", Request: Request{Slots: 2}})
		for _, i := range order {
			tally.add(verdicts[i])
		}
		return tally.finish()
	}
	p := make(0, 1, 2, 3, 4, 5)
	if p.Looked != 5 || p.Same != 1 || len(p.Changes) != 3 || len(p.Troubles) != 1 {
		t.Errorf("%d looked at, %d same, %d changes, %d troubles", p.Looked, p.Same, len(p.Changes), len(p.Troubles))
	}
	want := []Group{
		{Field: "sales_order.fields.memo", Kind: "changed", Orders: 2, Examples: []Example{{Store: "main", Order: "7", Difference: memo[0]}, {Store: "main", Order: "8", Difference: memo[0]}}},
		{Field: "sales_order.lines[].amount", Kind: "changed", Orders: 1, Examples: []Example{{Store: "main", Order: "9", Difference: lines[0]}}},
	}
	if diff := cmp.Diff(want, p.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	days := []Day{{"2026-11-23", "EUR", 1, money.Zero}, {"2026-11-23", "USD", 2, money.MustParse("1.50")}}
	if diff := cmp.Diff(days, p.Days, cmp.Comparer(func(a, b money.Amount) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
	// Two writes of 0.4 s on average and one read-back, over two slots.
	if want := (Cost{Writes: 2, Calls: 3, Call: 400 * time.Millisecond, Elapsed: 600 * time.Millisecond}); p.Cost != want {
		t.Errorf("cost %+v, want %+v", p.Cost, want)
	}
	if turned := make(5, 4, 3, 2, 1, 0); turned.Hash != p.Hash {
		t.Error("the hash depends on the order in which history is read")
	}
	if other := make(1, 2, 3); other.Hash == p.Hash {
		t.Error("fewer changes have the same hash")
	}
	var page bytes.Buffer
	if err := p.Page(&page); err != nil || !strings.Contains(page.String(), p.Hash) || !strings.Contains(page.String(), "sales_order.lines[].amount") {
		t.Errorf("page of %d bytes, %v", page.Len(), err)
	}
}
