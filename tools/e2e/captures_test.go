package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// wantStatus is what the door answers a capture: 401 only for the one that is signed with another secret.
func wantStatus(c capture.Delivery) int {
	if strings.HasSuffix(c.Name, "wrong-secret") {
		return 401
	}
	return 200
}

func TestCapturesInOrder(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		if got := w.Post(c); got != wantStatus(c) {
			t.Errorf("%s: answered %d, want %d", c.Name, got, wantStatus(c))
		}
		w.Settle() // the states of one order arrive one by one
	}
	w.Check(nil)
	if got := len(w.SalesOrders()); got != 43 {
		t.Errorf("%d sales orders, want 43", got)
	}
	if got := w.RoundingLines(); len(got) != 1 || got[0] != "wc-so-main-245 0.01" {
		t.Errorf("rounding lines %v, want one of 0.01 on order 245", got)
	}
	w.CheckAround(nil)
	w.CheckRecords()
}

// What customers ask for about gift and delivery, under the keys of the usual plugins, and what they write, reaches the
// sales order; no captured order asks for it.
func TestWishes(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-prices-include-tax", `"customer_note":""`, `"customer_note":"Bitte klingeln: 2. OG"`,
		`"meta_data":[{"id":`, `"meta_data":[{"id":900001,"key":"delivery_date","value":"2026-12-24"},{"id":900002,"key":"_delivery_instructions","value":"Hof, links"},`+
			`{"id":900003,"key":"gift_message","value":"Für Oma ❤"},{"id":`))
	w.Settle()
	want := w.WantRecord("wc-so-main-248")
	want.Custom["custbody_wc_customer_note"] = "Bitte klingeln: 2. OG"
	want.Custom["custbody_wc_requested_date"] = "2026-12-24"
	want.Custom["custbody_wc_delivery_instructions"] = "Hof, links"
	want.Custom["custbody_wc_gift_message"] = "Für Oma ❤"
	w.CheckRecord("wc-so-main-248", w.Records()["wc-so-main-248"], want)
}

// lacks tells that a capture is a state of such an order.
func lacks(c capture.Delivery) bool {
	for key := range world.Lackable {
		store, id, _ := strings.Cut(key, "/")
		if c.Store == store && bytes.HasPrefix(c.Body, []byte(`{"id":`+id+`,`)) {
			return true
		}
	}
	return false
}

func TestCapturesShuffled(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := world.Start(t, demo.Options{Mute: true})
			all := world.Captures(t)
			w.Load(all)
			shuffled := append([]capture.Delivery(nil), all...)
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			for _, c := range shuffled {
				w.Post(c)
			}
			w.Settle()
			w.Check(world.Lackable)
			w.CheckAround(world.Lackable)
		})
	}
}

func TestCapturesThriceOutOfOrder(t *testing.T) {
	w := world.Start(t, demo.Options{})
	all := world.Captures(t)
	w.Load(all)
	var many []capture.Delivery
	for range 3 {
		many = append(many, all...)
	}
	rand.New(rand.NewPCG(4, 0)).Shuffle(len(many), func(i, j int) { many[i], many[j] = many[j], many[i] })
	for _, c := range many {
		w.Post(c)
	}
	w.Settle()
	w.Check(world.Lackable)
	w.CheckAround(world.Lackable)
}
