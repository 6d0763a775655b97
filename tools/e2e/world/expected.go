package world

import (
	_ "embed" // the expectation
	"fmt"
	"strings"
	"testing"
)

//go:embed expected.tsv
var expectedTSV string

type expectation struct {
	store, order, status, total, tax, currency, lines, date string
}

func expected(t testing.TB) []expectation {
	t.Helper()
	var list []expectation
	for line := range strings.Lines(expectedTSV) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) < 8 {
			t.Fatalf("expected.tsv: %q: want eight columns", line)
		}
		list = append(list, expectation{f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7]})
	}
	return list
}

// Ids of currencies in the double's seed.
var currencyIDs = map[string]string{"USD": "1", "JPY": "3", "EUR": "4"}

// Lackable are the orders, as store/order, that NetSuite may lack when their states do not arrive one by one in their order.
// A state is stale once a newer one has arrived (Invariant 4), and of the newest states of these two no sales order is
// made where there is none: all money of 42 was given back, so that nothing is sold and nothing is owed (rule refunded:
// ignore); 68 is not paid at last (rule unpaid: wait). An earlier state that arrives first makes the sales order, which is
// closed then, or goes back to pending approval.
var Lackable = map[string]bool{"main/42": true, "main/68": true}

// Copy is an order of store main that says the same as a captured one, under a number and for a guest of its own.
type Copy struct{ Of, Order, Email string }

// Check compares NetSuite with the expectation; mayLack lists orders that may be absent, copies those beside the captures.
func (w World) Check(mayLack map[string]bool, copies ...Copy) {
	w.t.Helper()
	have := w.SalesOrders()
	for _, want := range withCopies(expected(w.t), copies) {
		name := want.store + "/" + want.order
		so, found := have["wc-so-"+want.store+"-"+want.order]
		delete(have, "wc-so-"+want.store+"-"+want.order)
		switch {
		case want.status == "-" && found:
			w.t.Errorf("%s: a sales order (%s), want none", name, so.TranID)
		case want.status == "-", !found && mayLack[name]:
		case !found:
			w.t.Errorf("%s: no sales order", name)
		default:
			got := fmt.Sprintf("status %s, currency %s, %d lines, date %s, number %s", so.Status.ID, so.Currency.ID, len(so.Item.Items), so.TranDate, so.OtherRefNum)
			wanted := fmt.Sprintf("status %s, currency %s, %s lines, date %s, number %s", want.status, currencyIDs[want.currency], want.lines, want.date, want.order)
			if got != wanted {
				w.t.Errorf("%s: %s\n   want %s", name, got, wanted)
			}
			if !SameAmount(so.Total.String(), want.total) {
				w.t.Errorf("%s: total %s, want %s", name, so.Total, want.total)
			}
		}
	}
	for id := range have {
		w.t.Errorf("sales order %s: no order of the captures", id)
	}
}

func withCopies(list []expectation, copies []Copy) []expectation {
	for _, c := range copies {
		for _, e := range list {
			if e.store == "main" && e.order == c.Of {
				e.order = c.Order
				list = append(list, e)
				break
			}
		}
	}
	return list
}

// Totals gives the expected totals by externalId.
func (w World) Totals() map[string]string {
	w.t.Helper()
	totals := map[string]string{}
	for _, want := range expected(w.t) {
		if want.status != "-" {
			totals["wc-so-"+want.store+"-"+want.order] = want.total
		}
	}
	return totals
}

// Taxes gives the shop's tax in the expected totals by externalId.
func (w World) Taxes() map[string]string {
	w.t.Helper()
	taxes := map[string]string{}
	for _, want := range expected(w.t) {
		taxes["wc-so-"+want.store+"-"+want.order] = want.tax
	}
	return taxes
}

// RoundingLines lists the rounding lines of every sales order as "externalId amount".
func (w World) RoundingLines() []string {
	var lines []string
	for id, so := range w.SalesOrders() {
		for _, line := range so.Item.Items {
			if line.Item.RefName == "WOO-ROUNDING" {
				lines = append(lines, id+" "+line.Amount.String())
			}
		}
	}
	return lines
}
