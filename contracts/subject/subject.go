// Package subject builds and reads every NATS subject. No other place holds a subject literal. A subject
// is <family>.v<version>.<kind or verb>.<keys…>; keys pass one escape rule (Token).
package subject

import (
	"fmt"
	"strings"
)

// Any matches one token of a filter.
const Any = "*"

// Filters over whole families.
const (
	WebhookAll  = "webhook.v1.received.>"
	OrderAll    = "order.v1.>"
	CustomerAll = "customer.v1.changed.>"
	DesiredAll  = "desired.v1.>"
	SyncAll     = "sync.v1.recorded.>"
	ShopAll     = "shop.v1.recorded.>"
	NetSuiteAll = "netsuite.v1.>"
	ChangesAll  = "netsuite.v1.changed.>"
	FailureAll  = "failure.v1.parked.>"
	AuditAll    = "audit.v1.>"
	AlertAll    = "alert.v1.raised.>"
	ReadAll     = "read.v1.requested.>"
)

func join(prefix string, keys ...string) string {
	var b strings.Builder
	b.WriteString(prefix)
	for _, key := range keys {
		b.WriteByte('.')
		b.WriteString(Token(key))
	}
	return b.String()
}

// Webhook is the subject of an accepted delivery.
type Webhook struct{ Store, Resource, Event, ID string }

// String builds webhook.v1.received.<store>.<resource>.<event>.<id>.
func (w Webhook) String() string {
	return join("webhook.v1.received", w.Store, w.Resource, w.Event, w.ID)
}

// WebhooksOf matches every delivery about one object of a store, whatever its event.
func WebhooksOf(store, resource, id string) string {
	return "webhook.v1.received." + Token(store) + "." + Token(resource) + "." + Any + "." + Token(id)
}

// WebhooksOfOrder matches every delivery about an order; store may be Any.
func WebhooksOfOrder(store, order string) string {
	return "webhook.v1.received." + tokenOrAny(store) + ".order." + Any + "." + Token(order)
}

func tokenOrAny(text string) string {
	if text == Any {
		return Any
	}
	return Token(text)
}

// ParseWebhook reads the subject of a delivery.
func ParseWebhook(s string) (Webhook, error) {
	keys, err := split(s, "webhook.v1.received", 4)
	if err != nil {
		return Webhook{}, err
	}
	return Webhook{keys[0], keys[1], keys[2], keys[3]}, nil
}

// Order is the subject of a canonical order event.
type Order struct{ Kind, Store, Order string }

// String builds order.v1.<kind>.<store>.<order>.
func (o Order) String() string { return join("order.v1", o.Kind, o.Store, o.Order) }

// OrdersOf matches exactly the events of one order, whatever their kind: the scope of the
// expected-last-sequence check that keeps states in order. A store that is Any stands for every one, which no store is called.
func OrdersOf(store, order string) string {
	return "order.v1." + Any + "." + tokenOrAny(store) + "." + Token(order)
}

// OrdersIn matches the events of all orders of a store.
func OrdersIn(store string) string { return "order.v1." + Any + "." + Token(store) + "." + Any }

// ParseOrder reads the subject of an order event.
func ParseOrder(s string) (Order, error) {
	keys, err := split(s, "order.v1", 3)
	if err != nil {
		return Order{}, err
	}
	return Order{keys[0], keys[1], keys[2]}, nil
}

// Customer builds customer.v1.changed.<store>.<customer>.
func Customer(store, customer string) string { return join("customer.v1.changed", store, customer) }

// CustomersOf matches the events of a customer of a store, or of any; of all of a store's customers where customer is Any.
func CustomersOf(store, customer string) string {
	return "customer.v1.changed." + tokenOrAny(store) + "." + tokenOrAny(customer)
}

// ParseCustomer reads the subject of a customer event.
func ParseCustomer(s string) (store, customer string, err error) {
	keys, err := split(s, "customer.v1.changed", 2)
	if err != nil {
		return "", "", err
	}
	return keys[0], keys[1], nil
}

// Desired is the subject of a desired state; Kind is "order" or "customer".
type Desired struct{ Kind, Account, Store, Key string }

// String builds desired.v1.<kind>.<account>.<store>.<key>.
func (d Desired) String() string { return join("desired.v1", d.Kind, d.Account, d.Store, d.Key) }

// DesiredFor matches every desired state of one NetSuite account.
func DesiredFor(account string) string { return "desired.v1." + Any + "." + Token(account) + ".>" }

// DesiredOrders matches the desired states of a store's orders; of every store's without one.
func DesiredOrders(store string) string { return desiredIn("order", store) }

// DesiredCustomers matches the desired states of a store's customers; of every store's without one.
func DesiredCustomers(store string) string { return desiredIn("customer", store) }

func desiredIn(kind, store string) string {
	if store == "" {
		return "desired.v1." + kind + ".>"
	}
	return "desired.v1." + kind + "." + Any + "." + Token(store) + ".>"
}

// DesiredOrdersFor matches the desired states of the orders of one NetSuite account.
func DesiredOrdersFor(account string) string { return "desired.v1.order." + Token(account) + ".>" }

// DesiredOf matches the desired states of one order whatever its account; store as of OrdersOf.
func DesiredOf(store, order string) string {
	return "desired.v1.order." + Any + "." + tokenOrAny(store) + "." + Token(order)
}

// DesiredOfCustomer matches the desired states of one customer whatever his account; store as of OrdersOf.
func DesiredOfCustomer(store, customer string) string {
	return "desired.v1.customer." + Any + "." + tokenOrAny(store) + "." + Token(customer)
}

