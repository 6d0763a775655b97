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
	store, order, status, total, currency, lines, date string
}

func expected(t testing.TB) []expectation {
	t.Helper()
	var list []expectation
	for line := range strings.Lines(expectedTSV) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) < 7 {
			t.Fatalf("expected.tsv: %q: want seven columns", line)
		}
		list = append(list, expectation{f[0], f[1], f[2], f[3], f[4], f[5], f[6]})
	}
	return list
}

// Ids of currencies in the double's seed.
var currencyIDs = map[string]string{"USD": "1", "JPY": "3", "EUR": "4"}

// Check compares NetSuite with the expectation; mayLack lists orders that may be absent.
func (w World) Check(mayLack map[string]bool) {
	w.t.Helper()
	have := w.SalesOrders()
	for _, want := range expected(w.t) {
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
