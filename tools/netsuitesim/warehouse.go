package netsuitesim

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/shopspring/decimal"
)

// Warehouse is how the people of the account work: they pick, pack and ship
// open orders, bill what is shipped, and take goods back. With the same seed,
// the same records and as many steps they do the same.
type Warehouse struct {
	Seed    uint64  `json:"seed"`
	Every   int     `json:"everyMilliseconds"` // between two steps; 0: on command only
	Partial float64 `json:"partial"`           // share of the pickings that take a part of what is open, 0 to 1
	Returns float64 `json:"returns"`           // share of the invoices of which something comes back and is refunded
	Hold    bool    `json:"holdBilling"`       // nothing is billed
	Restock int64   `json:"restock"`           // what a location is filled up to when its last piece leaves; 0: nothing arrives
}

// warehouse works in steps, one at a time.
type warehouse struct {
	server *Server

	mu      sync.Mutex
	how     Warehouse
	steps   uint64
	changed chan struct{} // closed and replaced when how changes
	running sync.WaitGroup
}

func newWarehouse(s *Server, how Warehouse) *warehouse {
	w := &warehouse{server: s, how: how, changed: make(chan struct{})}
	w.running.Go(w.run)
	return w
}

// run takes a step at a time while the account lives.
func (w *warehouse) run() {
	for {
		w.mu.Lock()
		every, changed := time.Duration(w.how.Every)*time.Millisecond, w.changed
		w.mu.Unlock()
		var tick <-chan time.Time
		if every > 0 {
			tick = time.After(every)
		}
		select {
		case <-w.server.closing:
			return
		case <-changed:
		case <-tick:
			_, _ = w.server.Step() // refused by a fault or a closed period: the next step tries something else
		}
	}
}

// SetWarehouse changes how the warehouse works and starts its dice anew.
func (s *Server) SetWarehouse(how Warehouse) error {
	for name, share := range map[string]float64{"partial": how.Partial, "returns": how.Returns} {
		if share < 0 || share > 1 {
			return fmt.Errorf("%s %v: want 0 to 1", name, share)
		}
	}
	if how.Every < 0 || how.Restock < 0 {
		return fmt.Errorf("everyMilliseconds %d, restock %d: want 0 or more", how.Every, how.Restock)
	}
	w := s.warehouse
	w.mu.Lock()
	defer w.mu.Unlock()
	w.how, w.steps = how, 0
	close(w.changed)
	w.changed = make(chan struct{})
	return nil
}

// duty is one thing that can be done next.
type duty struct {
	name string
	do   func(dice *rand.Rand) error
}

// Step does one thing that is open, chosen by the dice, and says what; "" when
// nothing is left to do.
func (s *Server) Step() (string, error) {
	w := s.warehouse
	w.mu.Lock()
	defer w.mu.Unlock()
	var open []duty
	_ = s.store.view(func(t *tx) error {
		open = w.open(t)
		return nil
	})
	if len(open) == 0 {
		return "", nil
	}
	w.steps++
	dice := rand.New(rand.NewPCG(w.how.Seed, w.steps))
	next := open[dice.IntN(len(open))]
	return next.name, next.do(dice)
}

// open lists what can be done, in the order of records.
func (w *warehouse) open(t *tx) []duty {
	var tasks []duty
	add := func(what string, r *record, do func(dice *rand.Rand) error) {
		tasks = append(tasks, duty{fmt.Sprintf("%s %s %d", what, r.kind.name, r.id), do})
	}
	for _, r := range t.of(t.kind("salesOrder")) {
		status, lines := r.fields.ref("status"), asNamed(t, r, openLines(t, r, "itemFulfillment"))
		if (status == "B" || status == "D" || status == "E") && len(lines) > 0 {
			add("pick", r, func(dice *rand.Rand) error { return w.pick(r, lines, dice) })
		}
		if status == "F" && !w.how.Hold {
			add("bill", r, func(*rand.Rand) error { return w.act("POST", r, "/!transform/invoice", fields{}) })
		}
	}
	for _, r := range t.of(t.kind("itemFulfillment")) {
		switch r.fields.ref("shipStatus") {
		case "A":
			add("pack", r, func(*rand.Rand) error { return w.act("PATCH", r, "", fields{"shipStatus": fields{"id": "B"}}) })
		case "B":
			add("ship", r, func(dice *rand.Rand) error { return w.ship(r, dice) })
		}
	}
	return append(tasks, w.comingBack(t)...)
}

