// Package mapping turns an order's state into what NetSuite should hold, as a document says: YAML with
// expressions, checked and compiled once, pure afterwards. Same order and same revision give the same bytes
// (Invariant 6). Map names SKUs, e-mails and codes, never internal ids.
package mapping

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Default is the shipped document.
//
//go:embed documents/default.yaml
var Default []byte

// Document is a mapping as written.
type Document struct {
	Mapping    string          `yaml:"mapping"` // its name
	Version    int             `yaml:"version"` // of the language; 1
	Customer   CustomerBlock   `yaml:"customer"`
	Items      ItemBlock       `yaml:"items"`
	Statuses   []StatusRule    `yaml:"statuses"` // first match wins
	SalesOrder SalesOrderBlock `yaml:"sales_order"`
	Shipping   ShippingBlock   `yaml:"shipping"`
	Taxes      TaxBlock        `yaml:"taxes"`
	Rounding   RoundingBlock   `yaml:"rounding"`
	Addresses  AddressBlock    `yaml:"addresses"`
	Lengths    map[string]int  `yaml:"lengths"` // characters a NetSuite field takes; longer text is cut
}

// CustomerBlock says who the customer is and what a new record holds.
type CustomerBlock struct {
	Default *Reference        `yaml:"default"` // for orders without account and e-mail; absent: parked
	Fields  map[string]string `yaml:"fields"`  // NetSuite field → expression
}

// ItemBlock says which item a line becomes.
type ItemBlock struct {
	SKUs     map[string]string `yaml:"skus"`     // shop SKU → NetSuite item name
	Fallback string            `yaml:"fallback"` // for lines without SKU
	Fee      string            `yaml:"fee"`
	Discount string            `yaml:"discount"`
	Fields   map[string]string `yaml:"fields"` // line field → expression over line
}

// StatusRule says what an order in some state means.
type StatusRule struct {
	Name        string       `yaml:"name"`
	When        string       `yaml:"when"`
	OrderStatus string       `yaml:"order_status"` // A or B
	Closed      bool         `yaml:"closed"`
	Absent      event.Action `yaml:"absent"`
	Open        event.Action `yaml:"open"`
	Fulfilled   event.Action `yaml:"fulfilled"`
	Explanation string       `yaml:"explanation"`
	Warn        bool         `yaml:"warn"`
}

// SalesOrderBlock says what the sales order holds beside lines.
type SalesOrderBlock struct {
	Fields map[string]string `yaml:"fields"` // NetSuite field → expression
}

// ShippingBlock says which ship item a shipping method becomes.
type ShippingBlock struct {
	Methods map[string]string `yaml:"methods"` // "<method>:<instance>" or "<method>" → ship item name
}

// TaxBlock says what a shop's tax rate is in NetSuite.
type TaxBlock struct {
	Rates map[string]TaxRate `yaml:"rates"` // rate code → type and code; an unmapped rate parks the order
}

// TaxRate names a tax type and code.
type TaxRate struct {
	Type string `yaml:"type"`
	Code string `yaml:"code"`
}

// RoundingBlock bounds the named rounding line.
type RoundingBlock struct {
	Item     string `yaml:"item"`
	PerTen   string `yaml:"per_ten_lines"` // limit for each begun ten lines, e.g. "0.02"
	ZeroUnit string `yaml:"zero_decimal"`  // limit in currencies without decimals, e.g. "1"
}

// AddressBlock says how addresses are written.
type AddressBlock struct {
	States map[string]string `yaml:"states"` // "<country>:<state>" → NetSuite's; "DE-BE" loses its country by itself
}

// Reference names a record.
type Reference struct {
	Record string `yaml:"record"`
	By     string `yaml:"by"`
	Key    string `yaml:"key"`
}

// Ref gives the reference as it travels.
func (r Reference) Ref() event.Ref { return event.Ref{Record: r.Record, By: r.By, Key: r.Key} }

// Parse reads a document; unknown names are mistakes, with their line.
func Parse(data []byte) (Document, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var d Document
	if err := decoder.Decode(&d); err != nil {
		return Document{}, fault.New(fault.MappingInvalid, "want a mapping document", fault.Because(err))
	}
	if err := d.check(); err != nil {
		return Document{}, fault.New(fault.MappingInvalid, "the document must be sound", fault.Field("mapping", d.Mapping), fault.Because(err))
	}
	return d, nil
}

func (d Document) check() error {
	var problems []error
	want := func(ok bool, path, rule string) {
		if !ok {
			problems = append(problems, fmt.Errorf("%s: %s", path, rule))
		}
	}
	want(d.Mapping != "", "mapping", "want a name")
	want(d.Version == 1, "version", "want 1")
	want(d.Items.Fallback != "", "items.fallback", "want the item for lines without SKU")
	want(d.Items.Fee != "", "items.fee", "want the item of fees")
	want(d.Items.Discount != "", "items.discount", "want the Discount item")
	want(d.Rounding.Item != "", "rounding.item", "want the item of the rounding line")
	want(len(d.Statuses) > 0, "statuses", "want at least one rule")
	names := map[string]bool{}
	for i, rule := range d.Statuses {
		path := fmt.Sprintf("statuses[%d]", i)
		want(rule.Name != "" && !names[rule.Name], path+".name", "want a name of its own")
		names[rule.Name] = true
		want(oneOf(rule.Absent, event.ActionCreate, event.ActionWait, event.ActionIgnore), path+".absent", "want create, wait or ignore")
		want(oneOf(rule.Open, event.ActionApply, event.ActionKeep), path+".open", "want apply or keep")
		want(oneOf(rule.Fulfilled, event.ActionKeep, event.ActionPark), path+".fulfilled", "want keep or park")
		writes := rule.Absent == event.ActionCreate || rule.Open == event.ActionApply
		want(!writes || rule.OrderStatus == "A" || rule.OrderStatus == "B", path+".order_status", "want A (pending approval) or B (pending fulfilment)")
	}
	for field, limit := range d.Lengths {
		want(limit > 0, "lengths."+field, "want a positive number of characters")
	}
	return errors.Join(problems...)
}

func oneOf(action event.Action, allowed ...event.Action) bool {
	for _, a := range allowed {
		if action == a {
			return true
		}
	}
	return false
}

// Revision names a document's bytes: the first 12 hex digits of their SHA-256.
func Revision(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}
