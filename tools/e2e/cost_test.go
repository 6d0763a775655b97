package e2e

import (
	"testing"
	"time"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// The calls that a plan foresees are those that NetSuite gets, to a quarter, and the time is of the same size; it counts with
// the slots that the account's writer has.
func TestAPlanForeseesCallsAndTime(t *testing.T) {
	const slots = 4
	w := world.Start(t, demo.Options{Mute: true, Adjust: func(c *host.Config) {
		world.Unwatched(c)
		account := c.Accounts[demo.Account]
		account.Concurrency = slots
		c.Accounts[demo.Account] = account
	}})
	all := world.Captures(t)
	w.Load(all)
	setFaults(t, w, `{"latencyMs":100}`)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	p := plan(t, w, shorter)
	if p.Cost.Slots != slots || p.Cost.Call < 100*time.Millisecond || p.Cost.Call > time.Second {
		t.Errorf("%+v: want %d slots and calls of somewhat more than 100 ms", p.Cost, slots)
	}
	before, began := w.NetSuite.Stats().Requests, time.Now()
	if list := applied(t, w, p, shorter); len(list) != p.Cost.Writes {
		t.Errorf("%d writes, %d foreseen", len(list), p.Cost.Writes)
	}
	calls, took := w.NetSuite.Stats().Requests-before, time.Since(began)
	if off := max(calls-p.Cost.Calls, p.Cost.Calls-calls); 4*off > calls || calls > p.Cost.AtMost {
		t.Errorf("%d calls, foreseen about %d and at most %d", calls, p.Cost.Calls, p.Cost.AtMost)
	}
	if took > 3*p.Cost.Elapsed || p.Cost.Elapsed > 3*took {
		t.Errorf("it took %v, foreseen %v", took, p.Cost.Elapsed)
	}
	t.Logf("%d calls in %v, foreseen %+v", calls, took, p.Cost)
}
