package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// describes is how many characters of a line's description the double takes, and long is one that has more.
const (
	describes = 20
	long      = "Théière d'été à carreaux"
)

// fate is what becomes of an order of a batch.
type fate struct {
	code   fault.Code // it is parked with; "": it is written
	reason string     // NetSuite's words
	alone  int        // requests that write it by itself
	read   bool       // its task's result
	cut    bool
}

// The fates of a batch's first orders; all others are written as they are.
var fates = []fate{
	{code: fault.NetSuiteRefused, reason: "Invalid Field Value", read: true},
	{code: fault.NetSuiteRefused, reason: "Invalid Field Value", read: true},
	{code: fault.NetSuiteRecordLocked, reason: "locked by a user defined workflow", read: true},
	{code: fault.NetSuiteForbidden, reason: "Permission Violation", read: true},
	{alone: 1, read: true, cut: true},
	{alone: 1, read: true, cut: true},
	{alone: 1, read: true, cut: true},
	{alone: 1, read: true}, // changed meanwhile
	{alone: 1, read: true}, // an unexpected error
	{alone: 1, read: true}, // too many requests
	{alone: 1, read: true}, // an invalid login
}

// gone is an item that somebody makes inactive while orders of it wait.
var gone = netsuitesim.Item{SKU: "GONE-1", BasePrice: "20.00"}

// fated gives orders their fates, and the rules that bring those about which the orders themselves do not.
func fated(t *testing.T, plays []play) []netsuitesim.Rule {
	t.Helper()
	with := func(n int, old, given string) {
		for i, d := range plays[n].deliveries {
			body := bytes.Replace(d.Body, []byte(old), []byte(given), 1)
			if bytes.Equal(body, d.Body) {
				t.Fatalf("no %q to replace", old)
			}
			plays[n].deliveries[i] = signed(d, body, fmt.Sprintf("%d-%d-fated", plays[n].id, i))
		}
	}
	of := func(n int) netsuitesim.Match {
		return netsuitesim.Match{Async: true, PathContains: fmt.Sprintf("eid:wc-so-main-%d", plays[n].id)}
	}
	with(0, `"sku":"TEE-001"`, `"sku":"`+gone.SKU+`"`)
	with(1, `"sku":"TEE-001"`, `"sku":"`+gone.SKU+`"`)
	for n := 4; n < 7; n++ {
		with(n, `"name":"Classic Tee"`, `"name":"`+long+`"`)
	}
	return []netsuitesim.Rule{
		{Kind: "locked", Match: of(2)},
		{Kind: "refuse", Status: 400, Detail: "Permission Violation: you need the Sales Order permission.", Match: of(3)},
		{Kind: "changed", Match: of(7)},
		{Kind: "status", Status: 500, Match: of(8)},
		{Kind: "status", Status: 429, Match: of(9)},
		{Kind: "status", Status: 401, Match: of(10)},
		{Kind: "drop", Count: 1, Match: netsuitesim.Match{Method: "PUT", PathContains: "salesorder?"}},
	}
}

// Whatever form NetSuite's answers about batches have: an order that a batch could not write ends as if it had been written
// by itself. Its own task's result is read, and no other; what that says for good is the reason, without another try.
func TestRefusedOfABatch(t *testing.T) {
	for name, switches := range world.Rows(t, map[string]netsuitesim.Switches{
		"answers as documented":           {},
		"a Location is a path":            {RelativeLocation: true},
		"a repeated key is answered 400":  {Idempotency400: true},
		"tasks are listed one by one":     {TaskPerItem: true},
		"batches are parallel by default": {BatchParallel: true},
		"the task of a refusal succeeds":  {FailedTaskSucceeds: true},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			switches.Lengths = map[string]int{"salesOrder-itemElement.description": describes}
			w := world.Start(t, demo.Options{Mute: true, Slots: 1, Mapping: ordersAlone(t), Account: func(c *netsuitesim.Config) { c.Switches, c.AsyncProcessors = switches, 4 }})
			plays := doomed(t, w)
			w.Settle()
			have := w.SalesOrders()
			missed := 0
			for n, p := range plays {
				f := fate{}
				if n < len(fates) {
					f = fates[n]
				}
				if f.check(t, w, p, have) {
					missed++
				}
			}
			if missed <= len(fates)/2 {
				t.Errorf("batches missed %d of %d orders that have fates: too few to tell", missed, len(fates))
			}
			checkRead(t, w)
			checkKeys(t, w, switches)
		})
	}
}

