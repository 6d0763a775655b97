package world

import (
	"encoding/json"
	"strings"
)

// named is a reference as NetSuite shows it.
type named struct {
	ID      string `json:"id"`
	RefName string `json:"refName"`
}

type sublist[T any] struct{ Items []T }

type heldAddress struct {
	Address
	Country named
}

func (a heldAddress) flat() Address {
	a.Address.Country = a.Country.ID
	return a.Address
}

type heldLine struct {
	Item                named
	Price               named
	Quantity            Amount
	Rate                Amount
	Amount              Amount
	Description         string
	IsClosed            bool
	Mark                string `json:"custcol_wc_line_id"`
	TaxDetailsReference string
}

type heldTax struct {
	TaxDetailsReference string
	TaxType, TaxCode    named
	TaxRate             Amount
	TaxBasis            Amount
	TaxAmount           Amount
}

type heldOrder struct {
	ID, ExternalID, TranDate, OtherRefNum, Email, Memo     string
	Status, Currency, Subsidiary, ShipMethod, Entity       named
	ShippingCost, Subtotal, DiscountTotal, TaxTotal, Total Amount
	BillingAddress, ShippingAddress                        heldAddress
	Item                                                   sublist[heldLine]
	TaxDetails                                             sublist[heldTax]
}

type heldCustomer struct {
	ID, ExternalID, FirstName, LastName, Email, Phone string
	Account                                           string `json:"custentity_wc_customer_id"`
	Subsidiary                                        named
	AddressBook                                       sublist[struct{ AddressBookAddress heldAddress }]
}

type heldPayment struct {
	ExternalID, TranDate, Memo string
	Total                      Amount
	PaymentOption, SalesOrder  named
}

// Records gives what NetSuite's double holds, by the sales orders' externalIds.
func (w World) Records() map[string]Record {
	w.t.Helper()
	customers := map[string]Customer{}
	for _, c := range stateOf[heldCustomer](w, "customer") {
		customers[c.ID] = c.flat()
	}
	deposits, refunds := w.payments("customerDeposit"), w.payments("customerRefund")
	records := map[string]Record{}
	for _, raw := range stateOf[json.RawMessage](w, "salesOrder") {
		var o heldOrder
		if err := json.Unmarshal(raw, &o); err != nil {
			w.t.Fatal(err)
		}
		r := o.flat()
		r.Custom, r.Customer = w.custom(raw), customers[o.Entity.ID]
		key := strings.TrimPrefix(o.ExternalID, "wc-so-")
		r.Deposits, r.Refunds = deposits[key], refunds[key]
		records[o.ExternalID] = r
	}
	return records
}

func stateOf[T any](w World, kind string) []T {
	w.t.Helper()
	return Get[[]T](w, w.Facts.NetSuite+"/sim/state?type="+kind)
}

func (o heldOrder) flat() Record {
	r := Record{
		Status: o.Status.ID, Currency: o.Currency.RefName, Subsidiary: o.Subsidiary.RefName, TranDate: o.TranDate, OtherRefNum: o.OtherRefNum, Email: o.Email, Memo: o.Memo,
		ShipMethod: o.ShipMethod.RefName, ShippingCost: o.ShippingCost, Subtotal: o.Subtotal, DiscountTotal: o.DiscountTotal, TaxTotal: o.TaxTotal, Total: o.Total,
		Billing: o.BillingAddress.flat(), Shipping: o.ShippingAddress.flat(),
	}
	lines := map[string]string{"SHIPPING": "SHIPPING"}
	for _, l := range o.Item.Items {
		lines[l.TaxDetailsReference] = l.Description
		r.Lines = append(r.Lines, Line{l.Item.RefName, l.Quantity, l.Rate, l.Amount, l.Description, l.Price.ID, l.Mark, l.IsClosed})
	}
	for _, t := range o.TaxDetails.Items {
		r.Taxes = append(r.Taxes, Tax{lines[t.TaxDetailsReference], t.TaxType.RefName, t.TaxCode.RefName, t.TaxRate, t.TaxBasis, t.TaxAmount})
	}
	return r
}

func (c heldCustomer) flat() Customer {
	flat := Customer{ExternalID: c.ExternalID, FirstName: c.FirstName, LastName: c.LastName, Email: c.Email, Phone: c.Phone, Account: c.Account, Subsidiary: c.Subsidiary.RefName}
	for _, entry := range c.AddressBook.Items {
		flat.Book = append(flat.Book, entry.AddressBookAddress.flat())
	}
	return flat
}

// custom gives the record's own fields that are not empty.
func (w World) custom(raw json.RawMessage) map[string]string {
	w.t.Helper()
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		w.t.Fatal(err)
	}
	custom := map[string]string{}
	for name, value := range all {
		if text, _ := value.(string); strings.HasPrefix(name, "custbody_") && text != "" {
			custom[name] = text
		}
	}
	return custom
}

// payments gives deposits or refunds by "<store>-<order>", in the order of their making.
func (w World) payments(kind string) map[string][]Payment {
	w.t.Helper()
	list := map[string][]Payment{}
	for _, p := range stateOf[heldPayment](w, kind) {
		part := strings.SplitN(p.ExternalID, "-", 5) // wc-cd-<store>-<order>-<what>
		if len(part) < 5 {
			w.t.Fatalf("%s %q: not ours", kind, p.ExternalID)
		}
		payment := Payment{ExternalID: p.ExternalID, Amount: p.Total, Memo: p.Memo}
		if kind == "customerDeposit" {
			payment.TranDate, payment.Option = p.TranDate, p.PaymentOption.RefName
		}
		key := part[2] + "-" + part[3]
		list[key] = append(list[key], payment)
	}
	return list
}
