package e2e

import (
	"bytes"
	"slices"
	"testing"

	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// What differs and is not written is marked: no record that exists is written again for a customer's, a deposit's or a
// policy's sake, and no value of NetSuite changes by it.
func TestDifferencesThatAreNotWrittenAreMarked(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	w.Load(world.Captures(t))
	for _, name := range []string{"order.created-simple", "order.created-registered", "order.created-cod", "order.created-coupon"} {
		w.Post(changed(t, name))
	}
	w.Settle()
	for field, turn := range map[string][2]string{
		"customer.fields.phone":               {"phone: order.customer.phone", "phone: '\"555-0100\"'"},
		"deposits[].fields.memo":              {`memo: '"WooCommerce order " + order.number + ", " + first(order.payment.transaction_id`, `memo: '"paid " + first(order.payment.transaction_id`},
		"deposits[].fields.paymentOption.key": {"rig_card: {option: Credit Card}", "rig_card: {option: Cash}"},
		"policy.absent":                       {"    order_status: B\n    absent: create", "    order_status: B\n    absent: wait"},
		"deposits[].amount":                   {"policy: deposit\n", "policy: order\n"},
	} {
		document := bytes.Replace(mapping.Default, []byte(turn[0]), []byte(turn[1]), 1)
		p := plan(t, w, document)
		if list := shown(p); !slices.Contains(list, field) {
			t.Errorf("%s does not show among %v", field, list)
		}
		for _, c := range changesIn(t, p) {
			for _, d := range c.Differences {
				if !c.IsKept(d.Field) {
					t.Errorf("order %s: %s is not marked", c.Order, d.Field)
				}
			}
		}
		before := leavesOf(w)
		applied(t, w, p, document)
		if values := changesBetween(before, leavesOf(w)); len(values) != 0 {
			t.Errorf("%s: NetSuite's values changed: %v", field, values)
		}
		applied(t, w, plan(t, w, mapping.Default), mapping.Default)
	}
	for _, c := range changesIn(t, plan(t, w, shorter)) {
		if len(c.Kept) != 0 {
			t.Errorf("order %s: %v is marked, and written", c.Order, c.Kept)
		}
	}
}
