package world

import (
	"crypto/sha256"
	_ "embed" // the expectation
	"encoding/hex"
	"strings"

	"github.com/goccy/go-json"
)

//go:embed customers.tsv
var customersTSV string

// deposits are the customer deposits of all captures, read from the bodies by hand: each order whose date_paid is set in
// the first state that is paid, with that state's total; none for 0.00, for cash on delivery before it is paid, for bank
// transfers on hold.
var deposits = map[string]string{
	"main-36": "28.14", "main-37": "232.11", "main-38": "155.38", "main-39": "12245.34", "main-42": "73.99", "main-43": "18.70", "main-46": "25.94",
	"main-48": "268.13", "main-49": "9.80", "main-50": "128.14", "main-51": "194.95", "main-54": "42.62", "main-55": "106.36", "main-56": "93.82",
	"main-57": "40.27", "main-58": "30.85", "main-60": "70.94", "main-61": "30.85", "main-62": "28.14", "main-63": "94.81", "main-66": "427.52",
	"main-68": "20.28", "main-69": "98.65", "main-76": "20.28", "main-241": "114.82", "legacy-35": "155.38", "legacy-49": "98.65", "v104-35": "98.65",
}

// refunds are those with a record of their own; "Order fully refunded." by a change of status pays nothing back.
var refunds = map[string]string{"main-37-71": "10.00", "main-37-72": "21.44", "main-42-73": "73.99"}

// unpaid are the totals of the orders that are accepted and never paid: cash on delivery.
var unpaid = map[string]string{"main-40": "69.67", "main-47": "21.69", "main-59": "27.82"}

// Booked gives what a money policy books of the captures, by record type and externalId. An order without a payment method
// (52 and 53 of 0.00, 242 to 246) is neither paid nor billed; invoices are made of what is accepted, paid or not. A refund is
// paid out of a deposit, is a cash refund, or credits an invoice that nobody paid.
func Booked(policy string) map[string]map[string]string {
	booked := map[string]map[string]string{}
	for _, kind := range []string{"customerDeposit", "customerRefund", "cashSale", "cashRefund", "invoice", "creditMemo"} {
		booked[kind] = map[string]string{}
	}
	book := func(kind, prefix, suffix string, totals map[string]string) {
		for key, total := range totals {
			booked[kind][prefix+key+suffix] = total
		}
	}
	switch policy {
	case "deposit":
		book("customerDeposit", "wc-cd-", "-payment", deposits)
		book("customerRefund", "wc-cr-", "", refunds)
	case "cash-sale":
		book("cashSale", "wc-cs-", "", deposits)
		book("cashRefund", "wc-cr-", "", refunds)
	case "invoice":
		book("invoice", "wc-inv-", "", deposits)
		book("invoice", "wc-inv-", "", unpaid)
		book("creditMemo", "wc-cm-", "", refunds)
	}
	return booked
}

// CheckAround compares what stands around the sales orders: customers, deposits, refunds, and what the shop's orders say.
func (w World) CheckAround(mayLack map[string]bool, copies ...Copy) {
	w.t.Helper()
	w.checkCustomers(mayLack, copies)
	w.CheckMoney(mayLack, copies...)
	w.checkShop()
}

// checkCustomers wants a record for each customer and no further one.
func (w World) checkCustomers(mayLack map[string]bool, copies []Copy) {
	w.t.Helper()
	have := map[string]string{} // e-mail by externalId
	for _, c := range Get[[]struct{ ExternalID, Email string }](w, w.Facts.NetSuite+"/sim/state?type=customer") {
		if _, twice := have[c.ExternalID]; twice && c.ExternalID != "" {
			w.t.Errorf("two customers with externalId %s", c.ExternalID)
		}
		if strings.HasPrefix(c.ExternalID, "wc-cust-") {
			have[c.ExternalID] = c.Email
		}
	}
	for _, c := range customers(copies) {
		email, found := have[c.id]
		delete(have, c.id)
		if !found && mayLack[c.store+"/"+c.orders] {
			continue
		}
		if email != c.email {
			w.t.Errorf("customer %s of orders %s: e-mail %q, want %q", c.id, c.orders, email, c.email)
		}
	}
	for id, email := range have {
		w.t.Errorf("customer %s (%s): nobody of the captures", id, email)
	}
}

type customer struct{ store, id, email, orders string }

