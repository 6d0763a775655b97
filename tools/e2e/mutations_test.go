package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// full is the shipped document with a rule of every kind that it leaves to its reader.
var full = append(bytes.Replace(mapping.Default, []byte("    custbody_wc_store: store.key\n"), []byte(`    custbody_wc_store: store.key
    custbody_tax: order.tax
    custbody_net: order.total - order.tax
    custbody_lines: len(order.lines)
    custbody_no_gift: 'order.gift_message == ""'
    custbody_bill_to: order.billing.city
    custbody_ship_to: order.shipping.city + " " + order.shipping.country
`), 1), `
classes:
  - {name: large, group: size, when: order.total >= 60}
  - {name: small, group: size, when: "true"}
validation:
  - {name: no-phone, when: 'order.billing.phone == ""', severity: warn, message: nobody can be called}
routing:
  orders:
    - {name: california, when: order.shipping.state == "CA", location: Oakland Warehouse}
    - {name: large, when: '"large" in classes', location: Austin Warehouse}
  lines:
    - {name: tees, when: 'line.sku startsWith "TEE-"', fields: {custcol_kind: '"tee"'}}
stores:
  legacy:
    sales_order: {fields: {custbody_shop: '"the old shop"'}}
`...)

// mutations are mistakes people make in a mapping, each as old and new text of the full document, and what must show: a
// field of which a difference is told, or after "!" the code of orders that can no longer be mapped. Addresses and lines
// cannot be swapped or dropped by a document but in the ways that stand here.
var mutations = []struct{ old, new, shows string }{
	{`memo: '"WooCommerce order " + order.number'`, `memo: '"Order " + order.number'`, "sales_order.fields.memo"},
	{`memo: '"WooCommerce order " + order.number'`, `memo: order.id`, "sales_order.fields.memo"},
	{"otherRefNum: order.number", "otherRefNum: order.id + \"-x\"", "sales_order.fields.otherRefNum"},
	{"otherRefNum: order.number", "otherRefNum: order.number + order.number", "sales_order.fields.otherRefNum"},
	{"tranDate: order.date", `tranDate: '"2026-01-01"'`, "sales_order.fields.tranDate"},
	{"email: order.customer.email\n    memo", "email: order.billing.email\n    comments: order.status\n    memo", "sales_order.fields.comments"},
	{"    email: order.customer.email\n    memo", "    memo", "sales_order.fields.email"},
	{`subsidiary: ref("subsidiary", "name", "Parent US")
    tranDate`, `subsidiary: ref("subsidiary", "name", "Other")
    tranDate`, "sales_order.fields.subsidiary.key"},
	{"custbody_wc_store: store.key", "custbody_wc_store: order.via", "sales_order.fields.custbody_wc_store"},
	{"custbody_wc_order_id: order.id", "custbody_wc_order_id: order.number + \"!\"", "sales_order.fields.custbody_wc_order_id"},
	{"    custbody_wc_customer_ip: order.customer.ip\n", "", "sales_order.fields.custbody_wc_customer_ip"},
	{"custbody_wc_payment_method: order.payment.method", "custbody_wc_payment_method: order.payment.title", "sales_order.fields.custbody_wc_payment_method"},
	{"custbody_wc_payment_status: order.payment.status", "custbody_wc_payment_status: order.status", "sales_order.fields.custbody_wc_payment_status"},
	{"custbody_wc_payment_reference: order.payment.title", "custbody_wc_payment_reference: order.payment.transaction_id", "sales_order.fields.custbody_wc_payment_reference"},
	{"custbody_wc_transaction_id: order.payment.transaction_id", "custbody_wc_transaction_id: order.payment.method", "sales_order.fields.custbody_wc_transaction_id"},
	{`pairs(order.meta, "_wc_order_attribution_")`, `pairs(order.meta, "_wc_order_")`, "sales_order.fields.custbody_wc_attribution"},
	{`join(order.coupons, ", ")`, `join(order.coupons, ";") + "."`, "sales_order.fields.custbody_wc_coupons"},
	{"custbody_wc_customer_note: order.customer_note", "custbody_wc_customer_note: order.gift_message", "sales_order.fields.custbody_wc_customer_note"},
	{"firstName: order.customer.first_name", "firstName: order.customer.last_name", "customer.fields.firstName"},
	{`lastName: first(order.customer.last_name`, `lastName: first(order.customer.first_name`, "customer.fields.lastName"},
	{"phone: order.customer.phone", "phone: order.customer.email", "customer.fields.phone"},
	{`isPerson: "true"`, `isPerson: "false"`, "customer.fields.isPerson"},
	{"custentity_wc_customer_id: order.customer.account", `custentity_wc_customer_id: '"c" + order.customer.account'`, "customer.fields.custentity_wc_customer_id"},
	{"skus: {}", "skus: {TEE-001: TEE-002}", "sales_order.lines[].item.key"},
	{"fallback: WOO-FALLBACK", "fallback: WOO-FEE", "sales_order.lines[].item.key"},
	{"fee: WOO-FEE", "fee: WOO-FALLBACK", "sales_order.lines[].item.key"},
	{"discount: WOO-DISCOUNT", "discount: WOO-DISCOUNT-2", "sales_order.lines[].item.key"},
	{"custcol_wc_line_id: line.id", "custcol_wc_line_id: line.sku", "sales_order.lines[].fields.custcol_wc_line_id"},
	{"  fields:\n    custcol_wc_line_id: line.id\n", "  fields: {}\n", "sales_order.lines[].fields.custcol_wc_line_id"},
	{`order.status == "on-hold"`, `order.status == "none"`, "!status-unmapped"},
	{"    order_status: A\n    absent: create\n    open: apply\n    fulfilled: keep", "    order_status: B\n    absent: create\n    open: apply\n    fulfilled: keep", "sales_order.order_status"},
	{`order.status in ["processing", "completed"]`, `order.status in ["processing"]`, "!status-unmapped"},
	{"    order_status: B\n    absent: create", "    order_status: A\n    absent: create", "sales_order.order_status"},
	{"    order_status: B\n    absent: create", "    order_status: B\n    absent: wait", "policy.absent"},
	{`order.status in ["pending", "failed"]`, `order.status in ["failed"]`, "!status-unmapped"},
	{`order.status == "refunded" && order.fully_refunded`, `order.status == "refunded" && !order.fully_refunded`, "policy.rule"},
	{"    when: order.status == \"refunded\" && order.fully_refunded\n    order_status: A\n    closed: true", "    when: order.status == \"refunded\" && order.fully_refunded\n    order_status: A\n    closed: false", "sales_order.closed"},
	{"  - name: no-lines\n    when: len(order.lines) == 0", "  - name: no-lines\n    when: len(order.lines) == 1", "sales_order.lines[].amount"},
	{"flat_rate: FLAT_RATE", "flat_rate: UPS", "sales_order.fields.shipMethod.key"},
	{"free_shipping: FREE_SHIPPING", "free_shipping: UPS", "sales_order.fields.shipMethod.key"},
	{"as: lines", "as: header", "sales_order.fields.discountRate"},
	{"strategy: override", "strategy: engine", "sales_order.tax_mode"},
	{"{type: US Sales Tax, code: CA_STATE}", "{type: US Sales Tax, code: NY_SALES}", "sales_order.tax_details[].tax_code.key"},
	{"{type: DE VAT, code: DE_MWST}", "{type: GB VAT, code: DE_MWST}", "sales_order.tax_details[].tax_type.key"},
	{"    US-TX-TX SALES TAX-1: {type: US Sales Tax, code: TX_SALES}\n", "", "!tax-rate-unmapped"},
	{"item: WOO-ROUNDING", "item: WOO-FEE", "sales_order.lines[].item.key"},
	{`per_ten_lines: "0.02"`, `per_ten_lines: "0.00"`, "!money-mismatch"},
	{"JP:JP13: Tokyo", "JP:JP13: TYO", "sales_order.shipping.state"},
	{"  memo: 999", "  memo: 10", "sales_order.fields.memo"},
	{"  addressee: 83", "  addressee: 5", "sales_order.shipping.addressee"},
	{"  addr1: 150", "  addr1: 3", "sales_order.shipping.addr1"},
	{`memo: '"WooCommerce order " + order.number + ", " + first(order.payment.transaction_id`, `memo: '"paid " + first(order.payment.transaction_id`, "deposits[].fields.memo"},
	{"rig_card: {option: Credit Card}", "rig_card: {option: Cash}", "deposits[].fields.paymentOption.key"},
	{"policy: deposit\n", "policy: invoice\n", "bill.record"},
	{"  - name: cancelled-after-payment\n", "  - name: cancelled-whatever\n    when: order.status in [\"cancelled\", \"refunded\"]\n    order_status: A\n    closed: true\n    absent: ignore\n    open: apply\n    fulfilled: park\n  - name: cancelled-after-payment\n", "policy.rule"}, // rule order
	{"strategy: override", "strategy: lines\n  item: WOO-FEE", "sales_order.lines[].key"},
	{"custbody_net: order.total - order.tax", "custbody_net: order.tax - order.total", "sales_order.fields.custbody_net"}, // sign
	{"custbody_net: order.total - order.tax", "custbody_net: order.total + order.tax", "sales_order.fields.custbody_net"},
	{"custbody_tax: order.tax", "custbody_tax: order.shipping_total", "sales_order.fields.custbody_tax"},
	{"custbody_tax: order.tax", "custbody_tax: string(order.tax)", "sales_order.fields.custbody_tax"}, // text for a number
	{"custbody_lines: len(order.lines)", "custbody_lines: string(len(order.lines))", "sales_order.fields.custbody_lines"},
	{`custbody_no_gift: 'order.gift_message == ""'`, "custbody_no_gift: nil", "sales_order.fields.custbody_no_gift"}, // cleared
	{`custbody_no_gift: 'order.gift_message == ""'`, `custbody_no_gift: 'order.gift_message == "" ? "true" : "false"'`, "sales_order.fields.custbody_no_gift"},
	{`custbody_no_gift: 'order.gift_message == ""'`, `custbody_no_gift: 'order.gift_message != ""'`, "sales_order.fields.custbody_no_gift"},
	{"custbody_bill_to: order.billing.city\n    custbody_ship_to: order.shipping.city", "custbody_bill_to: order.shipping.city\n    custbody_ship_to: order.billing.city", "sales_order.fields.custbody_ship_to"},                                             // swapped address
	{"  - {name: large, group: size, when: order.total >= 60}\n  - {name: small, group: size, when: \"true\"}", "  - {name: small, group: size, when: \"true\"}\n  - {name: large, group: size, when: order.total >= 60}", "sales_order.fields.location.key"}, // rule order
	{"when: order.total >= 60", "when: order.total > 10000", "sales_order.fields.location.key"},
	{"    - {name: california, when: order.shipping.state == \"CA\", location: Oakland Warehouse}\n    - {name: large, when: '\"large\" in classes', location: Austin Warehouse}", "    - {name: large, when: '\"large\" in classes', location: Austin Warehouse}\n    - {name: california, when: order.shipping.state == \"CA\", location: Oakland Warehouse}", "sales_order.fields.location.key"},
	{"location: Oakland Warehouse", "location: Austin Warehouse", "sales_order.fields.location.key"},
	{"    - {name: california, when: order.shipping.state == \"CA\", location: Oakland Warehouse}\n", "", "sales_order.fields.location.key"},
	{`'line.sku startsWith "TEE-"'`, `'line.sku startsWith "BEANIE-"'`, "sales_order.lines[].fields.custcol_kind"},
	{"severity: warn", "severity: park", "!validation-failed"},
	{"severity: warn", "severity: reject", "policy.rule"},
	{`'"the old shop"'`, "store.key", "sales_order.fields.custbody_shop"},
	{"stores:\n  legacy:", "stores:\n  main:", "sales_order.fields.custbody_shop"},
}

