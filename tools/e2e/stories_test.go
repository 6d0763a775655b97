package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-json"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// story is what becomes of one order: what its shop says of it, what people do in NetSuite in between, and what
// becomes of some requests about it.
type story struct {
	id       int
	store    string
	template string
	policy   mapping.MoneyPolicy
	turns    []chapter
	faults   []netsuitesim.Rule
}

// chapter is what a shop says in one go, and what a person does in NetSuite when all of that is there.
type chapter struct {
	states     []state
	deliveries []capture.Delivery // of the states: shuffled a little, some twice
	act        deedOf
}

// deedOf is what a person does to a sales order.
type deedOf string

// What people do in NetSuite. A shipment and a bill bind an order: it can be written as a whole no more.
const (
	nothing   deedOf = ""
	shipsOne  deedOf = "ships one"
	shipsAll  deedOf = "ships all"
	bills     deedOf = "bills"
	closesOne deedOf = "closes a line"
	writes    deedOf = "writes a memo"
	cancels   deedOf = "cancels"
)

// state is what the shop shows of an order.
type state struct {
	status  string
	note    string
	body    []byte   // as REST shows it
	refunds [][]byte // likewise
	total   decimal.Decimal
	back    decimal.Decimal // what refunds took off the total
	paid    bool
	live    []repaid
	deleted int  // refunds that are listed no more
	pieces  bool // some refund gave goods or shipping back
}

// repaid is a refund.
type repaid struct {
	id     int
	amount decimal.Decimal
	money  bool // not made by a change of status alone
}

// last is the newest state.
func (s story) last() state {
	states := s.turns[len(s.turns)-1].states
	return states[len(states)-1]
}

// GoString tells a story in short.
func (s story) GoString() string {
	text := fmt.Sprintf("order %s/%d, %s, policy %s:", s.store, s.id, s.template, s.policy)
	for _, c := range s.turns {
		for _, st := range c.states {
			text += fmt.Sprintf(" %s %s", st.status, st.total)
			for _, r := range st.live {
				text += fmt.Sprintf(" −%s", r.amount)
			}
			if st.deleted > 0 {
				text += fmt.Sprintf(" (%d refunds deleted)", st.deleted)
			}
			text += ","
		}
		if c.act != nothing {
			text += " somebody " + string(c.act) + ";"
		}
	}
	for _, f := range s.faults {
		text += fmt.Sprintf(" fault %s %d %d ms of %s;", f.Kind, f.Status, f.LatencyMs, f.Match.PathContains)
	}
	return text
}

// captured are the real orders that stories begin with; the first one's lines are edited too.
var captured = []string{
	"order.created-multi", "order.created-multi", "order.created-multi", "order.created-multi", "order.created-coupon", "order.created-fee", "order.created-eur", "order.created-jpy",
	"order.created-giftcard", "order.created-itemcoupon", "order.created-rounding", "order.created-allfree", "order.created-zero", "order.created-compound", "order.created-bigqty",
	"order.created-rest-api", "order.created-prices-include-tax", "order.created-variation", "order.created-virtual", "order.created-two-shipping-lines", "order.created-cod", "order.created-bacs",
}

// capturedNow reads them.
func capturedNow(t *testing.T) map[string]capture.Delivery {
	t.Helper()
	all := map[string]capture.Delivery{}
	for _, name := range append(captured, "order.deleted", "order.restored") {
		all[name] = changed(t, name)
	}
	return all
}

// gateways are payment methods by what becomes of their money.
var gateways = map[mapping.MoneyPolicy]string{mapping.PolicyOrder: "till", mapping.PolicyDeposit: "rig_card", mapping.PolicyCashSale: "counter", mapping.PolicyInvoice: "account"}

