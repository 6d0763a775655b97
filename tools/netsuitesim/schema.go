package netsuitesim

import (
	_ "embed" // the catalog files
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// openAPI is the transcribed subset of NetSuite's metadata catalog (2026.1).
//
//go:embed catalog/openapi.json
var openAPI []byte

// targetsJSON names what each reference of openAPI points to.
//
//go:embed catalog/targets.json
var targetsJSON []byte

// form is how the value of a property is written.
type form int

const (
	text form = iota
	number
	integer
	boolean
	date
	dateTime
	choice
	reference
	subrecord
	sublist
	loose // the catalog leaves the shape open
)

// property is one named value of a record, line or sub-record.
type property struct {
	name    string
	form    form
	options []string          // choice
	labels  map[string]string // choice: display names by id
	sub     *schema           // subrecord, sublist
	target  string            // reference: a kind, or "" when anything goes
	max     int               // text: longest value, 0 for no limit
	bytes   bool              // max counts bytes (custom fields)
	ignored bool              // computed: accepted and dropped
}

// schema is the set of properties of a record type, line or sub-record.
type schema struct {
	name   string
	props  map[string]*property // by lower-case name
	key    string               // sublist lines: the property that identifies a line
	strict bool                 // unknown names are refused unless a header says otherwise
}

// find looks a property up, tolerant of case as NetSuite is on input.
func (s *schema) find(name string) *property {
	if p := s.props[name]; p != nil {
		return p
	}
	return s.props[strings.ToLower(name)]
}

func (s *schema) add(p *property) {
	p.labels = settable[s.name+"."+p.name]
	s.props[strings.ToLower(p.name)] = p
}

// wireSchema is the part of an OpenAPI schema object that is read.
type wireSchema struct {
	Ref        string                `json:"$ref"`
	Type       string                `json:"type"`
	Format     string                `json:"format"`
	ReadOnly   bool                  `json:"readOnly"`
	Enum       []string              `json:"enum"`
	Items      *wireSchema           `json:"items"`
	Properties map[string]wireSchema `json:"properties"`
}

func (w wireSchema) refName() string { return w.Ref[strings.LastIndexByte(w.Ref, '/')+1:] }

// parseCatalog reads the embedded files once; they are part of the program.
var parseCatalog = sync.OnceValues(func() (map[string]wireSchema, error) {
	var doc struct {
		Components struct {
			Schemas map[string]wireSchema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		return nil, fmt.Errorf("catalog/openapi.json: %w", err)
	}
	return doc.Components.Schemas, nil
})

// compiler turns the catalog into schemas for one account.
type compiler struct {
	wire        map[string]wireSchema
	targets     map[string]string
	done        map[string]*schema
	custom      []CustomField
	limits      map[string]int
	suiteTax    bool // the account has SuiteTax
	noLegacyTax bool // REST does not know legacy tax
	lengthBytes bool // maxima count bytes
	methods     bool // the account has paymentMethod instead of paymentOption
}

// has says whether the account's features give a schema that property.
func (c *compiler) has(name string) bool {
	if suiteTaxOnly[name] {
		return c.suiteTax
	}
	return !c.noLegacyTax || !legacyTaxOnly[name]
}

// legacyTaxOnly are the properties of legacy tax.
var legacyTaxOnly = map[string]bool{
	"taxCode": true, "taxRate1": true, "taxRate2": true, "taxItem": true, "taxRate": true, "shippingTaxCode": true, "handlingTaxCode": true,
}

// suiteTaxOnly are the properties that exist with SuiteTax alone.
var suiteTaxOnly = map[string]bool{
	"taxDetails": true, "taxDetailsOverride": true, "taxRegOverride": true, "taxPointDate": true, "taxPointDateOverride": true,
	"taxDetailsReference": true,
}

func newCompiler(cfg *Config) (*compiler, error) {
	wire, err := parseCatalog()
	if err != nil {
		return nil, err
	}
	tax := cfg.Switches.Tax
	c := &compiler{
		wire: wire, done: map[string]*schema{}, custom: cfg.CustomFields, limits: lengthLimits(cfg),
		suiteTax: tax != TaxLegacyLine && tax != TaxLegacyHeader, methods: cfg.Switches.PaymentMethodField,
		lengthBytes: cfg.Switches.LengthsInBytes,
	}
	c.noLegacyTax = cfg.Switches.NoLegacyTax && !c.suiteTax
	if err := json.Unmarshal(targetsJSON, &c.targets); err != nil {
		return nil, fmt.Errorf("catalog/targets.json: %w", err)
	}
	return c, nil
}

// computed are the properties that a body may carry without effect.
var computed = map[string][]string{
	"salesOrder": {
		"id", "refName", "status", "subtotal", "total", "taxTotal", "tax2Total", "discountTotal", "tranId", "transactionNumber",
		"createdDate", "lastModifiedDate", "createdFrom", "giftCertApplied", "source", "sourceSystem", "linkedTrackingNumbers",
	},
	"salesOrder-itemElement": {
		"itemType", "lineUniqueKey", "isOpen", "linked", "quantityFulfilled", "quantityBilled", "quantityPicked", "quantityPacked",
		"quantityCommitted", "quantityBackOrdered", "quantityAvailable", "quantityOnHand", "refName",
	},
	"customerDeposit": {"refundedAmountTotalBox", "salesOrderRequiredDepositDue", "salesOrderUnpaidAmount", "id", "refName", "status", "total", "tranId", "transactionNumber", "createdDate", "lastModifiedDate"},
	"itemFulfillment": {"id", "refName", "status", "tranId", "transactionNumber", "createdDate", "lastModifiedDate", "createdFrom", "entity"},
	"customer":        {"id", "refName", "dateCreated", "lastModifiedDate", "balance", "depositBalance", "unbilledOrders"},
}

// pointers correct the targets that the catalog leaves open.
var pointers = map[string]string{
	"salesOrder.shippingTaxCode":     "salesTaxItem",
	"salesOrder.handlingTaxCode":     "salesTaxItem",
	"salesOrder.taxItem":             "salesTaxItem",
	"salesOrder.paymentOption":       "paymentMethod",
	"salesOrder-itemElement.taxCode": "salesTaxItem",
	"salesOrder-itemElement.item":    "item",
	"customer.taxItem":               "salesTaxItem",
	"customerDeposit.paymentOption":  "paymentMethod",
	"customerDeposit.salesOrder":     "salesOrder",
	"customerDeposit.customer":       "customer",
	"salesOrder.salesRep":            "employee",
	"salesOrder.discountItem":        "discountItem",
}

// keys are the properties that identify a line of a sublist.
var keys = map[string]string{
	"salesOrder-itemElement":       "line",
	"itemFulfillment-itemElement":  "orderLine",
	"customer-addressBookElement":  "id",
	"customer-currencyListElement": "currency",
}

// compile builds the schema of that name and those it uses.
func (c *compiler) compile(name string) *schema {
	if s := c.done[name]; s != nil {
		return s
	}
	s := &schema{name: name, props: map[string]*property{}, key: keys[name]}
	c.done[name] = s
	for prop, w := range c.wire[name].Properties {
		if c.has(prop) || strings.HasSuffix(name, "-taxDetailsElement") {
			s.add(c.property(name, prop, w))
		}
	}
	c.addCustom(s, customPrefix(name))
	return s
}

func (c *compiler) property(owner, name string, w wireSchema) *property {
	path := owner + "." + name
	name = c.spelt(name)
	p := &property{name: name, max: c.limits[path], bytes: c.lengthBytes, ignored: w.ReadOnly || slices.Contains(computed[owner], name)}
	switch {
	case w.Ref != "":
		c.refer(p, path, w.refName())
	case w.Type == "object":
		p.form, p.options = loose, w.Properties["id"].Enum
		if len(p.options) > 0 {
			p.form = choice
		}
	case w.Type == "array":
		p.form, p.ignored = loose, true
	default:
		p.form = scalar(w.Type, w.Format)
	}
	if path == "salesOrder-taxDetailsElement.taxType" {
		p.form, p.target = reference, "taxType"
	}
	return p
}

// spelt is the account's name of a property: without Payment Instruments
// paymentOption is called paymentMethod.
func (c *compiler) spelt(name string) string {
	if c.methods && name == "paymentOption" {
		return "paymentMethod"
	}
	return name
}

func (c *compiler) refer(p *property, path, to string) {
	switch {
	case to == "nsResource":
		p.form, p.target = reference, c.target(path)
	case strings.HasPrefix(to, "ns"):
		p.form, p.options = choice, c.wire[to].Properties["id"].Enum
	case strings.HasSuffix(to, "Collection"):
		p.form = sublist
		p.sub = c.compile(c.wire[to].Properties["items"].Items.refName())
	default:
		p.form, p.sub = subrecord, c.compile(to)
	}
}

func (c *compiler) target(path string) string {
	to, ok := pointers[path]
	if !ok {
		to = c.targets[path]
	}
	if to == "nsResource" {
		return ""
	}
	return to
}

func scalar(kind, format string) form {
	switch {
	case kind == "number":
		return number
	case kind == "integer":
		return integer
	case kind == "boolean":
		return boolean
	case format == "date":
		return date
	case format == "date-time":
		return dateTime
	}
	return text
}

// customPrefix says which custom fields belong to a schema.
func customPrefix(name string) string {
	switch {
	case name == "salesOrder" || name == "customerDeposit" || name == "itemFulfillment":
		return "custbody"
	case name == "customer":
		return "custentity"
	case strings.HasSuffix(name, "-itemElement") || strings.HasSuffix(name, "-item"):
		return "custcol"
	}
	return ""
}

func (c *compiler) addCustom(s *schema, prefix string) {
	for _, f := range c.custom {
		if prefix == "" || !strings.HasPrefix(f.Name, prefix) {
			continue
		}
		p := &property{name: f.Name, max: or(f.MaxBytes, 300), bytes: true}
		switch f.Form {
		case "longText":
			p.max = or(f.MaxBytes, 100000)
		case "number":
			p.form = number
		case "date":
			p.form = date
		case "checkbox":
			p.form = boolean
		}
		s.add(p)
	}
}
