package netsuitesim

import "time"

// TaxMode says who computes the tax of a sales order.
type TaxMode string

// The tax modes of an account.
const (
	// TaxOverride is a SuiteTax account: tax detail rows stand when the order
	// says taxDetailsOverride, otherwise the engine computes.
	TaxOverride TaxMode = "override"
	// TaxEngine is a SuiteTax account that computes per line and rate.
	TaxEngine TaxMode = "engine"
	// TaxLegacyLine uses the tax code of each line.
	TaxLegacyLine TaxMode = "legacyLine"
	// TaxLegacyHeader applies one rate to the whole order.
	TaxLegacyHeader TaxMode = "legacyHeader"
)

// Switches are the behaviours that differ between accounts or that Oracle's
// documents leave open; the zero value is the most documented reading.
type Switches struct {
	// Tax is the tax mode, TaxOverride by default.
	Tax TaxMode
	// TaxRateFraction reads taxRate 0.0725 as 7.25 %; otherwise 7.25 is 7.25 %.
	TaxRateFraction bool
	// NoShippingReference refuses the tax detail references SHIPPING and HANDLING.
	NoShippingReference bool
	// RefuseFineAmounts refuses amounts finer than the currency; otherwise
	// they are rounded half away from zero.
	RefuseFineAmounts bool
	// NoLegacyTax is a legacy account that follows Oracle's word that REST
	// supports SuiteTax only: tax codes and rates are unknown names. It counts in
	// the legacy modes.
	NoLegacyTax bool
	// GrossIgnored ignores grossAmt of lines, as before 2026.1; otherwise a line
	// without amount gets the one that grossAmt and its taxes give.
	GrossIgnored bool
	// RateStands lets a given rate or amount stand without price level −1;
	// otherwise the price level replaces both.
	RateStands bool
	// GuideWording words errors as Oracle's guide does: w3.org type links, the
	// guide's text of 404, o:urlPath; otherwise as current accounts answer.
	GuideWording bool
	// CreateCreated answers POST of a record with 201, as some pages show;
	// otherwise with 204.
	CreateCreated bool
	// UpsertClears lets an upsert clear the body fields that it leaves out;
	// otherwise they stay. Sublists stay either way.
	UpsertClears bool
	// UpsertCreated answers 201 when an upsert inserts, otherwise 204.
	UpsertCreated bool
	// LineStep is the distance between line numbers: 1 by default, larger
	// values leave gaps.
	LineStep int
	// AppendTaxDetails appends tax detail rows on update; otherwise the rows of
	// a body take the place of the stored ones with the same reference.
	AppendTaxDetails bool
	// DefaultOrderStatus is the status of orders that name none, "A" by default.
	DefaultOrderStatus string
	// AnyCurrency lets an order use a currency its customer does not carry.
	AnyCurrency bool
	// Mandatory are the properties that the account's forms demand, by record
	// type: {"salesOrder": {"location"}}.
	Mandatory map[string][]string
	// LengthsInBytes counts field maxima in bytes; otherwise standard fields
	// count characters and custom ones bytes.
	LengthsInBytes bool
	// Lengths changes or adds field maxima in characters, by schema and property
	// as the catalog names them: {"salesOrder-itemElement.description": 40}.
	Lengths map[string]int
	// PaymentMethodField is an account without Payment Instruments: paymentOption
	// does not exist, paymentMethod does.
	PaymentMethodField bool
	// ClosedThrough is the last day (YYYY-MM-DD) of the closed accounting
	// periods; empty leaves all open. [Server.ClosePeriods] changes it.
	ClosedThrough string
	// DefaultReturnStatus is the status of return authorizations that name none,
	// "A" by default.
	DefaultReturnStatus string
	// BillInAdvance lets invoices and cash sales bill what is not fulfilled yet;
	// otherwise goods are billed once they are shipped.
	BillInAdvance bool
	// RefundInAdvance lets credit memos and cash refunds of a return count goods
	// that have not come back yet.
	RefundInAdvance bool
	// AutoApplyDeposits applies the deposits of an order to its new invoices.
	AutoApplyDeposits bool
	// FulfillmentBills makes the invoice with each shipped fulfilment, as
	// accounts without Advanced Shipping do.
	FulfillmentBills bool
	// DiscountToPercent turns a flat header discount into a percentage (two
	// decimals) of the lines that a transformation takes over, unless the body
	// sends discountRate again; otherwise it stays flat.
	DiscountToPercent bool
	// PendingBillingFirst shows a partly fulfilled order as E while fulfilled
	// goods are not billed and as D afterwards; otherwise D shows first and E
	// once something is billed.
	PendingBillingFirst bool
	// ClosedLeaveTotals takes closed lines and their tax details out of the
	// totals of an order; otherwise closing changes no amount.
	ClosedLeaveTotals bool
	// ServicesPendBilling shows an approved order without goods as F at once;
	// otherwise its status stays B until it is billed.
	ServicesPendBilling bool
	// UnnamedLinesShip makes a fulfilment or receipt take the lines that its body
	// does not name as well; otherwise they stay behind.
	UnnamedLinesShip bool
	// RelativeLocation answers asynchronous requests with a Location without
	// host, as Oracle's async pages show; otherwise it is absolute.
	RelativeLocation bool
	// Idempotency400 answers a repeated idempotency key with 400, as documented;
	// otherwise with 409, as seen.
	Idempotency400 bool
	// TaskPerItem lists a job's tasks as one item each, as a client expects;
	// otherwise as one item with a link per task, as Oracle's sample shows.
	TaskPerItem bool
	// FailedTaskSucceeds shows the progress of a failed task as succeeded;
	// otherwise as failed.
	FailedTaskSucceeds bool
	// BatchParallel runs batches in parallel unless asked otherwise, as 2026.1
	// did; otherwise in the order of the list.
	BatchParallel bool
	// DeleteWithoutPrefer takes a batch DELETE on without Prefer: respond-async,
	// as Oracle's sample shows.
	DeleteWithoutPrefer bool
	// AsyncSuiteQL lets SuiteQL run asynchronously, as a client does; otherwise
	// it is refused, as documented.
	AsyncSuiteQL bool
	// NotAdministrator refuses governanceLimits with 403, as a role other than
	// Administrator sees it.
	NotAdministrator bool
	// EmptyFulfillmentFails refuses a fulfilment that names no line; otherwise
	// it ships everything open.
	EmptyFulfillmentFails bool
	// FulfilByUniqueKey reads orderLine as the line's unique key.
	FulfilByUniqueKey bool
	// MissingTransaction400 answers 400 for an unknown transaction id,
	// otherwise 404.
	MissingTransaction400 bool
	// LedgerSigns negates quantity and amounts of sales lines in SuiteQL.
	LedgerSigns bool
	// ShippingLines shows the shipping cost as a transactionline row with the
	// item type ShipItem.
	ShippingLines bool
	// NullColumnsShown shows empty SuiteQL columns as null; otherwise they are
	// absent.
	NullColumnsShown bool
	// OrderByLosesRows answers a SuiteQL page of at most ten rows with ORDER BY
	// with no rows, a bug that a client reports.
	OrderByLosesRows bool
	// ItemPrices shows the prices of items in SuiteQL as itemPrice, by the names
	// of the record's price sublist (currencyPage, price); otherwise as pricing,
	// with currency and unitprice. Oracle's documents name neither table.
	ItemPrices bool
	// NoDeletedRecords hides SuiteQL's DeletedRecord, as a role without the permission Deleted Records sees it.
	NoDeletedRecords bool
	// QueryZone is the zone of SuiteQL's times, UTC by default.
	QueryZone *time.Location
	// TokensOutliveCertificates lets the tokens of a certificate that is revoked
	// or has expired live out their time; otherwise they end with it. Oracle's
	// documents say only that a new mapping is needed then.
	TokensOutliveCertificates bool
	// SwappedShipLetters shows SuiteQL ItemShip status A for shipped and C for picked.
	SwappedShipLetters bool
	// MaxAddressee is the length of addressee: 100 by default (83 in some forms).
	MaxAddressee int
}