// What a state of a story may be.
var (
	someStatus = rapid.SampledFrom([]string{"processing", "processing", "processing", "pending", "on-hold", "completed", "cancelled", "failed"})
	someWares  = rapid.SampledFrom([][]ware{
		{threeTees, twoBeanies, oneHour}, {threeTees}, {{5, 1, 1999}}, {threeTees, twoBeanies}, {threeTees, {6, 1, 1275}}, {twoBeanies, oneHour}, {{5, 3, 1850}, twoBeanies},
	})
	someNote   = rapid.StringOfN(rapid.RuneFrom([]rune("abc dé")), 0, 12, -1)
	rarely     = rapid.SampledFrom([]bool{false, false, false, true})
	seldom     = rapid.SampledFrom([]bool{false, false, false, false, false, false, false, true})
	somePolicy = rapid.SampledFrom([]mapping.MoneyPolicy{mapping.PolicyDeposit, mapping.PolicyDeposit, mapping.PolicyOrder, mapping.PolicyCashSale, mapping.PolicyInvoice})
	someAct    = rapid.SampledFrom([]deedOf{nothing, nothing, shipsOne, shipsAll, bills, closesOne, writes, cancels})
	someBack   = rapid.SampledFrom([]string{"amount", "pieces", "pieces", "line", "shipping", "all"})
	someFault  = rapid.SampledFrom([]netsuitesim.Rule{
		{Kind: "late", LatencyMs: 200}, {Kind: "late", Status: 504, LatencyMs: 500}, {Kind: "late", Status: 500, LatencyMs: 900},
		{Kind: "drop"}, {Kind: "timeout"}, {Kind: "statusAfterCommit", Status: 500}, {Kind: "dropBefore"}, {Kind: "changed"},
	})
	someRecord = rapid.SampledFrom([]string{"salesOrder/eid:wc-so", "salesOrder/eid:wc-so", "customerDeposit/eid:wc-cd", "customerRefund/eid:wc-cr"})
)

// stories draws a story of a shop. The same draws tell the same story of another order.
func stories(t *testing.T, from map[string]capture.Delivery, stores []string, id int) *rapid.Generator[story] {
	return rapid.Custom(func(r *rapid.T) story {
		s := story{id: id, store: rapid.SampledFrom(stores).Draw(r, "store"), template: rapid.SampledFrom(captured).Draw(r, "template"), policy: somePolicy.Draw(r, "policy")}
		tale := &telling{t: t, r: r, story: &s, from: from, order: tree(t, from[s.template].Body)}
		tale.begin()
		for range rapid.SampledFrom([]int{1, 1, 2, 2, 3}).Draw(r, "chapters") {
			s.turns = append(s.turns, tale.chapter())
		}
		for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(r, "faults") {
			rule := someFault.Draw(r, "fault")
			rule.Count, rule.Match = 1, netsuitesim.Match{PathContains: fmt.Sprintf("%s-%s-%d", someRecord.Draw(r, "of"), s.store, id)}
			s.faults = append(s.faults, rule)
		}
		return s
	})
}

// telling is a story that is being drawn.
type telling struct {
	t     *testing.T
	r     *rapid.T
	story *story
	from  map[string]capture.Delivery
	order map[string]any // of the shop, as it is now

	n     int // states told
	paid  any // moment of the payment; nil: not yet
	now   state
	given map[string]piece // of lines, by their ids
	fixed bool             // lines stay: something of them was given back
	trash bool
	shown [][]byte
}

// piece is what was given back of a line.
type piece struct {
	quantity   int64
	total, tax decimal.Decimal
}

func (a *telling) begin() {
	a.given = map[string]piece{}
	billing := a.order["billing"].(map[string]any)
	if email, _ := billing["email"].(string); email != "" {
		billing["email"] = a.story.store + "-" + email // the shops share no customers
	}
	a.order["customer_id"] = json.Number("0")
	a.order["id"], a.order["number"] = a.story.id, fmt.Sprint(a.story.id)
	a.order["payment_method"], a.order["payment_method_title"] = gateways[a.story.policy], string(a.story.policy)
	a.order["refunds"] = []any{}
	a.now.total = decimal.RequireFromString(a.order["total"].(string))
}

func (a *telling) chapter() (c chapter) {
	for range rapid.IntRange(1, 3).Draw(a.r, "states") {
		st, d := a.state()
		c.states, c.deliveries = append(c.states, st), append(c.deliveries, d)
		if rarely.Draw(a.r, "twice") {
			c.deliveries = append(c.deliveries, d)
		}
	}
	for i := 1; i < len(c.deliveries); i++ {
		if rarely.Draw(a.r, "out of order") {
			c.deliveries[i-1], c.deliveries[i] = c.deliveries[i], c.deliveries[i-1]
		}
	}
	c.act = someAct.Draw(a.r, "act")
	return c
}

// state lets the shop change the order.
func (a *telling) state() (state, capture.Delivery) {
	template := a.story.template
	if restored := a.trash; restored {
		template, a.trash = "order.restored", false
	} else if a.n > 0 && seldom.Draw(a.r, "trash") {
		template, a.trash = "order.deleted", true
	}
	a.now.status = "trash"
	if !a.trash {
		a.change()
	}
	a.order["status"], a.order["customer_note"] = a.now.status, a.now.note
	a.order["date_modified_gmt"] = fmt.Sprintf("2026-12-01T00:00:%02d", a.n)
	a.order["date_paid"], a.order["date_paid_gmt"] = a.paid, a.paid
	a.now.body, a.now.refunds = a.encode(a.order), slices.Clone(a.shown)
	a.now.live = slices.Clone(a.now.live)
	body := a.now.body
	if a.trash {
		body = a.encode(map[string]any{"id": a.story.id})
	}
	d := signed(a.from[template], body, fmt.Sprintf("%d-%d", a.story.id, a.n))
	d.Path, d.Store = strings.Replace(d.Path, d.Store, a.story.store, 1), a.story.store
	a.n++
	return a.now, d
}