// ParseDesired reads the subject of a desired state.
func ParseDesired(s string) (Desired, error) {
	keys, err := split(s, "desired.v1", 4)
	if err != nil {
		return Desired{}, err
	}
	return Desired{keys[0], keys[1], keys[2], keys[3]}, nil
}

// Sync is the subject of an order's outcomes, newest = its ledger.
type Sync struct{ Account, Store, Order string }

// String builds sync.v1.recorded.<account>.<store>.<order>.
func (s Sync) String() string { return join("sync.v1.recorded", s.Account, s.Store, s.Order) }

// SyncFor matches every outcome of one NetSuite account.
func SyncFor(account string) string { return "sync.v1.recorded." + Token(account) + ".>" }

// SyncOf matches the outcomes of one order whatever its account.
func SyncOf(store, order string) string {
	return "sync.v1.recorded." + Any + "." + Token(store) + "." + Token(order)
}

// ParseSync reads the subject of an outcome.
func ParseSync(s string) (Sync, error) {
	keys, err := split(s, "sync.v1.recorded", 3)
	if err != nil {
		return Sync{}, err
	}
	return Sync{keys[0], keys[1], keys[2]}, nil
}

// Shop builds shop.v1.recorded.<store>.<kind>.<key>, the ledger of what was done to the shop.
func Shop(store, kind, key string) string { return join("shop.v1.recorded", store, kind, key) }

// ShopKind matches what was done to a shop of one kind, e.g. the stock written to it.
func ShopKind(store, kind string) string {
	return "shop.v1.recorded." + Token(store) + "." + Token(kind) + "." + Any
}

// ShopOf matches everything done to one order as a whole, whatever its kind.
func ShopOf(store, order string) string {
	return "shop.v1.recorded." + Token(store) + "." + Any + "." + Token(order)
}

// Change is the subject of a record that changed in NetSuite.
type Change struct{ Account, Kind, Key string }

// String builds netsuite.v1.changed.<account>.<kind>.<key>.
func (c Change) String() string { return join("netsuite.v1.changed", c.Account, c.Kind, c.Key) }

// ChangesOf matches every change of one kind, whatever the account.
func ChangesOf(kind string) string {
	return "netsuite.v1.changed." + Any + "." + Token(kind) + ".>"
}

// ChangesFor matches every change of one kind in one NetSuite account.
func ChangesFor(account, kind string) string {
	return "netsuite.v1.changed." + Token(account) + "." + Token(kind) + ".>"
}

// ParseChange reads the subject of a change.
func ParseChange(s string) (Change, error) {
	keys, err := split(s, "netsuite.v1.changed", 3)
	if err != nil {
		return Change{}, err
	}
	return Change{keys[0], keys[1], keys[2]}, nil
}

// Notice is the subject of a push from NetSuite: a record changed.
type Notice struct{ Account, Kind, Key string }

// String builds netsuite.v1.noticed.<account>.<kind>.<key>.
func (n Notice) String() string { return join("netsuite.v1.noticed", n.Account, n.Kind, n.Key) }

// NoticesFor matches every push of one account.
func NoticesFor(account string) string { return "netsuite.v1.noticed." + Token(account) + ".>" }

// ParseNotice reads the subject of a push.
func ParseNotice(s string) (Notice, error) {
	keys, err := split(s, "netsuite.v1.noticed", 3)
	if err != nil {
		return Notice{}, err
	}
	return Notice{keys[0], keys[1], keys[2]}, nil
}

// Failure is the subject of parked work; its three keys are the failure's id.
type Failure struct{ Stage, Store, Key string }

// String builds failure.v1.parked.<stage>.<store>.<key>.
func (f Failure) String() string { return join("failure.v1.parked", f.Stage, f.Store, f.Key) }

// ID is the failure's name for people and the API: <stage>.<store>.<key>, escaped.
func (f Failure) ID() string { return strings.TrimPrefix(f.String(), "failure.v1.parked.") }

// FailuresOf matches every failure of a stage.
func FailuresOf(stage string) string { return "failure.v1.parked." + Token(stage) + ".>" }

// FailuresAbout matches every failure about one object of a store, whatever the stage.
func FailuresAbout(store, key string) string {
	return "failure.v1.parked." + Any + "." + Token(store) + "." + Token(key)
}

// ParseFailureID reads a failure's id.
func ParseFailureID(id string) (Failure, error) { return ParseFailure("failure.v1.parked." + id) }

// ParseFailure reads the subject of parked work.
func ParseFailure(s string) (Failure, error) {
	keys, err := split(s, "failure.v1.parked", 3)
	if err != nil {
		return Failure{}, err
	}
	return Failure{keys[0], keys[1], keys[2]}, nil
}

// Audit builds audit.v1.<act>.
func Audit(act string) string { return join("audit.v1", act) }

// Alert builds alert.v1.raised.<kind>.<store>.
func Alert(kind, store string) string { return join("alert.v1.raised", kind, store) }

// Read builds read.v1.requested.<store>.<resource>.<id>: a wish to read one object from the shop again.
func Read(store, resource, id string) string { return join("read.v1.requested", store, resource, id) }

func split(s, prefix string, keys int) ([]string, error) {
	rest, ok := strings.CutPrefix(s, prefix+".")
	if !ok {
		return nil, fmt.Errorf("subject %q: want prefix %q", s, prefix)
	}
	tokens := strings.Split(rest, ".")
	if len(tokens) != keys {
		return nil, fmt.Errorf("subject %q: want %d tokens after %q, have %d", s, keys, prefix, len(tokens))
	}
	for i, token := range tokens {
		text, err := Untoken(token)
		if err != nil {
			return nil, fmt.Errorf("subject %q: %w", s, err)
		}
		tokens[i] = text
	}
	return tokens, nil
}