// comingBack lists what can be done about goods that come back: authorize,
// receive, credit, refund.
func (w *warehouse) comingBack(t *tx) []duty {
	var tasks []duty
	add := func(what string, r *record, do func(dice *rand.Rand) error) {
		tasks = append(tasks, duty{fmt.Sprintf("%s %s %d", what, r.kind.name, r.id), do})
	}
	for _, r := range t.of(t.kind("invoice")) {
		returned := rand.New(rand.NewPCG(w.how.Seed, uint64(r.id))).Float64() < w.how.Returns
		if line := goodsOf(r); returned && line != nil && len(t.childrenOf(r.id, "returnAuthorization")) == 0 {
			add("authorize the return of", r, func(*rand.Rand) error { return w.authorize(r, line) })
		}
	}
	for _, r := range t.of(t.kind("returnAuthorization")) {
		switch {
		case len(openLines(t, r, "itemReceipt")) > 0 && r.fields.ref("status") != "A":
			add("receive", r, func(*rand.Rand) error { return w.act("POST", r, "/!transform/itemReceipt", fields{}) })
		case len(t.childrenOf(r.id, "itemReceipt")) > 0 && len(t.childrenOf(r.id, "creditMemo")) == 0:
			add("credit", r, func(*rand.Rand) error { return w.act("POST", r, "/!transform/creditMemo", fields{}) })
		}
	}
	for _, r := range t.of(t.kind("creditMemo")) {
		if len(t.childrenOf(r.id, "customerRefund")) == 0 && r.fields.amount("amountRemaining").IsPositive() {
			add("refund", r, func(*rand.Rand) error { return w.refund(r) })
		}
	}
	return tasks
}

// goodsOf is the first line of a bill that can come back, nil for none.
func goodsOf(bill *record) fields {
	for _, line := range bill.fields.lines("item") {
		if shippable(line) && line.amount("quantity").IsPositive() {
			return line
		}
	}
	return nil
}

// act is a person's call about a record.
func (w *warehouse) act(method string, r *record, path string, body fields) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = w.server.Act(Act{Method: method, Path: r.kind.name + "/" + decimalID(r.id) + path, Body: text})
	return err
}

// asNamed names the lines of an order as a fulfilment of the account does.
func asNamed(t *tx, order *record, open []fields) []fields {
	if !t.switches().FulfilByUniqueKey {
		return open
	}
	keys := map[int64]string{}
	for _, line := range order.fields.lines("item") {
		keys[line.integer("line")] = line.text("lineUniqueKey")
	}
	for _, line := range open {
		line["orderLine"] = json.Number(keys[line.integer("orderLine")])
	}
	return open
}

// pick takes all that is open, or a part, from one location.
func (w *warehouse) pick(order *record, open []fields, dice *rand.Rand) error {
	part := dice.Float64() < w.how.Partial
	location := open[0].ref("location")
	if location == "" {
		location = decimalID(1 + dice.Int64N(3))
	}
	taken := false
	var lines []fields
	for i, line := range open {
		left := line.amount("quantity")
		want := fields{"orderLine": line["orderLine"], "location": fields{"id": location}, "itemReceive": true}
		if part && left.IsInteger() && left.GreaterThan(decimal.NewFromInt(1)) {
			left = decimal.NewFromInt(1 + dice.Int64N(left.IntPart()))
		}
		want.set("quantity", left)
		elsewhere := line.ref("location") != "" && line.ref("location") != location
		skipped := part && dice.IntN(2) == 0 && (taken || i < len(open)-1)
		if elsewhere || skipped {
			want = fields{"orderLine": line["orderLine"], "itemReceive": false}
		}
		taken = taken || !elsewhere && !skipped
		lines = append(lines, want)
	}
	if !taken { // what was left to the last line lies elsewhere
		lines[0] = fields{"orderLine": open[0]["orderLine"], "location": fields{"id": location}, "itemReceive": true, "quantity": open[0]["quantity"]}
	}
	return w.act("POST", order, "/!transform/itemFulfillment", fields{"shipStatus": fields{"id": "A"}, "item": fields{"items": lines}})
}