func (a *telling) encode(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		a.t.Fatal(err)
	}
	return body
}

// change draws a status, and lines, a note and refunds with it.
func (a *telling) change() {
	a.now.status = someStatus.Draw(a.r, "status")
	if len(a.now.live) > 0 && (a.now.status == "pending" || a.now.status == "failed") {
		a.now.status = "processing" // only what was paid is given back
	}
	accepted := a.now.status == "processing" || a.now.status == "completed"
	if accepted && a.paid == nil && !seldom.Draw(a.r, "paid later") {
		a.paid = "2026-12-01T00:00:00"
	}
	a.now.paid, a.now.note = a.paid != nil, strings.TrimSpace(someNote.Draw(a.r, "note"))
	if a.story.template == captured[0] && !a.fixed && len(a.now.live) == 0 {
		a.now.total = decimal.RequireFromString(fill(a.order, a.n, someWares.Draw(a.r, "wares")...))
	}
	switch {
	case len(a.now.live) > 0 && seldom.Draw(a.r, "refund deleted"):
		a.withdraw()
	case accepted && a.now.paid && rarely.Draw(a.r, "refund"):
		a.giveBack(someBack.Draw(a.r, "back"))
	}
}

// left is the money that was not given back.
func (a *telling) left() decimal.Decimal {
	left := a.now.total
	for _, r := range a.now.live {
		left = left.Sub(r.amount)
	}
	return left
}

// unit is the smallest amount that is given back.
func (a *telling) unit() decimal.Decimal {
	if a.order["currency"] == "JPY" {
		return decimal.NewFromInt(1)
	}
	return decimal.New(1, -2)
}

// giveBack makes a refund, if there is money for it.
func (a *telling) giveBack(how string) {
	refund := backing{telling: a, id: 10_000_000 + 100*a.story.id + a.n}
	switch how {
	case "pieces", "line":
		refund.line(how == "pieces")
	case "shipping":
		refund.shipping()
	case "all":
		refund.amount = a.left()
		refund.byStatus = rapid.Bool().Draw(a.r, "by a change of status")
	default:
		refund.amount = decimal.NewFromInt(int64(rapid.IntRange(1, 500).Draw(a.r, "amount"))).Mul(a.unit())
	}
	refund.done(how == "all")
}

// withdraw deletes the newest refund.
func (a *telling) withdraw() {
	last := len(a.now.live) - 1
	a.now.live, a.now.deleted = slices.Clone(a.now.live[:last]), a.now.deleted+1
	a.shown = slices.Clone(a.shown[:last])
	a.order["refunds"] = slices.Clone(a.order["refunds"].([]any)[:last])
	a.recount()
}

// backing is a refund that is being drawn.
type backing struct {
	*telling
	id       int
	amount   decimal.Decimal
	byStatus bool
	list     string // where its line stands: line_items, shipping_lines
	of       string // id of the order's line
	taken    piece
}

// line gives something of a line of goods back: pieces, or money alone.
func (b *backing) line(pieces bool) {
	lines := b.order["line_items"].([]any)
	line := lines[rapid.IntRange(0, len(lines)-1).Draw(b.r, "line")].(map[string]any)
	of := fmt.Sprint(line["id"])
	all, before := decimal.RequireFromString(fmt.Sprint(line["quantity"])).IntPart(), b.given[of]
	total, tax := decimal.RequireFromString(line["total"].(string)), decimal.RequireFromString(line["total_tax"].(string))
	if b.order["currency"] == "JPY" || before.quantity == all || before.total.GreaterThanOrEqual(total) {
		return
	}
	b.list, b.of = "line_items", of
	if !pieces {
		b.taken.total = decimal.Min(decimal.New(int64(rapid.IntRange(1, 300).Draw(b.r, "cents")), -2), total.Sub(before.total))
		b.amount = b.taken.total
		return
	}
	b.taken.quantity = rapid.Int64Range(1, all-before.quantity).Draw(b.r, "pieces")
	share := decimal.NewFromInt(b.taken.quantity).Div(decimal.NewFromInt(all))
	b.taken.total = decimal.Min(total.Mul(share).Round(2), total.Sub(before.total))
	b.taken.tax = decimal.Min(tax.Mul(share).Round(2), tax.Sub(before.tax).Round(2))
	b.amount = b.taken.total.Add(b.taken.tax)
}

