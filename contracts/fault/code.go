package fault

import (
	"slices"
)

// Code is a registered word for one kind of failure; its runbook is deploy/runbooks/<code>.md.
type Code string

// The codes. Adding one means a row in the registry below and a runbook page.
const (
	Unexpected Code = "unexpected"

	SignatureMismatch  Code = "signature-mismatch"
	RecordTooLarge     Code = "record-too-large"
	DoorLogFull        Code = "door-log-full"
	DoorLogFailed      Code = "door-log-failed"
	DoorBusy           Code = "door-busy"
	RequestRefused     Code = "request-refused"
	ServerNotDurable   Code = "server-not-durable"
	StreamUnavailable  Code = "stream-unavailable"
	StreamConflict     Code = "stream-conflict"
	TopologyMismatch   Code = "topology-mismatch"
	ConfigurationWrong Code = "configuration-wrong"

	DeliveryUndecodable Code = "delivery-undecodable"
	MessageUndecodable  Code = "message-undecodable"
	OrderInvalid        Code = "order-invalid"
	CurrencyUnknown     Code = "currency-unknown"
	WebhookNoPermission Code = "webhook-no-permission"

	MappingInvalid    Code = "mapping-invalid"
	MappingFailed     Code = "mapping-failed"
	StatusUnmapped    Code = "status-unmapped"
	TaxRateUnmapped   Code = "tax-rate-unmapped"
	PaymentUnmapped   Code = "payment-unmapped"
	RefundDeleted     Code = "refund-deleted"
	RefundedGoodsOpen Code = "refunded-goods-open"
	RefundUncovered   Code = "refund-uncovered"
	MoneyMismatch     Code = "money-mismatch"
	CustomerUnnamed   Code = "customer-unnamed"
	ValidationFailed  Code = "validation-failed"

	SKUUnknown             Code = "sku-unknown"
	SKUAmbiguous           Code = "sku-ambiguous"
	ItemInactive           Code = "item-inactive"
	ReferenceUnknown       Code = "reference-unknown"
	CustomerAmbiguous      Code = "customer-ambiguous"
	OrderAmbiguous         Code = "order-ambiguous"
	AccountChanged         Code = "account-changed"
	PaymentReversed        Code = "payment-reversed-after-fulfilment"
	VerificationMismatch   Code = "verification-mismatch"
	AttemptsExhausted      Code = "attempts-exhausted"
	ExternalIDTaken        Code = "external-id-taken"
	NetSuiteRefused        Code = "netsuite-refused"
	NetSuiteForbidden      Code = "netsuite-forbidden"
	NetSuiteThrottled      Code = "netsuite-throttled"
	NetSuiteUnavailable    Code = "netsuite-unavailable"
	NetSuiteUnauthorised   Code = "netsuite-unauthorised"
	NetSuiteAmbiguous      Code = "netsuite-ambiguous"
	NetSuiteRecordChanged  Code = "netsuite-record-changed"
	NetSuiteRecordLocked   Code = "netsuite-record-locked"
	NetSuiteFieldTooLong   Code = "netsuite-field-too-long"
	NetSuiteRecordMissing  Code = "netsuite-record-missing"
	NetSuiteAnswerUnusable Code = "netsuite-answer-unusable"

	ShopRefused      Code = "shop-refused"
	ShopThrottled    Code = "shop-throttled"
	ShopUnavailable  Code = "shop-unavailable"
	ShopUnauthorised Code = "shop-unauthorised"
	ShopOrderMissing Code = "shop-order-missing"
	ShopRouteMissing Code = "shop-route-missing"
	ShopFailed       Code = "shop-failed"

	SalesOrderDeleted   Code = "sales-order-deleted"
	FulfilmentWithdrawn Code = "fulfilment-withdrawn"

	ShopSKUUnknown     Code = "shop-sku-unknown"
	ShopSKUAmbiguous   Code = "shop-sku-ambiguous"
	ShopStockUnmanaged Code = "shop-stock-unmanaged"
	ShopPriceUnmanaged Code = "shop-price-unmanaged"
	PriceUnusable      Code = "price-unusable"

	ChannelUnavailable Code = "channel-unavailable"
	ChannelRefused     Code = "channel-refused"
)

type entry struct {
	class   Class
	summary string
}

