// Package topology holds every stream, consumer and bucket as values, proves them sound (Validate, pure)
// and brings a server to them (Ensure).
package topology

import (
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/subject"
)

// Stream names.
const (
	Woo             = "WOO"
	Orders          = "ORDERS"
	Customers       = "CUSTOMERS"
	Reads           = "READS"
	Desired         = "DESIRED"
	Outcomes        = "OUTCOMES"
	ShopOutcomes    = "SHOP_OUTCOMES"
	NetSuiteChanges = "NETSUITE_CHANGES"
	Failures        = "FAILURES"
	Alerts          = "ALERTS"
	Audit           = "AUDIT"
)

// Durable consumer names. The writer has one per account: WriterOf.
const (
	ConsumerParse          = "parse"           // transformer: WOO → ORDERS
	ConsumerMap            = "map"             // transformer: ORDERS → DESIRED
	ConsumerMapCustomers   = "map-customers"   // transformer: CUSTOMERS → DESIRED
	ConsumerRead           = "read"            // reconciler: READS → WOO
	ConsumerWriteFailures  = "write-failures"  // netsuite-writer: OUTCOMES → FAILURES
	ConsumerPublish        = "publish"         // status-publisher: OUTCOMES → shop
	ConsumerReturn         = "return"          // status-publisher: NETSUITE_CHANGES → shop's orders
	ConsumerShopFailures   = "shop-failures"   // status-publisher: SHOP_OUTCOMES → FAILURES
	ConsumerNotifyFailures = "notify-failures" // notifier: FAILURES → channels
	ConsumerNotifyAlerts   = "notify-alerts"   // notifier: ALERTS → channels
)

// WriterOf names the durable consumer of one NetSuite account: the unit of governance.
func WriterOf(account string) string { return "write-" + account }

// WatcherOf names the durable consumer of one account's pushes; it belongs to the account's active writer.
func WatcherOf(account string) string { return "watch-" + account }

// WriterGroup is the pinned priority group of a writer's consumer: one active writer per account.
const WriterGroup = "active"

// PinTTL is how long a silent active writer keeps its pin.
const PinTTL = 5 * time.Second

// Bucket names.
const (
	Mappings = "mappings" // every mapping revision ever active
	Cursors  = "cursors"  // watermarks of polls, sweeps and replays
	Replays  = "replays"  // object store: replay plans, by hash
)

// Params is what a configuration may choose.
type Params struct {
	Replicas  int           // 1 or 3
	Accounts  []string      // NetSuite account keys
	Retention time.Duration // of WOO, ORDERS and CUSTOMERS
	MaxBytes  int64         // of WOO; -1 for no limit
}

// Bucket is a key-value bucket.
type Bucket struct {
	Name    string
	History uint8
}

// Topology is everything JetStream must hold.
type Topology struct {
	Streams   []jetstream.StreamConfig
	Consumers []Consumer
	Buckets   []Bucket
	Objects   []string // object stores
	Replicas  int
}

// Consumer is a durable consumer and its stream.
type Consumer struct {
	Stream string
	Config jetstream.ConsumerConfig
}

const (
	day      = 24 * time.Hour
	forever  = 0
	noLimit  = -1
	dupShort = 2 * time.Minute
	// dupNotices is longer than a signed notice stays valid, from five minutes before its time to five after it: one that
	// is captured and sent to another door, or after a restart, is stored once.
	dupNotices = 15 * time.Minute
)

// Of builds the topology of a configuration.
func Of(p Params) Topology {
	return Topology{Streams: streams(p), Consumers: consumers(p), Buckets: []Bucket{{Mappings, 64}, {Cursors, 1}}, Objects: []string{Replays}, Replicas: p.Replicas}
}

