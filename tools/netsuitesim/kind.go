package netsuitesim

import (
	"maps"
	"slices"
	"strings"
)

// group is a family of record types that share ids and external ids.
type group string

const (
	transactions group = "transaction"
	entities     group = "entity"
	items        group = "item"
)

// kind is a record type.
type kind struct {
	name    string // as the URL spells it: salesOrder
	group   group
	code    string // as SuiteQL spells it: SalesOrd, InvtPart
	prefix  string // of document numbers
	label   string
	title   string // the property that names a record
	schema  *schema
	settle  func(*tx, *draft) error  // defaults, checks and sums before a save
	release func(*tx, *record) error // checks and follow-ups of a staged delete
}

// kinds are the record types of an account.
type kinds struct {
	byName map[string]*kind // lower-case
}

func (k *kinds) find(name string) *kind { return k.byName[strings.ToLower(name)] }

// all lists the types by name.
func (k *kinds) all() []*kind {
	sorted := slices.SortedFunc(maps.Values(k.byName), func(a, b *kind) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(sorted) // a type may have two names
}

func (k *kinds) add(v *kind) { k.byName[strings.ToLower(v.name)] = v }

// itemKinds are the item types with their SuiteQL codes.
var itemKinds = map[string]string{
	"inventoryItem": "InvtPart", "nonInventorySaleItem": "NonInvtPart", "serviceSaleItem": "Service",
	"otherChargeSaleItem": "OthCharge", "discountItem": "Discount", "shipItem": "ShipItem", "kitItem": "Kit",
	"assemblyItem": "Assembly", "downloadItem": "DwnLdItem", "giftCertificateItem": "GiftCert",
}

// lists are the plain set-up records with the properties they have beyond
// name, externalId and isInactive.
var lists = map[string]string{
	"subsidiary":       "fullName currency:currency parent:subsidiary country isElimination?",
	"location":         "fullName subsidiary:subsidiary",
	"currency":         "symbol currencyPrecision# exchangeRate# isBaseCurrency?",
	"account":          "acctNumber acctType",
	"paymentMethod":    "",
	"taxType":          "country",
	"salesTaxItem":     "itemId rate# taxType:taxType country state city compound? onShipping? reduced?",
	"priceLevel":       "discountPct#",
	"department":       "",
	"classification":   "",
	"term":             "",
	"customerStatus":   "",
	"customerCategory": "",
	"giftCertificate":  "",
	"employee":         "",
	"salesChannel":     "",
}

const itemProperties = "itemId displayName description upcCode basePrice# rate# subsidiary:subsidiary quantityOnHand# parent:item"

func newKinds(cfg *Config) (*kinds, error) {
	c, err := newCompiler(cfg)
	if err != nil {
		return nil, err
	}
	k := &kinds{byName: map[string]*kind{}}
	order := c.compile("salesOrder")
	invoice := &schema{name: "invoice", props: maps.Clone(order.props)}
	k.add(&kind{name: "salesOrder", group: transactions, code: "SalesOrd", prefix: "SO", label: "Sales Order", title: "tranId", schema: order, settle: settleOrder, release: releaseOrder})
	k.add(&kind{name: "customerDeposit", group: transactions, code: "CustDep", prefix: "CD", label: "Customer Deposit", title: "tranId", schema: c.compile("customerDeposit"), settle: settleDeposit})
	k.add(&kind{name: "itemFulfillment", group: transactions, code: "ItemShip", prefix: "IF", label: "Item Fulfillment", title: "tranId", schema: c.compile("itemFulfillment"), settle: settleFulfillment, release: releaseChild})
	k.add(&kind{name: "invoice", group: transactions, code: "CustInvc", prefix: "INV", label: "Invoice", title: "tranId", schema: invoice, settle: settleInvoice, release: releaseChild})
	k.add(&kind{name: "customer", group: entities, code: "CustJob", prefix: "CUST", label: "Customer", title: "entityId", schema: c.compile("customer"), settle: settleCustomer})
	for name, code := range itemKinds {
		k.add(&kind{name: name, group: items, code: code, label: "Item", title: "itemId", schema: plain(name, itemProperties), settle: settleItem})
	}
	for name, props := range lists {
		k.add(&kind{name: name, group: group(name), label: name, title: "name", schema: plain(name, props), settle: settleList})
	}
	k.byName["taxcode"] = k.byName["salestaxitem"]
	return k, nil
}

// plain builds the schema of a set-up record from words: name for text, name#
// for a number, name? for a boolean, name:target for a reference.
func plain(name, words string) *schema {
	s := &schema{name: name, props: map[string]*property{}}
	s.add(&property{name: "name"})
	s.add(&property{name: "externalId"})
	s.add(&property{name: "isInactive", form: boolean})
	s.add(&property{name: "links", form: loose, ignored: true})
	s.add(&property{name: "id", ignored: true})
	s.add(&property{name: "refName", ignored: true})
	s.add(&property{name: "lastModifiedDate", form: dateTime, ignored: true})
	for _, word := range strings.Fields(words) {
		base, target, isRef := strings.Cut(word, ":")
		switch {
		case isRef:
			s.add(&property{name: base, form: reference, target: target})
		case strings.HasSuffix(word, "#"):
			s.add(&property{name: strings.TrimSuffix(word, "#"), form: number})
		case strings.HasSuffix(word, "?"):
			s.add(&property{name: strings.TrimSuffix(word, "?"), form: boolean})
		default:
			s.add(&property{name: word})
		}
	}
	return s
}

// targetGroup is the group in which a reference's target is looked up.
func targetGroup(target string) group {
	switch target {
	case "item", "discountItem", "shipItem":
		return items
	case "customer", "vendor", "contact", "partner":
		return entities
	case "salesOrder", "customerDeposit", "itemFulfillment", "invoice":
		return transactions
	}
	return group(target)
}