func customers(copies []Copy) (list []customer) {
	for line := range strings.Lines(customersTSV) {
		if !strings.HasPrefix(line, "#") {
			f := strings.Split(strings.TrimSpace(line), "\t")
			list = append(list, customer{f[0], customerID(f[0], f[1]), f[2], f[3]})
		}
	}
	for _, c := range copies {
		list = append(list, customer{"main", customerID("main", c.Email), c.Email, c.Order})
	}
	return list
}

// customerID is what an account or a guest is called in NetSuite.
func customerID(store, key string) string {
	if !strings.Contains(key, "@") {
		return "wc-cust-" + store + "-" + key
	}
	sum := sha256.Sum256([]byte(key))
	return "wc-cust-" + store + "-g" + hex.EncodeToString(sum[:])[:24]
}

// CheckMoney compares customer deposits and refunds. Those of an order that may lack may lack too.
func (w World) CheckMoney(mayLack map[string]bool, copies ...Copy) {
	w.t.Helper()
	paid := map[string]string{}
	for order, total := range deposits {
		paid["wc-cd-"+order+"-payment"] = total
	}
	for _, c := range copies {
		paid["wc-cd-main-"+c.Order+"-payment"] = deposits["main-"+c.Of]
	}
	back := map[string]string{}
	for refund, total := range refunds {
		back["wc-cr-"+refund] = total
	}
	w.sameTotals("customerDeposit", paid, mayLack)
	w.sameTotals("customerRefund", back, mayLack)
}

func (w World) sameTotals(kind string, want map[string]string, mayLack map[string]bool) {
	w.t.Helper()
	have := w.Transactions(kind)
	for id, total := range want {
		part := strings.SplitN(id, "-", 5)
		got, found := have[id]
		delete(have, id)
		if !found && mayLack[part[2]+"/"+part[3]] {
			continue
		}
		if !SameAmount(got, total) {
			w.t.Errorf("%s %s: %q, want %s", kind, id, got, total)
		}
	}
	for id, total := range have {
		w.t.Errorf("%s %s of %s: nothing of the captures asks for it", kind, id, total)
	}
}

// Transactions gives the totals of a record type by externalId; two of one id fail the test.
func (w World) Transactions(kind string) map[string]string {
	w.t.Helper()
	totals := map[string]string{}
	for _, r := range Get[[]struct {
		ExternalID string      `json:"externalId"`
		Total      json.Number `json:"total"`
	}](w, w.Facts.NetSuite+"/sim/state?type="+kind) {
		if _, twice := totals[r.ExternalID]; twice {
			w.t.Errorf("two of %s with externalId %s", kind, r.ExternalID)
		}
		totals[r.ExternalID] = r.Total.String()
	}
	return totals
}

// shopOrder is an order of the shop's double.
type shopOrder struct {
	ID   json.Number `json:"id"`
	Meta []struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	} `json:"meta_data"`
}

// checkShop wants NetSuite's number and id in one meta key of each order that has a sales order, and none elsewhere.
func (w World) checkShop() {
	w.t.Helper()
	have := w.SalesOrders()
	for _, store := range Stores {
		for _, order := range Get[[]shopOrder](w, w.Facts.Shop+"/sim/state?type=order&store="+store) {
			values := w.told(order)
			so, synced := have["wc-so-"+store+"-"+order.ID.String()]
			delete(have, "wc-so-"+store+"-"+order.ID.String())
			switch {
			case !synced && len(values) > 0:
				w.t.Errorf("%s/%s: meta %v, want none without a sales order", store, order.ID, values)
			case synced && (len(values) != 1 || !strings.Contains(values[0], `"tran_id":"`+so.TranID+`"`) || !strings.Contains(values[0], `"sales_order_id":"`+so.ID+`"`)):
				w.t.Errorf("%s/%s: meta %v, want one entry with %s and id %s", store, order.ID, values, so.TranID, so.ID)
			}
		}
	}
	for id := range have {
		w.t.Errorf("%s: the shop has no such order", id)
	}
}

// told gives the values of our meta key.
func (w World) told(order shopOrder) (values []string) {
	w.t.Helper()
	for _, m := range order.Meta {
		if m.Key != "_orderstream" {
			continue
		}
		var text string
		if err := json.Unmarshal(m.Value, &text); err != nil {
			w.t.Fatalf("order %s: meta value %s: %v", order.ID, m.Value, err)
		}
		values = append(values, text)
	}
	return values
}
