package shopsim

import "testing"

// Many products are found by SKU, written like any other, and nobody is told that they were put there.
func TestAssortment(t *testing.T) {
	r := receive(t)
	s := delivering(t, r)
	quiet(t, s, 1, "processing")
	for _, a := range []Assortment{{SKUs: []string{"P1", "P2"}}, {SKUs: []string{"V1", "V2", "V3"}, Variations: 2}} {
		if err := s.Stock(a); err != nil {
			t.Fatal(err)
		}
	}
	fence(t, s, r)
	found := map[string]string{}
	parents := map[string]int64{}
	for _, p := range rest(t, s, "GET", "/products?sku=P2,V1,V2,V3,NONE", "").json(t).Items() {
		found[p.Get("sku").Text()] = p.Get("type").Text()
		parents[p.Get("sku").Text()] = p.Get("parent_id").Int()
	}
	if len(found) != 4 || found["P2"] != "simple" || found["V1"] != "variation" || parents["V1"] != parents["V2"] || parents["V3"] == parents["V1"] {
		t.Fatalf("found %v with parents %v", found, parents)
	}
	batch := "/products/" + itoa(parents["V3"]) + "/variations/batch"
	v3 := rest(t, s, "GET", "/products?sku=V3", "").json(t).Items()[0].Get("id").Text()
	if a := rest(t, s, "POST", batch, `{"update":[{"id":`+v3+`,"stock_quantity":7}]}`); a.status != 200 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	shown, err := s.Quantities("")
	if n, is := shown["P1"]; err != nil || shown["V3"] != 7 || !is || n != 0 {
		t.Errorf("quantities %d of V3, %d of P1 (%v), %v", shown["V3"], n, is, err)
	}
}

// A product that gets another SKU is found by that one only.
func TestSKUsAreIndexed(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	rest(t, s, "PUT", "/products/12", `{"sku":"TEE-NEW"}`)
	for sku, want := range map[string]int{"TEE-001": 0, "TEE-NEW": 1} {
		if n := len(rest(t, s, "GET", "/products?sku="+sku, "").json(t).Items()); n != want {
			t.Errorf("%d products of %s, want %d", n, sku, want)
		}
	}
}

// People pay back, and a shopper may buy more than one.
func TestRefundOfAMerchant(t *testing.T) {
	s := start(t, Config{AllowBasicOverHTTP: true})
	var placed struct{ IDs []int64 }
	if status := sim(t, s, "POST", "/orders", map[string]any{"status": "processing", "product": 12, "quantity": 3}, &placed); status != 200 || len(placed.IDs) != 1 {
		t.Fatalf("status %d, orders %v", status, placed.IDs)
	}
	order := "/orders/" + itoa(placed.IDs[0])
	if n := rest(t, s, "GET", order, "").json(t).Get("line_items").Items()[0].Get("quantity").Int(); n != 3 {
		t.Errorf("%d units, want 3", n)
	}
	if status := sim(t, s, "POST", order+"/refund", map[string]any{"refund": map[string]string{"amount": "2.00", "reason": "late"}}, nil); status != 200 {
		t.Fatalf("status %d", status)
	}
	if refunds := rest(t, s, "GET", order, "").json(t).Get("refunds").Items(); len(refunds) != 1 || refunds[0].Get("total").Text() != "-2.00" {
		t.Errorf("%d refunds, want one of 2.00", len(refunds))
	}
	if status := sim(t, s, "POST", order+"/refund", map[string]any{"refund": map[string]string{"amount": "9999.00"}}, nil); status != 400 {
		t.Errorf("a refund of more than was paid: status %d, want 400", status)
	}
	if status := sim(t, s, "POST", "/orders", map[string]any{"product": 12, "quantity": -1}, nil); status != 400 {
		t.Errorf("a quantity below zero: status %d, want 400", status)
	}
}
