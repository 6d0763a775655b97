package netsuitesim_test

import (
	"testing"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

const tees = "SELECT p.pricelevel AS level, c.symbol AS currency, p.quantity AS quantity, p.unitprice AS price FROM pricing p JOIN currency c ON c.id = p.currency" +
	" WHERE p.item = 112 ORDER BY p.pricelevel, c.symbol, p.quantity"

func (a *account) priced(p netsuitesim.Price) {
	a.t.Helper()
	if _, err := a.sim.SetPrice(p); err != nil {
		a.t.Fatal(err)
	}
}

func (a *account) lists(want ...map[string]any) {
	a.t.Helper()
	if got := a.rows(tees); !same(got, want) {
		a.t.Errorf("%v\nwant %v", got, want)
	}
}

func same(got []map[string]any, want []map[string]any) bool {
	if len(got) != len(want) {
		return false
	}
	for i, row := range want {
		for column, value := range row {
			if got[i][column] != value {
				return false
			}
		}
		if len(got[i]) != len(row) {
			return false
		}
	}
	return true
}

// The base price is level 1 of the base currency; each level has prices of its own, by currency and quantity, and a
// price that is emptied is null. A change of a price is a change of the item.
func TestPricesOfItems(t *testing.T) {
	a, pass := stocked(t)
	a.lists(map[string]any{"level": "1", "currency": "USD", "quantity": "1", "price": "20.77"})
	pass()
	a.priced(netsuitesim.Price{SKU: "TEE-001", Level: "1", Price: "21.5"})
	a.priced(netsuitesim.Price{SKU: "TEE-001", Level: "2", Currency: "JPY", Price: "1980"})
	a.priced(netsuitesim.Price{SKU: "TEE-001", Level: "2", Currency: "JPY", Quantity: 10, Price: "1700"})
	a.priced(netsuitesim.Price{SKU: "TEE-001", Level: "2", Currency: "EUR"})
	a.lists(map[string]any{"level": "1", "currency": "USD", "quantity": "1", "price": "21.5"}, map[string]any{"level": "2", "currency": "EUR", "quantity": "1"},
		map[string]any{"level": "2", "currency": "JPY", "quantity": "1", "price": "1980"}, map[string]any{"level": "2", "currency": "JPY", "quantity": "10", "price": "1700"})
	if log := a.sim.Log("suiteql", 1); len(log) != 1 || len(log[0].Tables) != 2 || log[0].Tables[0] != "pricing" {
		t.Errorf("the log says %+v", log)
	}
	if r := a.rows("SELECT baseprice, TO_CHAR(lastmodifieddate, 'MI') AS minute FROM item WHERE id = 112"); r[0]["baseprice"] != "21.5" || r[0]["minute"] != "01" {
		t.Errorf("%v, want the base price changed with the item's time", r)
	}
	for _, wrong := range []netsuitesim.Price{{SKU: "NONE", Level: "1", Price: "1"}, {SKU: "TEE-001", Level: "77", Price: "1"}, {SKU: "TEE-001", Level: "1", Currency: "CHF", Price: "1"}, {SKU: "TEE-001", Level: "1", Price: "x"}} {
		if _, err := a.sim.SetPrice(wrong); err == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
}

// An account may show the prices by the names of the record's sublist instead.
func TestPricesAsASublist(t *testing.T) {
	a := with(t, func(s *netsuitesim.Switches) { s.ItemPrices = true })
	r := a.rows("SELECT p.pricelevel AS level, p.currencypage AS currency, p.price AS price FROM itemPrice p WHERE p.item = 112")
	if len(r) != 1 || r[0]["level"] != "1" || r[0]["currency"] != "1" || r[0]["price"] != "20.77" {
		t.Errorf("%v", r)
	}
	refused := a.do("POST", "query/v1/suiteql", `{"q":"SELECT item FROM pricing"}`, "Prefer", "transient")
	if refused.status != 400 {
		t.Errorf("pricing answers %d", refused.status)
	}
	if refused = open(t).do("POST", "query/v1/suiteql", `{"q":"SELECT item FROM itemPrice"}`, "Prefer", "transient"); refused.status != 400 {
		t.Errorf("itemPrice answers %d", refused.status)
	}
}
