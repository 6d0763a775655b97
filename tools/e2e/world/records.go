package world

import (
	_ "embed" // the expectation
	"strings"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

//go:embed records.yaml
var recordsYAML []byte

// Amount is a number's text; two of the same value are equal.
type Amount string

// Equal compares by value; no number equals an empty text.
func (a Amount) Equal(b Amount) bool { return a == b || SameAmount(string(a), string(b)) }

// UnmarshalJSON takes a number as it is written.
func (a *Amount) UnmarshalJSON(data []byte) error {
	*a = Amount(data)
	if string(data) == "null" {
		*a = ""
	}
	return nil
}

// Record is a sales order with what belongs to it, as a person reads it in NetSuite: references by name, no ids.
type Record struct {
	Status        string            `yaml:"status"`
	Currency      string            `yaml:"currency"`
	Subsidiary    string            `yaml:"subsidiary"`
	TranDate      string            `yaml:"tranDate"`
	OtherRefNum   string            `yaml:"otherRefNum"`
	Email         string            `yaml:"email"`
	Memo          string            `yaml:"memo"`
	ShipMethod    string            `yaml:"shipMethod"`
	ShippingCost  Amount            `yaml:"shippingCost"`
	Subtotal      Amount            `yaml:"subtotal"`
	DiscountTotal Amount            `yaml:"discountTotal"`
	TaxTotal      Amount            `yaml:"taxTotal"`
	Total         Amount            `yaml:"total"`
	Custom        map[string]string `yaml:"custom"` // every custbody field that is not empty
	Billing       Address           `yaml:"billing"`
	Shipping      Address           `yaml:"shipping"`
	Lines         []Line            `yaml:"lines"`
	Taxes         []Tax             `yaml:"taxes"`
	Customer      Customer          `yaml:"customer"`
	Deposits      []Payment         `yaml:"deposits"`
	Refunds       []Payment         `yaml:"refunds"`
}

// Address is one of a sales order, or of a customer's book.
type Address struct {
	Addressee string `yaml:"addressee"`
	Attention string `yaml:"attention"`
	Addr1     string `yaml:"addr1"`
	Addr2     string `yaml:"addr2"`
	City      string `yaml:"city"`
	State     string `yaml:"state"`
	Zip       string `yaml:"zip"`
	Country   string `yaml:"country"`
	AddrPhone string `yaml:"addrPhone"`
}

// Line is a line of the item sublist.
type Line struct {
	Item        string `yaml:"item"`
	Quantity    Amount `yaml:"quantity"`
	Rate        Amount `yaml:"rate"`
	Amount      Amount `yaml:"amount"`
	Description string `yaml:"description"`
	Price       string `yaml:"price"` // id of the price level
	ID          string `yaml:"id"`    // custcol_wc_line_id
	Closed      bool   `yaml:"closed"`
}

// Tax is a row of the tax details.
type Tax struct {
	Of     string `yaml:"of"` // description of the line, or SHIPPING
	Type   string `yaml:"type"`
	Code   string `yaml:"code"`
	Rate   Amount `yaml:"rate"`
	Basis  Amount `yaml:"basis"`
	Amount Amount `yaml:"amount"`
}

// Customer is the order's customer.
type Customer struct {
	ExternalID string    `yaml:"externalId"` // a guest's is derived from the e-mail
	FirstName  string    `yaml:"firstName"`
	LastName   string    `yaml:"lastName"`
	Email      string    `yaml:"email"`
	Phone      string    `yaml:"phone"`
	Account    string    `yaml:"account"` // custentity_wc_customer_id
	Subsidiary string    `yaml:"subsidiary"`
	Book       []Address `yaml:"book"`
}

// Payment is a customer deposit or a customer refund.
type Payment struct {
	ExternalID string `yaml:"externalId"`
	Amount     Amount `yaml:"amount"`
	TranDate   string `yaml:"tranDate"` // of deposits
	Option     string `yaml:"option"`   // of deposits
	Memo       string `yaml:"memo"`
}

// CheckRecords compares the orders of records.yaml field by field.
func (w World) CheckRecords() {
	w.t.Helper()
	have := w.Records()
	for id, want := range w.wantRecords() {
		got, found := have[id]
		if !found {
			w.t.Errorf("%s: no sales order", id)
			continue
		}
		w.CheckRecord(id, got, want)
	}
}

// CheckRecord compares one.
func (w World) CheckRecord(id string, got, want Record) {
	w.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", id, diff)
	}
}

// WantRecord gives an order of records.yaml.
func (w World) WantRecord(id string) Record {
	w.t.Helper()
	return w.wantRecords()[id]
}

func (w World) wantRecords() map[string]Record {
	w.t.Helper()
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(recordsYAML, &file); err != nil {
		w.t.Fatal(err)
	}
	want := map[string]Record{}
	for id, node := range file {
		if strings.HasPrefix(id, "_") {
			continue
		}
		var r Record
		if err := node.Decode(&r); err != nil {
			w.t.Fatalf("records.yaml: %s: %v", id, err)
		}
		if r.Customer.ExternalID == "" {
			r.Customer.ExternalID = customerID("main", r.Customer.Email)
		}
		want[id] = r
	}
	return want
}
