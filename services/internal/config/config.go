// Package config reads orderstream.yaml: one file for every service, each value overridable by an
// environment variable, secrets by reference only. The file is checked against its JSON Schema and against
// rules a schema cannot say; all mistakes are reported at once, each with its path.
package config

import (
	"time"
)

// Config is the whole file.
type Config struct {
	Log       Log                `json:"log"`
	Telemetry Telemetry          `json:"telemetry"`
	Health    Listen             `json:"health"`
	NATS      NATS               `json:"nats"`
	Ingest    Ingest             `json:"ingest"`
	Stores    map[string]Store   `json:"stores"`
	Accounts  map[string]Account `json:"accounts"`
	Mappings  map[string]Mapping `json:"mappings"`
	Channels  map[string]Channel `json:"channels"`
	Notifier  Notifier           `json:"notifier"`
}

// Log says how much to log and how.
type Log struct {
	Level  string `json:"level"`  // debug, info, warn, error
	Format string `json:"format"` // json, text
}

// Telemetry says where traces and metrics go.
type Telemetry struct {
	OTLP string `json:"otlp"` // URL of an OTLP/HTTP collector; empty: none
}

// Listen is an address to listen on.
type Listen struct {
	Listen string `json:"listen"` // host:port; port 0 picks one; empty: not served
}

// NATS says how to reach JetStream.
type NATS struct {
	URL         string   `json:"url"`
	Credentials string   `json:"credentials"` // path of a .creds file
	Monitor     []string `json:"monitor"`     // monitoring address of each node, to prove durability
	Replicas    int      `json:"replicas"`
	Retention   Duration `json:"retention"`  // of WOO, ORDERS and CUSTOMERS
	MaxBytes    int64    `json:"max_bytes"`  // of WOO; 0: no limit
	Durability  string   `json:"durability"` // proven: refuse a server that may lose acknowledged messages; unproven: run anyway
}

// Ingest is the door.
type Ingest struct {
	Listen         string   `json:"listen"`
	TLSCertificate string   `json:"tls_certificate"` // path; with TLSKey the door speaks TLS itself
	TLSKey         string   `json:"tls_key"`
	BodyLimit      int      `json:"body_limit"` // bytes
	MaxConnections int      `json:"max_connections"`
	MaxBodies      int64    `json:"max_bodies"` // bytes of large bodies in flight
	Ack            string   `json:"ack"`        // log: after the door log's fsync; stream: after JetStream's confirmation too
	DoorLog        DoorLog  `json:"door_log"`
	AllowedSources []string `json:"allowed_sources"` // CIDRs; empty: everyone
	TrustedProxies []string `json:"trusted_proxies"` // CIDRs whose X-Forwarded-For is believed
}

// DoorLog bounds the local log of accepted deliveries.
type DoorLog struct {
	Dir        string `json:"dir"`
	MaxRecords int    `json:"max_records"`
	MaxBytes   int64  `json:"max_bytes"`
	WarnFree   int64  `json:"warn_free"` // bytes free on the disk below which a warning is raised
	MinFree    int64  `json:"min_free"`  // bytes free below which deliveries are refused with 503
}

// Store is one WooCommerce shop.
type Store struct {
	URL            string    `json:"url"` // home URL; REST lies under wp-json/wc/v3
	Secrets        []Secret  `json:"webhook_secrets"`
	ConsumerKey    Secret    `json:"consumer_key"`
	ConsumerSecret Secret    `json:"consumer_secret"`
	Account        string    `json:"account"`
	Mapping        string    `json:"mapping"`
	TimeZone       string    `json:"time_zone"`  // IANA name
	Start          time.Time `json:"start"`      // orders created earlier are ignored until backfilled; zero: none
	WriteBack      string    `json:"write_back"` // meta, note, off
	Concurrency    int       `json:"concurrency"`
	Back           Back      `json:"back"`
	Stock          Stock     `json:"stock"`
	Prices         *Prices   `json:"prices"` // nil: prices are the shop's
}

// Prices says which of NetSuite's prices a shop's products have. They are NetSuite's then: what people type in the shop
// is written over with the next change.
type Prices struct {
	Level     string `json:"level"`      // internal id of the price level
	SaleLevel string `json:"sale_level"` // of the sale price; empty: sales are the shop's
	Currency  string `json:"currency"`   // the shop's, ISO 4217
}

// Stock says how much of NetSuite's stock a shop may sell, in units.
type Stock struct {
	Margin
	Locations []string    `json:"locations"` // internal ids; empty: every one
	Items     []StockItem `json:"items"`
	Share     *Share      `json:"share"` // nil: the whole pool

	SKUs map[string]string `json:"skus"` // the shop's SKU to NetSuite's item name, where they differ; of prices too
}

// StockItem is the margin of one SKU, or of those that begin so.
type StockItem struct {
	Margin
	SKU    string `json:"sku"`
	Prefix string `json:"prefix"`
}

// Margin is what is held back: the buffer, and the larger of the two safety stocks.
type Margin struct {
	Buffer  int64 `json:"buffer"`
	Safety  int64 `json:"safety"`
	Percent int64 `json:"percent"` // of the units at the store's locations
}

// Share is weight of total parts of a pool.
type Share struct {
	Weight int64 `json:"weight"`
	Total  int64 `json:"total"`
}

