package replay

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

func change(order, hash string, effect Effect, differences ...Difference) *Change {
	return &Change{
		Object: Object{Store: "main", Order: order}, Account: "ns", Source: 1, Desired: 2, Hash: hash, Effect: effect, Placed: time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC),
		Fields: len(differences), Differences: differences,
	}
}

// planOf tallies verdicts at an account of two slots.
func planOf(t *testing.T, verdicts ...verdict) Plan {
	t.Helper()
	tally, err := newTally(Plan{Mapping: "default", Revision: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range verdicts {
		tally.add(v)
	}
	p, err := tally.finish(func(string) int { return 2 })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func changesIn(t *testing.T, p Plan) (list []Change) {
	t.Helper()
	for c, err := range p.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

func outcome(order, kind, rule, code string) *event.SyncRecordedV1 {
	e := &event.SyncRecordedV1{Order: order, Kind: kind, Rule: rule, Reason: "so it is"}
	e.Store = "main"
	if code != "" {
		e.Fault = &event.Fault{Code: code}
	}
	return e
}

func TestTally(t *testing.T) {
	memo := Difference{Field: "sales_order.fields.memo", From: "a", To: "b"}
	lines := []Difference{{Field: "sales_order.lines[line-1].amount", From: "1.00", To: "2.00"}, {Field: "sales_order.lines[line-2].amount", From: "1.00", To: "2.00"}}
	verdicts := []verdict{
		{skipped: true}, {},
		{change: change("9", "x", EffectUpdate, lines...), currency: "USD", delta: money.MustParse("2.00"), call: 300 * time.Millisecond, measured: true},
		{change: change("7", "y", EffectUpdate, memo), currency: "USD", delta: money.MustParse("-0.50"), call: 500 * time.Millisecond, measured: true},
		{change: change("8", "z", EffectKeep, memo), currency: "EUR", measured: true},
		{trouble: &Trouble{Object{Store: "main", Order: "5"}, "tax-rate-unmapped", "no"}},
		{behind: outcome("3", "parked", "", "sku-unknown")}, {behind: outcome("2", "skipped", "paid", "")}, {behind: outcome("1", "skipped", "paid", "")},
	}
	make := func(order ...int) Plan {
		var list []verdict
		for _, i := range order {
			list = append(list, verdicts[i])
		}
		return planOf(t, list...)
	}
	p := make(0, 1, 2, 3, 4, 5, 6, 7, 8)
	if p.Looked != 8 || p.Same != 1 || p.Changed != 3 || len(p.Troubles) != 1 {
		t.Errorf("%d looked at, %d same, %d changes, %d troubles", p.Looked, p.Same, p.Changed, len(p.Troubles))
	}
	if diff := cmp.Diff([]Change{*verdicts[2].change, *verdicts[3].change, *verdicts[4].change}, changesIn(t, p)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	want := []Group{
		{Field: "sales_order.fields.memo", Kind: "changed", Orders: 2, Examples: []Example{{Object: Object{Store: "main", Order: "7"}, Difference: memo}, {Object: Object{Store: "main", Order: "8"}, Difference: memo}}},
		{Field: "sales_order.lines[].amount", Kind: "changed", Orders: 1, Examples: []Example{{Object: Object{Store: "main", Order: "9"}, Difference: lines[0]}}},
	}
	if diff := cmp.Diff(want, p.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	behind := []Behind{
		{Kind: "skipped", Rule: "paid", Orders: 2, Examples: []BehindExample{{"main", "2", "so it is"}, {"main", "1", "so it is"}}},
		{Kind: "parked", Code: "sku-unknown", Orders: 1, Examples: []BehindExample{{"main", "3", "so it is"}}},
	}
	if diff := cmp.Diff(behind, p.Behind); diff != "" {
		t.Errorf("behind (-want +got):\n%s", diff)
	}
	if turned := make(8, 7, 6, 5, 4, 3, 2, 1, 0); turned.Hash != p.Hash {
		t.Error("the hash depends on the order in which history is read")
	}
	if other := make(1, 2, 3); other.Hash == p.Hash {
		t.Error("fewer changes have the same hash")
	}
}

// The money of a plan is that of the sales orders it writes, day by day and in all; that of others is told apart.
func TestMoney(t *testing.T) {
	at := func(day int, currency money.Currency, effect Effect, delta string) verdict {
		c := change("1", "x", effect)
		c.Placed = time.Date(2026, 11, day, 23, 59, 0, 0, time.UTC)
		return verdict{change: c, currency: currency, delta: money.MustParse(delta)}
	}
	p := planOf(t,
		at(23, "USD", EffectUpdate, "2.00"), at(24, "USD", EffectCreate, "10.00"), at(23, "USD", EffectAlter, "-0.50"), at(23, "EUR", EffectUpdate, "1.00"),
		at(23, "USD", EffectKeep, "-260.25"), at(25, "EUR", EffectPark, "3.00"), at(23, "USD", EffectHold, "4.00"), at(23, "USD", EffectNone, "5.00"),
	)
	days := []Day{{"2026-11-23", "EUR", 1, money.MustParse("1.00")}, {"2026-11-23", "USD", 2, money.MustParse("1.50")}, {"2026-11-24", "USD", 1, money.MustParse("10.00")}}
	totals := []Total{{"EUR", 1, money.MustParse("1.00")}, {"USD", 3, money.MustParse("11.50")}}
	unwritten := []Total{{"EUR", 1, money.MustParse("3.00")}, {"USD", 3, money.MustParse("-251.25")}}
	same := cmp.Comparer(func(a, b money.Amount) bool { return a.Equal(b) })
	for name, diff := range map[string]string{
		"days": cmp.Diff(days, p.Days, same), "in all": cmp.Diff(totals, p.Totals, same), "not written": cmp.Diff(unwritten, p.Unwritten, same),
	} {
		if diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A hash names all that a plan shows of its changes: who approves it approves no other effect and no other value.
func TestTheHashSealsWhatIsShown(t *testing.T) {
	memo := Difference{Field: "sales_order.fields.memo", From: "a", To: "b"}
	first := planOf(t, verdict{change: change("7", "x", EffectUpdate, memo)})
	for name, turn := range map[string]func(*Change){
		"an order that replaces another state": func(c *Change) { c.Desired++ },
		"another effect":                       func(c *Change) { c.Effect = EffectPark },
		"another value that NetSuite was sent": func(c *Change) { c.Differences[0].From = "c" },
		"other records":                        func(c *Change) { c.Records++ },
		"another total of today":               func(c *Change) { c.From = "1.00" },
		"what is compared with DESIRED":        func(c *Change) { c.Unsent = true },
	} {
		other := change("7", "x", EffectUpdate, memo)
		if turn(other); planOf(t, verdict{change: other}).Hash == first.Hash {
			t.Errorf("%s has the same hash", name)
		}
	}
	if again := planOf(t, verdict{change: change("7", "x", EffectUpdate, memo)}); again.Hash != first.Hash {
		t.Error("the same changes have another hash")
	}
}

// Two writes of 0.4 s on average and an order that is only read, over two slots.
func TestCost(t *testing.T) {
	p := planOf(t,
		verdict{change: change("9", "x", EffectUpdate), call: 300 * time.Millisecond, measured: true},
		verdict{change: change("7", "y", EffectUpdate), call: 500 * time.Millisecond, measured: true},
		verdict{change: change("8", "z", EffectKeep), call: 400 * time.Millisecond, measured: true},
	)
	if want := (Cost{Writes: 2, Calls: 6, AtMost: 7, Slots: 2, Call: 400 * time.Millisecond, Elapsed: 2700 * time.Millisecond}); p.Cost != want {
		t.Errorf("cost %+v, want %+v", p.Cost, want)
	}
	if fast := planOf(t, verdict{change: change("9", "x", EffectUpdate), measured: true}); fast.Cost.Call != time.Millisecond {
		t.Errorf("%v a call where all took less than a millisecond", fast.Cost.Call)
	}
	if unknown := planOf(t, verdict{change: change("9", "x", EffectCreate)}); unknown.Cost.Call != assumedCall {
		t.Errorf("%v a call where none was measured", unknown.Cost.Call)
	}
}

// Customers are counted apart from orders, in groups of their own, and cost what their records cost.
func TestTallyOfCustomers(t *testing.T) {
	phone := Difference{Field: "customer_record.fields.phone", From: "1", To: "2"}
	of := func(customer string, effect Effect) verdict {
		c := change("", "h"+customer, effect, phone)
		c.Customer = customer
		return verdict{customer: true, change: c}
	}
	kept := of("8", EffectKeep)
	kept.change.Kept = []string{phone.Field}
	p := planOf(t, of("7", EffectRevise), kept, of("9", EffectRevise), verdict{customer: true}, verdict{customer: true, moved: true},
		verdict{customer: true, trouble: &Trouble{Object{Store: "main", Customer: "5"}, "mapping-failed", "no"}}, verdict{customer: true, other: &Elsewhere{Store: "legacy", Mapping: "eu"}},
		verdict{change: change("7", "x", EffectUpdate, Difference{Field: "sales_order.fields.memo", From: "a", To: "b"})})
	if p.Customers != (Counts{Looked: 5, Same: 1, Changed: 3, Moved: 1}) || p.Counts != (Counts{Looked: 1, Changed: 1}) || p.All() != 4 {
		t.Errorf("customers %+v, orders %+v, %d changes", p.Customers, p.Counts, p.All())
	}
	if g := p.Groups[0]; len(p.Groups) != 2 || g.Field != phone.Field || g.Customers != 3 || g.Orders != 0 || p.UnwrittenOf(g) != 1 {
		t.Errorf("groups %+v", p.Groups)
	}
	if c := p.Cost; c.Revises != 2 || c.Writes != 1 || c.Calls != 2*2+1+1+1 || c.AtMost != 2*3+3 {
		t.Errorf("cost %+v", c)
	}
	if len(p.Days) != 1 || p.Days[0].Orders != 1 || len(p.Elsewhere) != 1 || p.Elsewhere[0].Customers != 1 || p.Elsewhere[0].Orders != 0 {
		t.Errorf("days %+v, elsewhere %+v", p.Days, p.Elsewhere)
	}
	var page bytes.Buffer
	if err := p.Page(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"5 customers looked at: 3 change, 1 stay as they are", "3 customers, 1 not written", "<td>customer main/9</td>", "<p>1 customers changed after", "customer main/5"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// People read a plan as a page and programs line by line: every change with each of its fields, and no text of an order
// becomes markup.
func TestReports(t *testing.T) {
	const evil = `<script>alert("x")</script>`
	memo := Difference{Field: "sales_order.fields.memo", From: evil, To: "b & c"}
	var verdicts []verdict
	for _, order := range []string{"1", "2", "3", "4", "5"} {
		verdicts = append(verdicts, verdict{change: change(order, "h"+order, EffectUpdate, memo, Difference{Field: "expected.total", From: order + ".00", To: order + ".50"}), currency: "USD", delta: money.MustParse("0.50")})
	}
	kept := change("8", "h8", EffectKeep, memo)
	kept.Kept = []string{memo.Field}
	verdicts = append(verdicts, verdict{change: kept, currency: "EUR", delta: money.MustParse("7.00")})
	verdicts = append(verdicts, verdict{moved: true}, verdict{other: &Elsewhere{Store: "legacy", Mapping: "eu"}}, verdict{other: &Elsewhere{Store: "legacy", Mapping: "eu"}})
	verdicts = append(verdicts, verdict{trouble: &Trouble{Object{Store: "main", Order: "6"}, "tax-rate-unmapped", "no rate " + evil}}, verdict{behind: outcome("7", "skipped", evil, "")})
	p := planOf(t, verdicts...)
	var page, lines bytes.Buffer
	if err := errors.Join(p.Page(&page), p.Lines(&lines)); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, want := range []string{
		p.Hash, "<td>2026-11-23</td><td class=\"n\">5</td><td class=\"n\">2.50</td><td>USD</td>", "<td>in all</td><td class=\"n\">5</td><td class=\"n\">2.50</td><td>USD</td>",
		"<td>not written</td><td class=\"n\">1</td><td class=\"n\">7.00</td><td>EUR</td>", "<td class=\"n\">6, 1 not written</td>", "<ins>b &amp; c</ins>, not written", "<p>1 orders changed after", "<td>legacy</td><td>eu</td><td class=\"n\">2</td>",
		"<code>tax-rate-unmapped</code>", "<td>main/4</td>", "main/7: so it is",
		"<code>expected.total</code>: <del>4.00</del> <ins>4.50</ins>", "<ins>b &amp; c</ins>", "&lt;script&gt;",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(text, "<script") {
		t.Error("a text of an order became markup")
	}
	if n := bytes.Count(lines.Bytes(), []byte("\n")); n != 6 || !bytes.Contains(lines.Bytes(), []byte(`{"field":"expected.total","from":"4.00","to":"4.50"}`)) {
		t.Errorf("%d lines: %s", n, lines.Bytes())
	}
}