// ship sends a fulfilment in one parcel or two.
func (w *warehouse) ship(r *record, dice *rand.Rand) error {
	parcels := 1 + dice.IntN(2)
	var packs []fields
	for n := range parcels {
		packs = append(packs, fields{
			"packageTrackingNumber": fmt.Sprintf("1Z%016d", dice.Int64N(1e16)), "packageDescr": fmt.Sprintf("Box %d of %d", n+1, parcels), "packageWeight": json.Number("1.5"),
		})
	}
	if err := w.act("PATCH", r, "", fields{"shipStatus": fields{"id": "C"}, "package": fields{"items": packs}}); err != nil {
		return err
	}
	for _, line := range r.fields.lines("item") {
		if w.how.Restock == 0 {
			break
		}
		if err := w.refill(r, line); err != nil {
			return err
		}
	}
	return nil
}

// refill has goods arrive where a line took the last piece, where stock is kept.
func (w *warehouse) refill(r *record, line fields) error {
	var stock *Stock
	_ = w.server.store.view(func(t *tx) error {
		at := t.spotOf(r, line)
		item := t.get(items, at.item)
		if item == nil {
			return nil
		}
		if l, kept := levelsOf(item, at.location); kept && !l.onHand.IsPositive() {
			stock = &Stock{SKU: item.fields.text("itemId"), Location: at.location, OnHand: json.Number(decimal.NewFromInt(w.how.Restock).String())}
		}
		return nil
	})
	if stock == nil {
		return nil
	}
	_, err := w.server.SetStock(*stock)
	return err
}

// authorize lets one piece of a bill come back.
func (w *warehouse) authorize(bill *record, back fields) error {
	var lines []fields
	for _, line := range bill.fields.lines("item") {
		quantity := json.Number("0")
		if line.integer("line") == back.integer("line") {
			quantity = "1"
		}
		lines = append(lines, fields{"line": line["line"], "quantity": quantity})
	}
	return w.act("POST", bill, "/!transform/returnAuthorization", fields{"orderStatus": fields{"id": "B"}, "item": fields{"items": lines}})
}

// refund pays out what a credit memo has left.
func (w *warehouse) refund(memo *record) error {
	payer := memo.fields.ref("entity")
	if payer == "" {
		payer = memo.fields.ref("customer")
	}
	text, err := json.Marshal(fields{
		"customer": fields{"id": payer}, "account": fields{"id": "1"},
		"apply": fields{"items": []fields{{"doc": fields{"id": decimalID(memo.id)}, "apply": true, "amount": memo.fields["amountRemaining"]}}},
	})
	if err != nil {
		return err
	}
	_, err = w.server.Act(Act{Method: "POST", Path: "customerRefund", Body: text})
	return err
}

func (w *warehouse) close(ctx context.Context) {
	done := make(chan struct{})
	go func() { w.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

func (s *Server) postWarehouse(r *http.Request) (Warehouse, error) {
	var how Warehouse
	if err := readControl(r, &how); err != nil {
		return how, err
	}
	return how, s.SetWarehouse(how)
}

// postSteps takes as many steps as asked for, fewer when nothing is left.
func (s *Server) postSteps(r *http.Request) (map[string][]string, error) {
	in := struct {
		Steps int `json:"steps"`
	}{1}
	if err := readControl(r, &in); err != nil {
		return nil, err
	}
	done := []string{}
	for range in.Steps {
		what, err := s.Step()
		if what == "" || err != nil {
			return map[string][]string{"done": done}, err
		}
		done = append(done, what)
	}
	return map[string][]string{"done": done}, nil
}