// shipping gives the cost of shipping back.
func (b *backing) shipping() {
	lines := b.order["shipping_lines"].([]any)
	if len(lines) == 0 || b.order["currency"] == "JPY" {
		return
	}
	line := lines[0].(map[string]any)
	of := fmt.Sprint(line["id"])
	if _, given := b.given[of]; given {
		return
	}
	b.list, b.of = "shipping_lines", of
	b.taken.total, b.taken.tax = decimal.RequireFromString(line["total"].(string)), decimal.RequireFromString(line["total_tax"].(string)).Round(2)
	b.amount = b.taken.total.Add(b.taken.tax)
}

// done enters the refund, if there is something to give back.
func (b *backing) done(whole bool) {
	if !b.amount.IsPositive() || b.amount.GreaterThan(b.left()) {
		return
	}
	if whole {
		b.now.status = "refunded"
	}
	b.now.live = append(slices.Clone(b.now.live), repaid{b.id, b.amount, !b.byStatus})
	reason := ""
	if b.byStatus {
		reason = "Order fully refunded."
	}
	b.order["refunds"] = append(slices.Clone(b.order["refunds"].([]any)), map[string]any{"id": b.id, "reason": reason, "total": "-" + b.amount.StringFixed(2)})
	b.shown = append(slices.Clone(b.shown), b.encode(b.record(reason)))
	b.recount()
}

// record is the refund as REST shows it.
func (b *backing) record(reason string) map[string]any {
	record := map[string]any{
		"id": b.id, "date_created": "2026-11-22T22:14:55", "date_created_gmt": "2026-11-23T03:14:55", "amount": b.amount.StringFixed(2), "reason": reason, "refunded_payment": false,
		"meta_data": []any{}, "line_items": []any{}, "shipping_lines": []any{}, "tax_lines": []any{}, "fee_lines": []any{},
	}
	if b.of != "" {
		total, tax := "-"+b.taken.total.StringFixed(2), "-"+b.taken.tax.StringFixed(2)
		record[b.list] = []any{map[string]any{
			"id": b.id, "name": "x", "method_title": "x", "method_id": "flat_rate", "quantity": -b.taken.quantity, "subtotal": total, "subtotal_tax": tax, "total": total, "total_tax": tax, "taxes": []any{},
			"meta_data": []any{map[string]any{"id": b.id, "key": "_refunded_item_id", "value": b.of}},
		}}
	}
	return record
}

// recount sums up what the refunds give back. What gives no piece of a line back leaves the line and the total as they are;
// shipping has no pieces.
func (a *telling) recount() {
	a.given, a.now.back = map[string]piece{}, decimal.Zero
	a.now.pieces = false
	counted := map[string]bool{}
	for _, raw := range a.shown {
		for list, line := range linesOf(a.t, raw) {
			p := a.given[line.of]
			a.given[line.of] = piece{p.quantity - line.Quantity, p.total.Sub(line.Total), p.tax.Sub(line.Tax)}
			counted[line.of] = counted[line.of] || list == "line_items"
		}
	}
	for of, p := range a.given {
		if !counted[of] || p.quantity > 0 {
			a.now.back, a.now.pieces = a.now.back.Add(p.total).Add(p.tax), true
		}
	}
	a.fixed = a.fixed || len(a.given) > 0
}

type shownLine struct {
	of       string
	Quantity int64           `json:"quantity"`
	Total    decimal.Decimal `json:"total"`
	Tax      decimal.Decimal `json:"total_tax"`
	Meta     []struct {
		Value string `json:"value"`
	} `json:"meta_data"`
}

// linesOf reads the line of a refund, with the list where it stands.
func linesOf(t *testing.T, raw []byte) map[string]shownLine {
	var lists struct {
		Items    []shownLine `json:"line_items"`
		Shipping []shownLine `json:"shipping_lines"`
	}
	if err := json.Unmarshal(raw, &lists); err != nil {
		t.Fatal(err)
	}
	found := map[string]shownLine{}
	for list, lines := range map[string][]shownLine{"line_items": lists.Items, "shipping_lines": lists.Shipping} {
		for _, l := range lines {
			l.of = l.Meta[0].Value
			found[list] = l
		}
	}
	return found
}

// refundIDs lists a state's refunds that are money, in their order.
func (s state) refundIDs() (ids []int) {
	for _, r := range s.live {
		if r.money {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// totals lists the totals of paid states: what a deposit may be.
func (s story) totals() []string {
	amounts := map[string]bool{}
	for _, c := range s.turns {
		for _, st := range c.states {
			if st.paid {
				amounts[st.total.String()] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(amounts), cmp.Compare[string])
}
