package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// mutations are mistakes people make in a mapping, each as old and new text of the shipped document. Every one of them
// changes what at least one captured order becomes.
var mutations = [][2]string{
	{`memo: '"WooCommerce order " + order.number'`, `memo: '"Order " + order.number'`},
	{`memo: '"WooCommerce order " + order.number'`, `memo: order.id`},
	{"otherRefNum: order.number", "otherRefNum: order.id + \"-x\""},
	{"otherRefNum: order.number", "otherRefNum: order.number + order.number"},
	{"tranDate: order.date", `tranDate: '"2026-01-01"'`},
	{"email: order.customer.email\n    memo", "email: order.billing.email\n    comments: order.status\n    memo"},
	{"    email: order.customer.email\n    memo", "    memo"},
	{`subsidiary: ref("subsidiary", "name", "Parent US")
    tranDate`, `subsidiary: ref("subsidiary", "name", "Other")
    tranDate`},
	{"custbody_wc_store: store.key", "custbody_wc_store: order.via"},
	{"custbody_wc_order_id: order.id", "custbody_wc_order_id: order.number + \"!\""},
	{"    custbody_wc_customer_ip: order.customer.ip\n", ""},
	{"custbody_wc_payment_method: order.payment.method", "custbody_wc_payment_method: order.payment.title"},
	{"custbody_wc_payment_status: order.payment.status", "custbody_wc_payment_status: order.status"},
	{"custbody_wc_payment_reference: order.payment.title", "custbody_wc_payment_reference: order.payment.transaction_id"},
	{"custbody_wc_transaction_id: order.payment.transaction_id", "custbody_wc_transaction_id: order.payment.method"},
	{`pairs(order.meta, "_wc_order_attribution_")`, `pairs(order.meta, "_wc_order_")`},
	{`join(order.coupons, ", ")`, `join(order.coupons, ";") + "."`},
	{"custbody_wc_customer_note: order.customer_note", "custbody_wc_customer_note: order.gift_message"},
	{"firstName: order.customer.first_name", "firstName: order.customer.last_name"},
	{`lastName: first(order.customer.last_name`, `lastName: first(order.customer.first_name`},
	{"phone: order.customer.phone", "phone: order.customer.email"},
	{`isPerson: "true"`, `isPerson: "false"`},
	{"custentity_wc_customer_id: order.customer.account", `custentity_wc_customer_id: '"c" + order.customer.account'`},
	{"skus: {}", "skus: {TEE-001: TEE-002}"},
	{"fallback: WOO-FALLBACK", "fallback: WOO-FEE"},
	{"fee: WOO-FEE", "fee: WOO-FALLBACK"},
	{"discount: WOO-DISCOUNT", "discount: WOO-DISCOUNT-2"},
	{"custcol_wc_line_id: line.id", "custcol_wc_line_id: line.sku"},
	{"  fields:\n    custcol_wc_line_id: line.id\n", "  fields: {}\n"},
	{`order.status == "on-hold"`, `order.status == "none"`},
	{"    order_status: A\n    absent: create\n    open: apply\n    fulfilled: keep", "    order_status: B\n    absent: create\n    open: apply\n    fulfilled: keep"},
	{`order.status in ["processing", "completed"]`, `order.status in ["processing"]`},
	{"    order_status: B\n    absent: create", "    order_status: A\n    absent: create"},
	{"    order_status: B\n    absent: create", "    order_status: B\n    absent: wait"},
	{`order.status in ["pending", "failed"]`, `order.status in ["failed"]`},
	{`order.status == "refunded" && order.fully_refunded`, `order.status == "refunded" && !order.fully_refunded`},
	{"    when: order.status == \"refunded\" && order.fully_refunded\n    order_status: A\n    closed: true", "    when: order.status == \"refunded\" && order.fully_refunded\n    order_status: A\n    closed: false"},
	{"  - name: no-lines\n    when: len(order.lines) == 0", "  - name: no-lines\n    when: len(order.lines) == 1"},
	{"flat_rate: FLAT_RATE", "flat_rate: UPS"},
	{"free_shipping: FREE_SHIPPING", "free_shipping: UPS"},
	{"as: lines", "as: header"},
	{"strategy: override", "strategy: engine"},
	{"{type: US Sales Tax, code: CA_STATE}", "{type: US Sales Tax, code: NY_SALES}"},
	{"{type: DE VAT, code: DE_MWST}", "{type: GB VAT, code: DE_MWST}"},
	{"    US-TX-TX SALES TAX-1: {type: US Sales Tax, code: TX_SALES}\n", ""},
	{"item: WOO-ROUNDING", "item: WOO-FEE"},
	{`per_ten_lines: "0.02"`, `per_ten_lines: "0.00"`},
	{"JP:JP13: Tokyo", "JP:JP13: TYO"},
	{"  memo: 999", "  memo: 10"},
	{"  addressee: 83", "  addressee: 5"},
	{"  addr1: 150", "  addr1: 3"},
}

// Every mistake in a mapping shows in the plan; a plan reaches NetSuite with nothing, and the same history gives the
// same hash.
func TestEveryMutationShowsInThePlan(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	before := w.NetSuite.Stats().Requests
	same := plan(t, w, mapping.Default)
	if same.Changed+len(same.Troubles) != 0 || same.Looked < 45 {
		t.Fatalf("the active mapping: %d changes and %d troubles in %d orders, want none", same.Changed, len(same.Troubles), same.Looked)
	}
	if len(mutations) < 50 {
		t.Errorf("%d mutations, want fifty", len(mutations))
	}
	for _, m := range mutations {
		if !bytes.Contains(mapping.Default, []byte(m[0])) {
			t.Errorf("the default mapping has no %q", m[0])
			continue
		}
		p := plan(t, w, bytes.Replace(mapping.Default, []byte(m[0]), []byte(m[1]), 1))
		if p.Changed+len(p.Troubles) == 0 {
			t.Errorf("%q → %q: nothing shows", m[0], m[1])
		}
		if again := plan(t, w, bytes.Replace(mapping.Default, []byte(m[0]), []byte(m[1]), 1)); again.Hash != p.Hash {
			t.Errorf("%q → %q: hashes %s and %s", m[0], m[1], p.Hash, again.Hash)
		}
	}
	if after := w.NetSuite.Stats().Requests; after != before {
		t.Errorf("planning sent %d requests to NetSuite", after-before)
	}
}

func plan(t *testing.T, w world.World, document []byte) replay.Plan {
	t.Helper()
	candidate, err := mapping.Compile(document)
	if err != nil {
		t.Fatalf("%v", err)
	}
	p, err := replay.Make(context.Background(), w.JS, candidate, replay.Request{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func changesIn(t *testing.T, p replay.Plan) (list []replay.Change) {
	t.Helper()
	for c, err := range p.Changes() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// What was shown is what is written; an order that changed since leaves the plan and is listed; a plan goes on where it
// was paused.
func TestReplayWritesThePlan(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, name := range []string{"order.created-simple", "order.created-registered", "order.created-cod", "order.created-coupon"} {
		w.Post(changed(t, name))
	}
	w.Settle()
	document := bytes.Replace(mapping.Default, []byte(`"WooCommerce order " + order.number`), []byte(`"Woo " + order.number`), 1)
	p := plan(t, w, document)
	if p.Changed != 4 || p.Cost.Writes != 4 {
		t.Fatalf("%d changes, %d writes, want 4 of each: %+v", p.Changed, p.Cost.Writes, p.Troubles)
	}
	ctx := context.Background()
	if err := replay.Save(ctx, w.JS, p, document); err != nil {
		t.Fatal(err)
	}
	w.Post(changed(t, "order.created-simple", `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:00"`, `"customer_note":""`, `"customer_note":"later"`))
	w.Settle()
	if _, err := replay.Control(ctx, w.JS, p.Hash, replay.StatePaused, "me", ""); err != nil {
		t.Fatal(err)
	}
	before := w.NetSuite.Stats().Requests
	done, err := replay.Apply(ctx, w.JS, p.Hash, "me", "shorter memo", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	if done.State != replay.StateDone || done.Published != 3 || len(done.Left) != 1 || done.Left[0].Order != "36" {
		t.Errorf("%+v, want 3 published and order 36 left out", done)
	}
	memos := map[string]string{}
	for _, so := range world.Get[[]struct {
		ExternalID string `json:"externalId"`
		Memo       string `json:"memo"`
	}](w, w.Facts.NetSuite+"/sim/state?type=salesOrder") {
		memos[so.ExternalID] = so.Memo
	}
	for id, memo := range memos {
		want := "Woo " + strings.TrimPrefix(id, "wc-so-main-")
		if id == "wc-so-main-36" {
			want = "WooCommerce order 36"
		}
		if memo != want {
			t.Errorf("%s: memo %q, want %q", id, memo, want)
		}
	}
	if sent := w.NetSuite.Stats().Requests - before; sent > 3*3 { // read, write, read back
		t.Errorf("%d requests for three orders", sent)
	}
	if again, err := replay.Apply(ctx, w.JS, p.Hash, "me", "", nil); err != nil || fmt.Sprint(again) != fmt.Sprint(done) {
		t.Errorf("applied twice: %+v, %v", again, err)
	}
	if left := changesIn(t, plan(t, w, document)); len(left) != 1 || left[0].Order != "36" {
		t.Errorf("%d changes remain, want that of order 36", len(left))
	}
}

// Every order of history is derived again to the same hash, with the mapping of then. Invariant 6.
func TestHistoryIsDerivedAgain(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	ctx := context.Background()
	revisions, err := operate.Revisions(ctx, w.JS)
	if err != nil || len(revisions) != 1 || revisions[0].Mapping != "default" {
		t.Fatalf("revisions %+v, %v, want the default one", revisions, err)
	}
	derived := 0
	for _, change := range changesIn(t, plan(t, w, shorter)) {
		for _, revision := range []string{"", revisions[0].Revision, "default." + revisions[0].Revision[:6]} {
			d, err := operate.Derive(ctx, w.JS, change.Store, change.Order, revision)
			if err != nil || !d.Same {
				t.Errorf("%s/%s at %q: same %v, %v", change.Store, change.Order, revision, d.Same, err)
			}
			derived++
		}
	}
	if derived < 3*40 {
		t.Errorf("%d derivations, want three of every order that is written", derived)
	}
	if _, err := operate.Derive(ctx, w.JS, "main", "36", "ffff"); !errors.Is(err, operate.ErrNoRevision) {
		t.Errorf("a revision that never was: %v", err)
	}
	if _, err := operate.Derive(ctx, w.JS, "main", "4711", ""); !errors.Is(err, operate.ErrNoOrder) {
		t.Errorf("an order that never was: %v", err)
	}
}