var registry = map[Code]entry{
	Unexpected: {Transient, "an error no rule names"},

	SignatureMismatch:  {Terminal, "a delivery's signature fits none of the store's secrets"},
	RecordTooLarge:     {Terminal, "a record is larger than the server's max_payload"},
	DoorLogFull:        {Unavailable, "the door log's disk or queue is full"},
	DoorLogFailed:      {Unavailable, "the door log cannot be written"},
	DoorBusy:           {Throttled, "more bodies or connections are on their way than the door takes at once"},
	RequestRefused:     {Terminal, "a request is not one that the door takes"},
	ServerNotDurable:   {Terminal, "the NATS server's settings cannot keep an acknowledged message through a power cut"},
	StreamUnavailable:  {Unavailable, "JetStream does not answer or has no room"},
	StreamConflict:     {Conflict, "another writer was first"},
	TopologyMismatch:   {Terminal, "a live stream or consumer differs in what cannot be changed"},
	ConfigurationWrong: {Terminal, "the configuration breaks a rule"},

	DeliveryUndecodable: {Poison, "a signed delivery is not what WooCommerce sends"},
	MessageUndecodable:  {Poison, "a message of a stream cannot be decoded"},
	OrderInvalid:        {Terminal, "a field of the order breaks a rule"},
	CurrencyUnknown:     {Terminal, "the order's currency is not in ISO 4217"},
	WebhookNoPermission: {Terminal, "the webhook's owner may not read orders any more"},

	MappingInvalid:    {Terminal, "the mapping document breaks a rule"},
	MappingFailed:     {Terminal, "an expression of the mapping failed for this order"},
	StatusUnmapped:    {Terminal, "the mapping names no rule for the order's status"},
	TaxRateUnmapped:   {Terminal, "the mapping's tax table lacks a rate of this order"},
	PaymentUnmapped:   {Terminal, "the mapping's payment table lacks the order's gateway"},
	RefundDeleted:     {Terminal, "the shop deleted a refund that may be booked"},
	RefundedGoodsOpen: {Terminal, "goods given back may still be shipped"},
	RefundUncovered:   {Terminal, "no deposit in NetSuite covers a refund"},
	MoneyMismatch:     {Terminal, "shop total and computed total differ by more than the limit"},
	CustomerUnnamed:   {Terminal, "the order names no customer and the store has no default one"},
	ValidationFailed:  {Terminal, "a validation rule of the mapping refuses the order"},

	SKUUnknown:             {Terminal, "NetSuite has no item for a SKU"},
	SKUAmbiguous:           {Terminal, "NetSuite has several items for a SKU"},
	ItemInactive:           {Terminal, "the item of a SKU is inactive in NetSuite"},
	ReferenceUnknown:       {Terminal, "NetSuite has no record of a name the mapping uses"},
	CustomerAmbiguous:      {Terminal, "NetSuite has several customers for one e-mail"},
	OrderAmbiguous:         {Terminal, "several sales orders carry the order's adoption value"},
	AccountChanged:         {Terminal, "the order already belongs to another NetSuite account"},
	PaymentReversed:        {Terminal, "the payment was reversed after fulfilment or billing"},
	VerificationMismatch:   {Terminal, "what NetSuite holds differs from what was sent"},
	AttemptsExhausted:      {Terminal, "every attempt failed"},
	ExternalIDTaken:        {Terminal, "the externalId belongs to another record"},
	NetSuiteRefused:        {Terminal, "NetSuite refuses the record"},
	NetSuiteForbidden:      {Terminal, "the integration's role lacks a permission"},
	NetSuiteThrottled:      {Throttled, "the account's concurrency limit is reached"},
	NetSuiteUnavailable:    {Unavailable, "NetSuite does not answer or is in maintenance"},
	NetSuiteUnauthorised:   {Unavailable, "NetSuite refuses the credentials"},
	NetSuiteAmbiguous:      {Transient, "a write's answer was lost: it may have happened"},
	NetSuiteRecordChanged:  {Transient, "the record was changed by someone else meanwhile"},
	NetSuiteRecordLocked:   {Terminal, "a workflow locks the record"},
	NetSuiteFieldTooLong:   {Terminal, "a field is longer than NetSuite takes"},
	NetSuiteRecordMissing:  {Terminal, "the record does not exist"},
	NetSuiteAnswerUnusable: {Transient, "NetSuite's answer cannot be read"},

	ShopRefused:      {Terminal, "the shop refuses a request"},
	ShopThrottled:    {Throttled, "the shop's host asks to slow down"},
	ShopUnavailable:  {Unavailable, "the shop does not answer"},
	ShopUnauthorised: {Unavailable, "the shop refuses the REST key"},
	ShopOrderMissing: {Terminal, "the shop does not have the order any more"},
	ShopFailed:       {Transient, "the shop fails at this request while it does others"},
	ShopRouteMissing: {Terminal, "the shop's REST API lacks a route: a plugin or feature is off"},

	SalesOrderDeleted:   {Terminal, "NetSuite deleted the sales order of a shop's order"},
	FulfilmentWithdrawn: {Terminal, "a fulfilment that the shop was told of is not shipped any more"},

	ShopSKUUnknown:     {Terminal, "the shop has no product of a SKU"},
	ShopSKUAmbiguous:   {Terminal, "the shop has several products of a SKU"},
	ShopStockUnmanaged: {Terminal, "a product does not manage its stock by itself"},
	ShopPriceUnmanaged: {Terminal, "a product has no price of its own"},
	PriceUnusable:      {Terminal, "NetSuite has no price of an item, or a negative one, at the store's price level"},

	ChannelUnavailable: {Transient, "a notification channel does not answer"},
	ChannelRefused:     {Terminal, "a notification channel refuses the message"},
}

// Class is the class the code is registered with; Transient for an unregistered one.
func (c Code) Class() Class { return registry[c].class }

// Summary says in one clause what the code means.
func (c Code) Summary() string { return registry[c].summary }

// Registered tells whether the code is in the closed set.
func (c Code) Registered() bool { _, ok := registry[c]; return ok }

// Codes lists every registered code, sorted.
func Codes() []Code {
	codes := make([]Code, 0, len(registry))
	for code := range registry {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}