// Back says what travels from NetSuite back to the shop.
type Back struct {
	Status    map[string]string `json:"status"`     // NetSuite's letter to the shop's word; "" or absent: the status stays
	Virtual   string            `json:"virtual"`    // billed, approved: when an order without goods to ship is completed
	GiftCards []string          `json:"gift_cards"` // product types that are gift cards: nothing is shipped for them
	Notes     string            `json:"notes"`      // private, customer, off: parts that left, back orders
	Tracking  string            `json:"tracking"`   // how tracking numbers are kept: auto, fulfillments, shipment-tracking, advanced-shipment-tracking, note
	Owner     Owner             `json:"owner"`
}

// Owner says whose word counts, netsuite or shop, fact by fact and in both directions: two systems that both write one would
// fight. Tracking numbers and stock travel to the shop only.
type Owner struct {
	Status   string `json:"status"` // netsuite: it moves the shop's order, and what NetSuite's people set the shop only takes back; shop: its word is written
	Tracking string `json:"tracking"`
	Refunds  string `json:"refunds"` // both: each side books the other's; netsuite: the shop's are not booked; shop: NetSuite's are not recorded
	Stock    string `json:"stock"`
	Customer string `json:"customer"` // shop: a change of the account reaches its record; netsuite: a record that exists stays
	Payment  string `json:"payment"`  // shop: what the shop took is booked; netsuite: people book it
}

// Owners. Refunds alone may have both: a refund is an act, not a state, and each is told to the other side once.
const (
	ByNetSuite = "netsuite"
	ByShop     = "shop"
	ByBoth     = "both"
)

// Account is one NetSuite account.
type Account struct {
	AccountID string `json:"account_id"` // e.g. 1234567_SB1
	URL       string `json:"url"`        // service URL; empty: derived from AccountID

	// OAuth 2.0 client credentials (machine to machine), or TBA.
	ClientID    Text         `json:"client_id"`
	Certificate Text         `json:"certificate_id"`
	PrivateKey  Secret       `json:"private_key"` // PEM
	Algorithm   string       `json:"algorithm"`   // PS256 … ES512; empty: by the key
	Next        *Certificate `json:"next"`        // takes over as soon as NetSuite accepts it
	TBA         *TBA         `json:"tba"`

	Concurrency int      `json:"concurrency"` // requests in flight at most; 0: what NetSuite says, where it may be asked, else 5
	Timeout     Duration `json:"timeout"`     // of one request
	Late        Duration `json:"late"`        // for how long NetSuite may work on a request that was given up
	Attempts    int      `json:"attempts"`    // of a passing error before the order is parked
	Retry       Retry    `json:"retry"`
	Writes      string   `json:"writes"`      // on, hold
	Batches     string   `json:"batches"`     // auto: a backlog of new orders is written by asynchronous batches; off
	Adoption    []string `json:"adoption"`    // SuiteQL columns of transaction that may hold the order's number
	LineColumn  string   `json:"line_column"` // custom column that takes the mark of each line: the shop's line id
	TaxRate     string   `json:"tax_rate"`    // of tax details: percent, fraction
	Watch       Watch    `json:"watch"`
	PushSecrets []Secret `json:"push_secrets"` // of the script that pushes to ingest; several during a rotation

	Kits map[string]map[string]int64 `json:"kits"` // SKU of a kit to its components' units
}

// Watch says how to follow what happens inside NetSuite.
type Watch struct {
	Poll string   `json:"poll"` // on, off
	Fast Duration `json:"fast"` // between two polls while things change
	Idle Duration `json:"idle"` // and when nothing has changed for long

	Stock     string   `json:"stock"`      // on, off
	ItemTypes []string `json:"item_types"` // SuiteQL's types of the items whose stock counts
	SKUs      string   `json:"skus"`       // pattern of the names of items whose stock and prices count, as LIKE takes it; empty: all
}

// On switches something on.
const On = "on"

// Retry says how long to wait before an order is tried again, by the class of its error.
type Retry struct {
	First      Duration `json:"first"` // a passing error: doubling from first to last
	Last       Duration `json:"last"`
	Throttled  Duration `json:"throttled"`   // refused for too many requests
	FirstProbe Duration `json:"first_probe"` // NetSuite unavailable: one order probes, doubling from first_probe to last_probe
	LastProbe  Duration `json:"last_probe"`
}

// Certificate is a further key pair of the same client.
type Certificate struct {
	ID         Text   `json:"certificate_id"`
	PrivateKey Secret `json:"private_key"` // PEM
	Algorithm  string `json:"algorithm"`   // empty: by the key
}

// TBA is token-based authentication (OAuth 1.0a), for accounts that still have it.
type TBA struct {
	ConsumerKey    Secret `json:"consumer_key"`
	ConsumerSecret Secret `json:"consumer_secret"`
	TokenID        Secret `json:"token_id"`
	TokenSecret    Secret `json:"token_secret"`
}

// Mapping is one mapping document.
type Mapping struct {
	File string `json:"file"` // path; "default": the shipped one
}

// Channel is one way to reach people.
type Channel struct {
	Kind     string   `json:"kind"` // webhook, email, log
	URL      Secret   `json:"url"`  // webhook
	Secret   Secret   `json:"secret"`
	SMTP     string   `json:"smtp"` // host:port
	Username string   `json:"username"`
	Password Secret   `json:"password"`
	From     string   `json:"from"`
	To       []string `json:"to"`
	TLS      string   `json:"tls"` // mandatory, opportunistic, none
}

// Notifier says how often people are told.
type Notifier struct {
	Group    Duration `json:"group"`    // one cause is one message in this window
	Channels []string `json:"channels"` // empty: all
}

// Duration is a time span written as Go does, e.g. "1m30s", or in days: "400d".
type Duration time.Duration

// Std gives the standard library's duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }
