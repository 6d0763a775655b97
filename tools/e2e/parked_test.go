package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// lacking is the shipped document without a tax rate of Texas.
var lacking = bytes.Replace(mapping.Default, []byte("    US-TX-TX SALES TAX-1: {type: US Sales Tax, code: TX_SALES}\n"), nil, 1)

// Orders that the mapping could not map are in the plan of one that can: applying it makes their sales orders and closes
// their failures, once.
func TestReplayFreesParkedOrders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, lacking, 0o600); err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, demo.Options{Mute: true, Mapping: file})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	ctx := context.Background()
	parked := map[string]bool{}
	open := func() (list []operate.Failure) {
		failures, err := operate.Failures(ctx, w.JS, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range failures {
			if f.Entry.Stage == "map" && f.Entry.Fault.Code == "tax-rate-unmapped" {
				list = append(list, f)
			}
		}
		return list
	}
	for _, f := range open() {
		parked[f.Entry.Store+"-"+f.Entry.Key] = true
	}
	if len(parked) == 0 {
		t.Fatal("no order is parked without its tax rate")
	}
	for name := range parked {
		if _, made := w.SalesOrders()["wc-so-"+name]; made {
			t.Errorf("%s has a sales order although it is parked", name)
		}
	}
	if same := plan(t, w, lacking); same.Changed+len(same.Troubles) != 0 {
		t.Errorf("the active mapping: %d changes, %d troubles, want none", same.Changed, len(same.Troubles))
	}
	p := plan(t, w, mapping.Default)
	creates := 0
	for _, c := range changesIn(t, p) {
		if !c.Parked || !parked[c.Store+"-"+c.Order] || c.Account != demo.Account {
			t.Errorf("%+v: want parked orders alone", c)
		}
		if c.Effect == replay.EffectCreate {
			creates++
		}
	}
	if p.Changed != len(parked) || creates == 0 {
		t.Fatalf("%d changes, %d of them new sales orders, of %d parked orders", p.Changed, creates, len(parked))
	}
	if err := replay.Save(ctx, w.JS, p, mapping.Default); err != nil {
		t.Fatal(err)
	}
	before := len(w.SalesOrders())
	done, err := replay.Apply(ctx, w.JS, p.Hash, "me", "the rate is there", nil)
	if err != nil || done.Published != len(parked) || len(done.Left) != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	w.Settle()
	if made := len(w.SalesOrders()) - before; made != creates {
		t.Errorf("%d new sales orders, want %d", made, creates)
	}
	if left := open(); len(left) != 0 {
		t.Errorf("%d failures are open still: %+v", len(left), left)
	}
	if again := plan(t, w, mapping.Default); again.Changed != 0 {
		t.Errorf("%d changes remain", again.Changed)
	}
}

// lackingCA is the shipped document without a tax rate of order 36.
var lackingCA = bytes.Replace(mapping.Default, []byte("    US-CA-CA STATE TAX-1: {type: US Sales Tax, code: CA_STATE}\n"), nil, 1)

// explanation is what mapping explain prints.
type explanation struct {
	mapping.Explanation
	Parked *operate.Parked `json:"parked"`
}

func (x explanation) value(field string) string {
	at := slices.IndexFunc(x.Fields, func(f mapping.Explained) bool { return f.Field == field })
	if at < 0 {
		return ""
	}
	return x.Fields[at].Value
}

// An order that map has parked is explained from its event: why it is parked, what was made before the field that fails, and
// with a revision that maps it all of it. What is derived so is what map makes of it once it may.
func TestAParkedOrderIsExplained(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched, Mapping: fileOf(t, lackingCA)})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	x := said[explanation](t, w, "mapping", "explain", "main/36")
	if p := x.Parked; p == nil || p.Fault.Code != "tax-rate-unmapped" || p.Fault.Value != "US-CA-CA STATE TAX-1" || p.Failure != "map.main.36" || p.Event == 0 || p.Since.IsZero() {
		t.Fatalf("%+v: want what has parked it", x.Parked)
	}
	if x.Rule != "accepted" || x.value("sales_order.fields.memo") != "WooCommerce order 36" || x.value("customer.email") == "" || x.value("expected.total") != "" || !strings.Contains(x.Error, "US-CA-CA STATE TAX-1") {
		t.Errorf("rule %q, %s, fields %+v: want what is made before the tax", x.Rule, x.Error, x.Fields)
	}
	holds(t, w, []string{"mapping", "explain", "36"}, "is parked at map since", "(failure map.main.36;", "parked: tax-rate-unmapped", `sales_order.fields.memo = "WooCommerce order 36"`, "sales_order.fields.memo: ")
	d := saidWith[operate.Derived](t, w, 1, "order", "derive", "36")
	if !d.New || d.Same || d.Parked == nil || d.Failed == nil || d.Failed.Revision != mapping.Revision(lackingCA) || d.Desired.Order != "" {
		t.Errorf("%+v: want it new, parked and failed", d)
	}
	if _, out, errs := says(w, "order", "derive", "36"); !strings.Contains(out, "parked: tax-rate-unmapped") || !strings.Contains(errs, "tax-rate-unmapped") {
		t.Errorf("derived: %s%s", out, errs)
	}
	refused(t, w, "no such order", "mapping", "explain", "main/4711")

	said[operate.Shadow](t, w, "mapping", "shadow", "start", fileOf(t, mapping.Default)) // keeps the revision, and no order is mapped with it
	fixed := mapping.Revision(mapping.Default)
	x = said[explanation](t, w, "mapping", "explain", "main/36", "--at", fixed)
	if x.Error != "" || x.Revision != fixed || x.value("expected.total") != "28.14" || x.Parked == nil {
		t.Errorf("with a revision that maps it: %s, total %s", x.Error, x.value("expected.total"))
	}
	whole := said[operate.Derived](t, w, "order", "derive", "main/36", "--at", fixed)
	if !whole.New || whole.Failed != nil || whole.Parked == nil || whole.Desired.Account != demo.Account || len(whole.Desired.SalesOrder.Lines) != 1 {
		t.Errorf("%+v: want it whole", whole)
	}
	holds(t, w, []string{"order", "derive", "main/36", "--at", fixed}, "is parked at map", "nothing was sent yet", "total 28.14 USD")

	said[operate.Published](t, w, "mapping", "shadow", "promote")
	said[operate.Failure](t, w, "failures", "retry", "map.main.36")
	w.Settle()
	now := said[operate.Derived](t, w, "order", "derive", "main/36")
	if !now.Same || now.New || now.Parked != nil || now.Desired.Hash != whole.Desired.Hash {
		t.Errorf("map made %s, it was derived as %s: %+v", now.Desired.Hash, whole.Desired.Hash, now.Parked)
	}
	laterIsParked(t, w, now.Desired.Source.Sequence)
}

// laterIsParked parks a later state of an order: what is explained is the one before, and the parked one where it is named.
func laterIsParked(t *testing.T, w world.World, before uint64) {
	t.Helper()
	said[operate.Published](t, w, "mapping", "rollback")
	var x explanation
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	w.Until("map follows the rollback, and a later state is parked", func() bool {
		at = at.Add(time.Minute)
		w.Post(changed(t, "order.created-simple", `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"`+at.Format("2006-01-02T15:04:05")+`"`, `"customer_note":""`, `"customer_note":"later"`))
		w.Settle()
		x = said[explanation](t, w, "mapping", "explain", "main/36")
		return x.Parked != nil
	})
	if x.Error != "" || x.Revision != mapping.Revision(mapping.Default) || x.Parked.Event <= before {
		t.Fatalf("%s, %+v: want the state that was mapped, and word of the parked one", x.Error, x.Parked)
	}
	event := strconv.FormatUint(x.Parked.Event, 10)
	x = said[explanation](t, w, "mapping", "explain", "main/36", "--event", event, "--at", mapping.Revision(lackingCA))
	if !strings.Contains(x.Error, "tax-rate-unmapped") || x.value("sales_order.fields.custbody_wc_customer_note") != "later" {
		t.Errorf("%s, fields %+v: want the parked state", x.Error, x.Fields)
	}
	whole := said[operate.Derived](t, w, "order", "derive", "main/36", "--event", event)
	if whole.Same || whole.New || whole.Desired.Source.Sequence != x.Parked.Event {
		t.Errorf("%+v: want the parked state with the revision of the one before", whole)
	}
}

// An order that the writer parks for what the mapping says is retried once, right behind the publication that mends it.
func TestARetryFollowsTheMapping(t *testing.T) {
	wrong := bytes.ReplaceAll(mapping.Default, []byte(`ref("subsidiary", "name", "Parent US")`), []byte(`ref("subsidiary", "name", "Nowhere")`))
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched, Mapping: fileOf(t, wrong)})
	w.Load(world.Captures(t))
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	holds(t, w, []string{"failures", "show", "write.main.36"}, "reference-unknown", "Nowhere")
	said[operate.Published](t, w, "mapping", "publish", fileOf(t, mapping.Default), "-m", "the subsidiary's name")
	said[operate.Failure](t, w, "failures", "retry", "write.main.36")
	w.Settle()
	if made := w.SalesOrders()["wc-so-main-36"]; made.Memo != "WooCommerce order 36" {
		t.Errorf("%+v: want the sales order made", made)
	}
	holds(t, w, []string{"failures", "list"}, "nothing is parked")
	if now := said[operate.Derived](t, w, "order", "derive", "main/36"); !now.Same || now.Desired.Source.Revision != mapping.Revision(mapping.Default) {
		t.Errorf("revision %s, same %v", now.Desired.Source.Revision, now.Same)
	}
}