// full as it is, or with a mutation.
func mutant(t *testing.T, old, by string) []byte {
	t.Helper()
	if !bytes.Contains(full, []byte(old)) {
		t.Fatalf("the mapping has no %q", old)
	}
	return bytes.Replace(full, []byte(old), []byte(by), 1)
}

// shown lists what a plan shows: fields, and codes of troubles.
func shown(p replay.Plan) (list []string) {
	for _, g := range p.Groups {
		list = append(list, g.Field)
	}
	for _, trouble := range p.Troubles {
		list = append(list, "!"+trouble.Code)
	}
	return list
}

// Every mistake in a mapping shows in the plan, by the field that it is about; a plan reaches NetSuite with nothing, and
// the same history gives the same hash.
func TestEveryMutationShowsInThePlan(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, full, 0o600); err != nil {
		t.Fatal(err)
	}
	w := world.Start(t, demo.Options{Mute: true, Mapping: file, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	w.Post(changed(t, "order.created-simple", `"status":"processing"`, `"status":"cancelled"`, `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:00"`))
	w.Settle()
	before := w.NetSuite.Stats().Requests
	same := plan(t, w, full)
	if same.Changed+len(same.Troubles) != 0 || same.Looked < 45 {
		t.Fatalf("the active mapping: %d changes and %d troubles in %d orders, want none", same.Changed, len(same.Troubles), same.Looked)
	}
	if len(mutations) < 70 {
		t.Errorf("%d mutations, want seventy", len(mutations))
	}
	hashes := map[string]string{}
	for _, m := range world.Sample(t, mutations) {
		document := mutant(t, m.old, m.new)
		p := plan(t, w, document)
		if list := shown(p); !slices.Contains(list, m.shows) {
			t.Errorf("%q → %q: %s does not show among %v", m.old, m.new, m.shows, list)
		}
		if again := plan(t, w, document); again.Hash != p.Hash {
			t.Errorf("%q → %q: hashes %s and %s", m.old, m.new, p.Hash, again.Hash)
		}
		if other, taken := hashes[p.Hash]; taken {
			t.Errorf("%q → %q has the hash of %s", m.old, m.new, other)
		}
		hashes[p.Hash] = m.new
	}
	if after := w.NetSuite.Stats().Requests; after != before {
		t.Errorf("planning sent %d requests to NetSuite", after-before)
	}
}
