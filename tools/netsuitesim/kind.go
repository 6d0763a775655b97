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
	name        string // as the URL spells it: salesOrder
	group       group
	code        string // as SuiteQL spells it: SalesOrd, InvtPart
	prefix      string // of document numbers
	label       string
	title       string // the property that names a record
	posting     bool   // touches the ledger: refused in a closed period
	hidden      bool   // no record of the REST API: SuiteQL alone shows it
	derivedOnly bool   // exists by transformation of another record alone
	statuses    map[string]string
	schema      *schema
	settle      func(*tx, *draft) error // defaults, checks and sums before a save
	derive      func(*tx, *draft)       // what follows from the records that rest on this one
}

// transactionKinds are the transaction types; newKinds adds their schemas.
func transactionKinds() []kind {
	return []kind{
		{name: "salesOrder", code: "SalesOrd", prefix: "SO", label: "Sales Order", statuses: orderStatuses, settle: settleOrder, derive: orderProgress},
		{name: "customerDeposit", code: "CustDep", prefix: "CD", label: "Customer Deposit", posting: true, statuses: depositStatuses, settle: settleDeposit, derive: depositProgress},
		{name: "depositApplication", code: "DepAppl", prefix: "DA", label: "Deposit Application", posting: true, derivedOnly: true, settle: settleDepositApplication},
		{name: "customerRefund", code: "CustRfnd", prefix: "CR", label: "Customer Refund", posting: true, settle: settleRefund},
		{name: "customerPayment", code: "CustPymt", prefix: "PYMT", label: "Payment", posting: true, statuses: moneyStatuses, settle: settlePayment, derive: paymentProgress},
		{name: "itemFulfillment", code: "ItemShip", prefix: "IF", label: "Item Fulfillment", posting: true, derivedOnly: true, statuses: shipStatuses, settle: settleFulfillment},
		{name: "itemReceipt", code: "ItemRcpt", prefix: "IR", label: "Item Receipt", posting: true, derivedOnly: true, settle: settleReceipt},
		{name: "invoice", code: "CustInvc", prefix: "INV", label: "Invoice", posting: true, statuses: invoiceStatuses, settle: settleInvoice, derive: invoiceProgress},
		{name: "cashSale", code: "CashSale", prefix: "CS", label: "Cash Sale", posting: true, statuses: moneyStatuses, settle: settleCashSale},
		{name: "creditMemo", code: "CustCred", prefix: "CM", label: "Credit Memo", posting: true, statuses: creditStatuses, settle: settleCredit, derive: creditProgress},
		{name: "cashRefund", code: "CashRfnd", prefix: "CSR", label: "Cash Refund", posting: true, settle: settleCashRefund},
		{name: "returnAuthorization", code: "RtnAuth", prefix: "RMA", label: "Return Authorization", statuses: returnStatuses, settle: settleReturn, derive: returnProgress},
	}
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
	"accountingPeriod": "startDate@ endDate@",
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
	for _, v := range transactionKinds() {
		v.group, v.title = transactions, "tranId"
		if v.schema, err = c.outlined(v.name); err != nil {
			return nil, err
		}
		k.add(&v)
	}
	k.add(&kind{name: "customer", group: entities, code: "CustJob", prefix: "CUST", label: "Customer", title: "entityId", schema: c.compile("customer"), settle: settleCustomer})
	for name, code := range itemKinds {
		k.add(&kind{name: name, group: items, code: code, label: "Item", title: "itemId", schema: plain(name, itemProperties), settle: settleItem})
	}
	for name, props := range lists {
		k.add(&kind{name: name, group: group(name), label: name, title: "name", schema: plain(name, props), settle: settleList})
	}
	k.add(&kind{name: deletedRecord, group: group(deletedRecord), label: deletedRecord, title: "name", schema: plain(deletedRecord, "recordId# type deletedDate"), hidden: true})
	k.byName["taxcode"] = k.byName["salestaxitem"]
	return k, nil
}

// deletedRecord is the type of what NetSuite remembers of a record that is gone.
const deletedRecord = "deletedRecord"

// plain builds the schema of a set-up record from words: name for text, name#
// for a number, name? for a boolean, name@ for a date, name:target for a
// reference.
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
		case strings.HasSuffix(word, "@"):
			s.add(&property{name: strings.TrimSuffix(word, "@"), form: date})
		default:
			s.add(&property{name: word})
		}
	}
	return s
}

// targetGroup is the group in which a reference's target is looked up.
func (k *kinds) targetGroup(target string) group {
	switch target {
	case "transaction":
		return transactions
	case "item":
		return items
	case "vendor", "contact", "partner", "entity":
		return entities
	}
	if v := k.find(target); v != nil {
		return v.group
	}
	return group(target)
}

// fits checks a target that is narrower than its group.
func (k *kinds) fits(target string, r *record) bool {
	v := k.find(target)
	return v == nil || v == r.kind
}