// doomed sends a backlog of orders that have fates, whose batch is taken on without an answer.
func doomed(t *testing.T, w world.World) []play {
	t.Helper()
	const orders = 60
	put := func(item netsuitesim.Item) {
		if _, err := w.NetSuite.PutItem(item); err != nil {
			t.Fatal(err)
		}
	}
	put(gone)
	slow := netsuitesim.Faults{LatencyMs: 100}
	if err := w.NetSuite.SetFaults(slow); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple")) // brings customer and item, and shows how long a request takes
	w.Post(changed(t, "order.created-simple", `"id":36,`, `"id":37,`, `"number":"36"`, `"number":"37"`, `"sku":"TEE-001"`, `"sku":"`+gone.SKU+`"`))
	w.Settle()
	plays := paidOrders(t, w, 220_000, orders)
	slow.Rules = fated(t, plays)
	release := gathered(t, w, plays)
	inactive := gone
	inactive.Inactive = true
	put(inactive)
	if err := w.NetSuite.SetFaults(slow); err != nil {
		t.Fatal(err)
	}
	release()
	return plays
}

// check holds an order against its fate, and tells whether a batch missed it.
func (f fate) check(t *testing.T, w world.World, p play, have map[string]world.SalesOrder) (missed bool) {
	t.Helper()
	o := lastOutcome(t, w, fmt.Sprint(p.id))
	var code fault.Code
	if o.Fault != nil {
		code = fault.Code(o.Fault.Code)
	}
	if code != f.code || !strings.Contains(o.Reason, f.reason) || (o.Kind == event.OutcomeParked) != (f.code != "") {
		t.Errorf("order %d: %s %s %q, want %q %q", p.id, o.Kind, code, o.Reason, f.code, f.reason)
	}
	// The last of a backlog go by themselves; what an earlier batch taught is cut before it is sent.
	batched, alone := count(o.Calls, "upsert sales orders") > 0, puts(w, p)
	missed = f.read && batched && (!f.cut || alone > 0)
	if alone != f.alone && batched && missed == f.read || alone == 0 && !batched {
		t.Errorf("order %d: written %d times by itself, want %d", p.id, alone, f.alone)
	}
	for _, purpose := range []string{"list tasks", "read task result"} {
		if told := count(o.Calls, purpose); told != 1 && missed || told != 0 && !missed {
			t.Errorf("order %d: %d calls to %s", p.id, told, purpose)
		}
	}
	so, is := have[fmt.Sprintf("wc-so-main-%d", p.id)]
	switch problem := p.check(have); {
	case f.code != "" && is:
		t.Errorf("order %d is parked and there", p.id)
	case f.code == "" && problem != "":
		t.Errorf("order %d: %s", p.id, problem)
	case f.cut && so.Item.Items[0].Description != string([]rune(long)[:describes]):
		t.Errorf("order %d: described as %q", p.id, so.Item.Items[0].Description)
	}
	return missed
}

func puts(w world.World, p play) int {
	n := 0
	for _, e := range w.NetSuite.Log(fmt.Sprintf("salesOrder/eid:wc-so-main-%d", p.id), 0) {
		if e.Method == http.MethodPut {
			n++
		}
	}
	return n
}

func count(calls []event.Call, purpose string) (n int) {
	for _, c := range calls {
		if c.Purpose == purpose {
			n++
		}
	}
	return n
}

var resultOf = regexp.MustCompile(`async/v1/job/(\d+)/task(?:/(\d+)/result)?$`)

// checkRead proves that the result of each task that failed was read once, of no other, and each list of tasks once.
func checkRead(t *testing.T, w world.World) {
	t.Helper()
	lists, results := map[string]int{}, map[string]int{}
	var jobs []string
	for _, e := range w.NetSuite.Log("async/v1/job/", 0) {
		switch found := resultOf.FindStringSubmatch(e.Path); {
		case found == nil:
		case found[2] == "":
			lists[found[1]]++
		default:
			results[found[1]+"/"+found[2]]++
			jobs = append(jobs, found[1])
		}
	}
	slices.Sort(jobs)
	jobs = slices.Compact(jobs)
	for _, job := range jobs {
		if lists[job] != 1 {
			t.Errorf("the tasks of job %s were listed %d times", job, lists[job])
		}
	}
	if stats := w.NetSuite.Stats(); len(results) != stats.TasksFailed || len(lists) != len(jobs) || len(jobs) == 0 {
		t.Errorf("%d results read of %d failed tasks; %d lists of %d jobs", len(results), stats.TasksFailed, len(lists), len(jobs))
	}
	for task, times := range results {
		if times != 1 {
			t.Errorf("the result of %s was read %d times", task, times)
		}
	}
}

// checkKeys proves that the batch whose 202 was lost was found by its key: no job came of sending it again.
func checkKeys(t *testing.T, w world.World, switches netsuitesim.Switches) {
	t.Helper()
	again := http.StatusConflict
	if switches.Idempotency400 {
		again = http.StatusBadRequest
	}
	taken, repeated := 0, 0
	for _, e := range w.NetSuite.Log("record/v1/salesorder?", 0) {
		switch {
		case e.Method == http.MethodPut && e.Status == http.StatusAccepted:
			taken++
		case e.Method == http.MethodPut && e.Status == again:
			repeated++
		}
	}
	if jobs := w.NetSuite.Stats().Jobs; taken != jobs || repeated != 1 {
		t.Errorf("%d batches taken on, %d jobs, %d repeated keys, want one", taken, jobs, repeated)
	}
}