func streams(p Params) []jetstream.StreamConfig {
	// WOO refuses when full: dropping the oldest order would break invariant 3.
	woo := stream(p, Woo, subject.WebhookAll, "accepted deliveries: raw bytes as payload, the facts about them in headers")
	woo.MaxAge, woo.Duplicates, woo.Discard, woo.MaxBytes = p.Retention, min(day, p.Retention), jetstream.DiscardNew, p.MaxBytes

	orders := stream(p, Orders, subject.OrderAll, "canonical order events, the public feed")
	orders.MaxAge = p.Retention
	customers := stream(p, Customers, subject.CustomerAll, "canonical customer events")
	customers.MaxAge = p.Retention

	reads := stream(p, Reads, subject.ReadAll, "objects to be read from the shop again, newest wish per object")
	reads.MaxMsgsPerSubject, reads.MaxAge = 1, 30*day
	desired := stream(p, Desired, subject.DesiredAll, "what NetSuite should hold, newest per order and customer: a backlog collapses by itself")
	desired.MaxMsgsPerSubject = 1
	outcomes := stream(p, Outcomes, subject.SyncAll, "what happened to an order in NetSuite; the newest entry is its ledger")
	outcomes.MaxMsgsPerSubject = 64
	shop := stream(p, ShopOutcomes, subject.ShopAll, "what was done to the shop; the newest entry is its ledger")
	shop.MaxMsgsPerSubject = 16
	changes := stream(p, NetSuiteChanges, subject.NetSuiteAll, "what NetSuite did")
	changes.MaxAge, changes.Duplicates = 90*day, dupNotices

	// One message per failure: a time to live on a resolved one must not bring an older entry back.
	failures := stream(p, Failures, subject.FailureAll, "parked work, newest entry per failure")
	failures.MaxMsgsPerSubject, failures.AllowMsgTTL = 1, true
	alerts := stream(p, Alerts, subject.AlertAll, "what an operator must see beyond parked work")
	alerts.MaxAge = 30 * day
	audit := stream(p, Audit, subject.AuditAll, "every operator's act")
	audit.MaxAge = 7 * 365 * day
	return []jetstream.StreamConfig{woo, orders, customers, reads, desired, outcomes, shop, changes, failures, alerts, audit}
}

// Limits retention everywhere: work-queue retention forgets message ids at a restart and pays a flush
// per ack.
func stream(p Params, name, filter, description string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Description: description, Subjects: []string{filter}, Replicas: p.Replicas,
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: forever, MaxMsgs: noLimit, MaxBytes: noLimit, MaxMsgsPerSubject: noLimit, MaxMsgSize: noLimit,
		Duplicates: dupShort, AllowDirect: true, AllowAtomicPublish: true, MaxConsumers: noLimit,
	}
}

func consumers(p Params) []Consumer {
	list := []Consumer{
		{Woo, consumer(ConsumerParse, subject.WebhookAll, "parse deliveries into events")},
		{Orders, consumer(ConsumerMap, subject.OrderAll, "map events into desired states")},
		{Customers, consumer(ConsumerMapCustomers, subject.CustomerAll, "map customer events into desired states")},
		{Reads, consumer(ConsumerRead, subject.ReadAll, "read objects from the shop again")},
		{Outcomes, consumer(ConsumerWriteFailures, subject.SyncAll, "derive failures from outcomes")},
		{Outcomes, consumer(ConsumerPublish, subject.SyncAll, "tell the shop what NetSuite holds")},
		{NetSuiteChanges, returning()},
		{ShopOutcomes, consumer(ConsumerShopFailures, subject.ShopAll, "derive failures from shop outcomes")},
		{Failures, consumer(ConsumerNotifyFailures, subject.FailureAll, "notify people of parked work")},
		{Alerts, consumer(ConsumerNotifyAlerts, subject.AlertAll, "notify people of alerts")},
	}
	accounts := slices.Clone(p.Accounts)
	slices.Sort(accounts)
	for _, account := range accounts {
		list = append(list, Consumer{Desired, writer(account)}, Consumer{NetSuiteChanges, watcher(account)})
	}
	return list
}

func consumer(name, filter, description string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: name, Description: description, FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxDeliver: -1, MaxAckPending: 10_000, ReplayPolicy: jetstream.ReplayInstantPolicy,
	}
}

// returning follows the changes of orders: every kind but stock.
func returning() jetstream.ConsumerConfig {
	c := consumer(ConsumerReturn, "", "tell the shop what NetSuite did to its orders")
	c.FilterSubjects = nil
	for _, kind := range []string{
		"salesOrder", "itemFulfillment", "invoice", "cashSale", "creditMemo", "customerRefund", "cashRefund", "returnAuthorization", "itemReceipt",
	} {
		c.FilterSubjects = append(c.FilterSubjects, subject.ChangesOf(kind))
	}
	return c
}

// watcher follows one account's pushes where its writer runs: one process speaks with NetSuite.
func watcher(account string) jetstream.ConsumerConfig {
	c := consumer(WatcherOf(account), subject.NoticesFor(account), "read what NetSuite account "+account+" says has changed")
	c.PriorityPolicy, c.PriorityGroups, c.PinnedTTL = jetstream.PriorityPolicyPinned, []string{WriterGroup}, PinTTL
	return c
}

// A writer's waiting messages stay ack-pending for hours, and its frozen process must lose its work soon.
func writer(account string) jetstream.ConsumerConfig {
	c := consumer(WriterOf(account), subject.DesiredFor(account), "write desired states to NetSuite account "+account)
	c.AckWait, c.MaxAckPending = 8*time.Second, 100_000
	c.PriorityPolicy, c.PriorityGroups, c.PinnedTTL = jetstream.PriorityPolicyPinned, []string{WriterGroup}, PinTTL
	return c
}
