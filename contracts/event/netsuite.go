package event

import (
	"time"

	"github.com/orderstream/orderstream/contracts/money"
)

// NetSuiteNoticedV1 says that a record changed in NetSuite, and no more: what a push script sends. The watcher reads
// the record and says in NetSuiteChangedV1 how it stands.
type NetSuiteNoticedV1 struct {
	Envelope
	Account string   `json:"account"`
	Kind    string   `json:"kind"` // one of the Change values
	Record  RecordID `json:"record"`
	Act     string   `json:"act"` // create, edit, delete
}

// NetSuiteChangedV1 says how a record stands in NetSuite after a change there, whether a push or a poll found it. It is
// complete: whoever reads it needs not ask NetSuite. Store and Order are empty for stock and prices. Time of stock is
// when NetSuite was asked: the figure contains what was saved before.
type NetSuiteChangedV1 struct {
	Envelope
	Account    string        `json:"account"`
	Kind       string        `json:"kind"` // one of the Change values
	Record     RecordID      `json:"record"`
	TranID     string        `json:"tran_id,omitempty"`     // NetSuite's own number
	Order      string        `json:"order,omitempty"`       // the shop's id
	SalesOrder string        `json:"sales_order,omitempty"` // internal id of the order's sales order
	Status     string        `json:"status,omitempty"`      // NetSuite's letter for the kind; fulfilments: A picked, B packed, C shipped
	Deleted    bool          `json:"deleted,omitempty"`
	ModifiedAt time.Time     `json:"modified_at"`     // UTC
	Date       string        `json:"date,omitempty"`  // of the transaction, YYYY-MM-DD in the account's zone
	Total      *money.Amount `json:"total,omitempty"` // positive
	Lines      []ChangedLine `json:"lines,omitempty"`
	Packages   []Package     `json:"packages,omitempty"`    // of a fulfilment
	ShipMethod string        `json:"ship_method,omitempty"` // name of the ship item
	Stock      *Stock        `json:"stock,omitempty"`       // of an inventory change
	Prices     *Prices       `json:"prices,omitempty"`      // of a change of prices
	Applied    []Applied     `json:"applied,omitempty"`     // of a refund that pays, or paid, more than Order: what each of our orders gets
}

// Applied is what one order gets of a customer refund that pays several.
type Applied struct {
	Store      string        `json:"store"`
	Order      string        `json:"order"` // the shop's id
	SalesOrder string        `json:"sales_order,omitempty"`
	Total      *money.Amount `json:"total,omitempty"` // zero: the refund pays this order no more; absent: NetSuite does not say
}

// The kinds of a change: NetSuite's REST record names, inventory for stock, and price for an item's prices.
const (
	ChangeSalesOrder = "salesOrder"
	ChangeFulfilment = "itemFulfillment"
	ChangeInvoice    = "invoice"
	ChangeCashSale   = "cashSale"
	ChangeCreditMemo = "creditMemo"
	ChangeRefund     = "customerRefund"
	ChangeCashRefund = "cashRefund"
	ChangeReturn     = "returnAuthorization"
	ChangeReceipt    = "itemReceipt"
	ChangeInventory  = "inventory"
	ChangePrice      = "price"
)

// ChangeKinds lists the kinds of a change that a push may name: all but prices, which are polled alone.
func ChangeKinds() []string {
	return []string{
		ChangeSalesOrder, ChangeFulfilment, ChangeInvoice, ChangeCashSale, ChangeCreditMemo, ChangeRefund, ChangeCashRefund, ChangeReturn, ChangeReceipt,
		ChangeInventory,
	}
}

// ChangedLine is a line of a changed record. Line is the sales order's line number that it is about, the one a ledger
// knows (LedgerLine.Line).
type ChangedLine struct {
	Line        string        `json:"line"`
	Item        string        `json:"item"`                  // internal id
	Quantity    money.Number  `json:"quantity"`              // positive: ordered, fulfilled, billed, returned, by the kind
	Amount      *money.Amount `json:"amount,omitempty"`      // positive, net
	Fulfilled   *money.Number `json:"fulfilled,omitempty"`   // of a sales order's line
	Backordered *money.Number `json:"backordered,omitempty"` // of a sales order's line
	Expected    string        `json:"expected,omitempty"`    // expected ship date, YYYY-MM-DD
	Closed      bool          `json:"closed,omitempty"`
}

// Package is one parcel of a fulfilment.
type Package struct {
	TrackingNumbers []string `json:"tracking_numbers"` // may be empty: not shipped yet
	Description     string   `json:"description,omitempty"`
}

// Stock is what an item has, per location.
type Stock struct {
	Name      string          `json:"name"` // itemid: the SKU
	Inactive  bool            `json:"inactive,omitempty"`
	Locations []LocationStock `json:"locations"`
}

// LocationStock is an item's stock at one location, in base units; negative is possible.
type LocationStock struct {
	Location    string       `json:"location"` // internal id
	Available   money.Number `json:"available"`
	OnHand      money.Number `json:"on_hand"`
	Backordered money.Number `json:"backordered"`
}

// Prices is what an item costs, of the price levels and currencies that stores ask for.
type Prices struct {
	Name     string       `json:"name"` // itemid: the SKU
	Inactive bool         `json:"inactive,omitempty"`
	Levels   []LevelPrice `json:"levels"`
}

// LevelPrice is the price of one unit at a price level, of the smallest quantity that has one.
type LevelPrice struct {
	Level    string         `json:"level"` // internal id
	Currency money.Currency `json:"currency"`
	Price    *money.Amount  `json:"price,omitempty"` // absent: the level is there and empty
}
