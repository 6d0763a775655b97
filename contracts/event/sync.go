package event

import (
	"time"

	"github.com/orderstream/orderstream/contracts/money"
)

// SyncRecordedV1 says what happened to an order in NetSuite. The newest entry of an order is its ledger:
// it is written with the expected last sequence of its subject, so ledger and event are one write.
type SyncRecordedV1 struct {
	Envelope
	Account string       `json:"account"`
	Order   string       `json:"order"`
	Number  string       `json:"number"`
	Kind    string       `json:"kind"`           // one of the Outcome values
	Rule    string       `json:"rule,omitempty"` // the named rule behind skipped, waiting, held, kept
	Reason  string       `json:"reason,omitempty"`
	Fault   *Fault       `json:"fault,omitempty"` // parked, retried
	Desired DesiredTaken `json:"desired"`         // what was worked on
	Ledger  Ledger       `json:"ledger"`          // everything known after it
	Calls   []Call       `json:"calls"`           // requests to NetSuite, in order

	Questions  []Question   `json:"questions,omitempty"`  // parts that wait for a person while the rest is done
	Superseded []Superseded `json:"superseded,omitempty"` // states that this one replaced before they were written
}

// Superseded is a state of the order that a later one replaced before it was written.
type Superseded struct {
	Orders uint64 `json:"orders"` // position in ORDERS
	Status string `json:"status"` // the shop's word
}

// Question is a part of an order that waits for a person: a deposit of an unknown gateway, a refund in a
// closed period.
type Question struct {
	Subject string `json:"subject"` // external id of the record
	Fault   Fault  `json:"fault"`
}

// The kinds of an outcome.
const (
	OutcomeSynced   = "synced"   // written and verified
	OutcomeVerified = "verified" // nothing to write: NetSuite holds it already
	OutcomeParked   = "parked"   // waits for a person
	OutcomeRetried  = "retried"  // an attempt failed, another follows
	OutcomeSkipped  = "skipped"  // ignored by a named rule
	OutcomeWaiting  = "waiting"  // waits for a later state by a named rule
	OutcomeHeld     = "held"     // writes are on hold: shown, not sent
)

// DesiredTaken names the desired state an outcome is about.
type DesiredTaken struct {
	Sequence uint64  `json:"sequence"` // in DESIRED
	Orders   uint64  `json:"orders"`   // in ORDERS
	Version  Version `json:"version"`
	Status   string  `json:"status"` // the shop's word
	Hash     string  `json:"hash"`
	Mapping  string  `json:"mapping"`
	Revision string  `json:"revision"`
	Rule     string  `json:"rule"`

	With *DesiredWith `json:"with,omitempty"` // nil: not recorded, and the state is derived again only where there was nothing
}

// DesiredWith is what the mapping was given beside the order's event, the revision apart. With it the state of the hash can
// be derived again when DESIRED holds it no longer (Invariant 6).
type DesiredWith struct {
	Adoption []string `json:"adoption,omitempty"` // fields under which a first create looks for the order
	Inputs   *Inputs  `json:"inputs,omitempty"`
}

// Ledger is everything known about an order in NetSuite.
type Ledger struct {
	Customer   *RecordID     `json:"customer,omitempty"`
	SalesOrder *LedgerOrder  `json:"sales_order,omitempty"`
	Bill       *RecordID     `json:"bill,omitempty"` // invoice or cash sale made by the money policy
	Deposits   []LedgerMoney `json:"deposits,omitempty"`
	Refunds    []LedgerMoney `json:"refunds,omitempty"` // customer refunds
	Credits    []LedgerMoney `json:"credits,omitempty"` // credit memos, and cash refunds that are shares of a refund; several of one refund have its key
	Attempts   int           `json:"attempts"`          // failed attempts on the current desired state, only when NetSuite was asked
	Late       *LedgerLate   `json:"late,omitempty"`    // a write of the sales order that was given up, while NetSuite may still work on it

	Unseen []LedgerUnseen `json:"unseen,omitempty"` // records of its money that may be there

	BillUnverified bool `json:"bill_unverified,omitempty"` // the bill is not yet read back with what it has to bill: the next state looks at it again
}

// LedgerLate is a write without an answer, or one in the hands of a writer that is gone. It may come behind a newer state.
type LedgerLate struct {
	Hash    string    `json:"hash"` // of the desired state that it writes; empty: of several
	GivenUp time.Time `json:"given_up"`
}

// LedgerUnseen is a record of the order's money whose making was given up: it was not found, and NetSuite may still make it.
type LedgerUnseen struct {
	Record     string    `json:"record"` // customerDeposit, customerRefund, creditMemo, cashRefund, invoice, cashSale
	ExternalID string    `json:"external_id"`
	Key        string    `json:"key,omitempty"` // the shop's payment or refund; empty: it is a bill
	GivenUp    time.Time `json:"given_up"`
}

// RecordID names a NetSuite record.
type RecordID struct {
	ID         string `json:"id"`
	ExternalID string `json:"external_id,omitempty"`
	Adopted    bool   `json:"adopted,omitempty"` // it existed before us
}

// LedgerMoney is a deposit, refund or credit as NetSuite holds it.
type LedgerMoney struct {
	RecordID
	Key     string       `json:"key"` // the shop's payment or refund
	Amount  money.Amount `json:"amount"`
	Settled bool         `json:"settled,omitempty"` // of a credit: no money goes back any more; an open bill took it, or it is a cash refund

	FromDeposits *money.Amount `json:"from_deposits,omitempty"` // of a refund: what it took from deposits; absent: all of it

	Bill  string         `json:"bill,omitempty"`  // of a credit or cash refund: internal id of the bill it credits; empty: not recorded
	Lines []LedgerCredit `json:"lines,omitempty"` // what it takes back of that bill's lines
}

// LedgerCredit is what a credit takes back of a line.
type LedgerCredit struct {
	Key      string       `json:"key"`      // an OrderLine's
	Quantity money.Number `json:"quantity"` // zero: money alone
	Amount   money.Amount `json:"amount"`   // without tax
}

// LedgerOrder is the sales order as last verified.
type LedgerOrder struct {
	RecordID
	TranID      string       `json:"tran_id"` // NetSuite's own number
	Status      string       `json:"status"`  // letter A–H
	Total       money.Amount `json:"total"`
	Lines       []LedgerLine `json:"lines"`
	AppliedHash string       `json:"applied_hash"` // hash of the desired state last written
	Revision    string       `json:"revision"`     // mapping revision last written
	VerifiedAt  time.Time    `json:"verified_at"`
	Given       string       `json:"given,omitempty"`     // the status we gave it last: A, B, or H for closed
	GivenFor    string       `json:"given_for,omitempty"` // the shop's word it was for

	Goods   map[string]money.Number `json:"goods,omitempty"`    // units the order takes, by item name; nil: not recorded
	GoodsAt *time.Time              `json:"goods_at,omitempty"` // since when NetSuite commits them, at the latest; nil: it does not, e.g. before approval
}

// LedgerLine joins a desired line with NetSuite's.
type LedgerLine struct {
	Key    string       `json:"key"`
	Line   string       `json:"line"` // NetSuite's line number
	Amount money.Amount `json:"amount"`
	Closed bool         `json:"closed"`
}

// Call is one HTTP request to NetSuite or the shop and its answer. Path holds no personal data.
type Call struct {
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	Status   int       `json:"status"` // 0: no answer
	At       time.Time `json:"at"`
	Millis   int64     `json:"millis"`
	Purpose  string    `json:"purpose"` // e.g. "upsert sales order", "verify"
	Problem  string    `json:"problem,omitempty"`
	Grouped  int       `json:"grouped,omitempty"`   // how many orders share this call; 0 or 1: only this one
	SendHash string    `json:"send_hash,omitempty"` // SHA-256 of the request body, hex
}

// ShopRecordedV1 says what was done to the shop; the newest entry per key is the ledger of it.
type ShopRecordedV1 struct {
	Envelope
	Kind     string    `json:"kind"` // one of the ShopKind values
	Key      string    `json:"key"`  // order id; of a fulfilment or a refund: order id, "-", NetSuite's id; of stock and prices: SKUKey
	State    string    `json:"state"`
	Written  ShopFacts `json:"written"`        // what the shop holds from us
	Deed     *ShopDeed `json:"deed,omitempty"` // what a change in NetSuite led to; of every kind but order
	Hash     string    `json:"hash"`           // of what was wanted: the same again is no write
	Attempts int       `json:"attempts"`
	Fault    *Fault    `json:"fault,omitempty"`
	Source   Position  `json:"source"` // the outcome or change that caused it
	Calls    []Call    `json:"calls"`
}

// UnderWay tells whether the entry says that the shop is about to be asked, and not yet what came of it.
func (e ShopRecordedV1) UnderWay() bool { return e.State == ShopRetried && e.Fault == nil }

// The kinds of a shop entry.
const (
	ShopKindOrder      = "order"      // the sales order's id, number and status, on the order
	ShopKindStatus     = "status"     // the order's own status
	ShopKindNote       = "note"       // key: order id, "-", the note's topic
	ShopKindFulfilment = "fulfilment" // tracking numbers
	ShopKindMailing    = "mailing"    // that one process is about to tell the customer of a parcel; key: order id
	ShopKindTracking   = "tracking"   // tracking numbers on the order itself, where the store keeps them no other way
	ShopKindRefund     = "refund"     // a refund that NetSuite made
	ShopKindDocuments  = "documents"  // numbers of NetSuite's documents, on the order
	ShopKindStock      = "stock"      // how much of a SKU the shop may sell
	ShopKindPrice      = "price"      // what a SKU costs in the shop
)

// SKUKey is the key of what is written for a SKU; no order's id looks like it.
func SKUKey(sku string) string { return "sku-" + sku }

// The states of a shop entry.
const (
	ShopWritten = "written"
	ShopKept    = "kept"    // nothing written, by the deed's rule
	ShopRetried = "retried" // a try that failed; without a fault: one that is under way
	ShopParked  = "parked"
)

// ShopDeed is what a change in NetSuite led to in the shop.
type ShopDeed struct {
	Account    string         `json:"account"`
	Record     string         `json:"record"`      // kind of NetSuite's record, one of the Change values
	RecordID   string         `json:"record_id"`   // its internal id
	ModifiedAt time.Time      `json:"modified_at"` // of the record, UTC
	From       string         `json:"from,omitempty"`
	To         string         `json:"to,omitempty"`   // the shop's status wanted
	Rule       string         `json:"rule,omitempty"` // the named rule behind what was kept
	Note       string         `json:"note,omitempty"`
	Convention string         `json:"convention,omitempty"` // how the store keeps tracking numbers
	Tracking   []string       `json:"tracking,omitempty"`
	Refund     string         `json:"refund,omitempty"` // the shop's id
	Amount     *money.Amount  `json:"amount,omitempty"`
	Documents  []ShopDocument `json:"documents,omitempty"`
	Parcels    []ShopParcel   `json:"parcels,omitempty"`
	SKU        string         `json:"sku,omitempty"`   // of stock
	Units      *money.Number  `json:"units,omitempty"` // of stock: what the shop may sell
	Price      *ShopPrice     `json:"price,omitempty"` // of prices: what it costs in the shop
}

// ShopPrice is what a product costs in the shop.
type ShopPrice struct {
	Currency money.Currency `json:"currency"`
	Regular  money.Amount   `json:"regular"`
	Sale     *money.Amount  `json:"sale,omitempty"` // absent: no sale
}

// ShopDocument is a document in NetSuite that belongs to the order.
type ShopDocument struct {
	Kind       string    `json:"kind"` // one of the Change values
	ID         string    `json:"id"`
	Number     string    `json:"number"`
	Deleted    bool      `json:"deleted,omitempty"`
	ModifiedAt time.Time `json:"modified_at"`
}

// ShopParcel is a fulfilment in NetSuite as the shop's order has it.
type ShopParcel struct {
	ID         string           `json:"id"`
	Number     string           `json:"number,omitempty"`
	Carrier    string           `json:"carrier,omitempty"`
	Date       string           `json:"date,omitempty"` // YYYY-MM-DD
	Tracking   []string         `json:"tracking,omitempty"`
	Lines      []ShopParcelLine `json:"lines,omitempty"`
	Gone       bool             `json:"gone,omitempty"` // deleted, or not shipped any more
	ModifiedAt time.Time        `json:"modified_at"`
}

// ShopParcelLine is what is in a parcel of one of the shop's lines.
type ShopParcelLine struct {
	Line     string       `json:"line"` // the shop's line id
	Quantity money.Number `json:"quantity"`
}

// ShopFacts is what the shop's order is told about NetSuite.
type ShopFacts struct {
	Account      string `json:"account"`
	SalesOrderID string `json:"sales_order_id"`
	TranID       string `json:"tran_id"`
	Status       string `json:"status"` // NetSuite's letter
}
