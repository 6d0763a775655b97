// Package shopsim is a WooCommerce double: stores that send webhooks and answer
// the wc/v3 REST API the way measured ones do, for tests, demos and load runs.
//
// It is written from captures of real stores (testdata), never from
// Orderstream's own clients, so that it can find their mistakes. What a store
// does badly the double does as badly: deliveries are never retried, equal ones
// collapse while they wait, the seventh failure in a row disables a webhook,
// delivery ids repeat within a second, and modified_after with both a "Z" and
// dates_are_gmt compares the wrong clock.
//
// Beside the API it answers controls, which need no key:
//
//	GET  /sim/state?type=order&store=main   records: order product customer refund note fulfillment mail webhook; without type all
//	POST /sim/reset                         back to the seeded state
//	GET  /sim/faults, POST /sim/faults      Faults
//	GET  /sim/log                           []Entry: requests answered, webhooks sent
//	GET  /sim/stats                         Stats
//	POST /sim/orders                        {"store","count","checkout":"block|classic","status","product","quantity"} places orders, gives {"ids"}
//	POST /sim/orders/{id}/status            {"store","status"}; also "trash", "restored", "deleted"
//	POST /sim/orders/{id}/edit              {"store","change":{…}}: a REST body, as a merchant's edit
//	POST /sim/orders/{id}/refund            {"store","refund":{…}}: a REST body, as a merchant's refund
//	POST /sim/load                          {"store","order":{…},"refunds":[…],"deleted":bool} sets state without webhooks
//	POST /sim/traffic                       {"on":true,"orders_per_minute":20}
//	POST /sim/deliver                       {"store","topic","body"} sends a body as a delivery now
package shopsim

import (
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Config describes a double.
type Config struct {
	Listen string // host:port of the REST API and the controls; port 0 picks one
	// Dir keeps the stores' state, which then survives the death of the
	// process; "" keeps it in memory.
	Dir    string
	Stores []StoreConfig
	Seed   int64            // decides the made-up orders
	Clock  func() time.Time // default time.Now

	// AllowBasicOverHTTP accepts consumer key and secret on plain HTTP, which a
	// real store refuses.
	AllowBasicOverHTTP bool
	TLS                *tls.Config // serve HTTPS
	TrustTLS           *tls.Config // whom deliveries over HTTPS trust; default the system's roots

	QueueDelay      time.Duration // from an event to its delivery; default 50 ms
	DeliveryTimeout time.Duration // for the receiver's answer; default 60 s, as measured
}

// StoreConfig describes one store.
type StoreConfig struct {
	Key       string // name in URLs and controls; the store "main" answers at /wp-json, others at /<key>/wp-json
	Version   string // WooCommerce's, default "11.0.1"
	WordPress string // default "7.1"
	TimeZone  string // default "America/New_York"
	Currency  string // default "USD"
	Secret    string // of the seeded webhooks, default "whsec_test"

	ConsumerKey, ConsumerSecret string // read and write; default "ck_<key>", "cs_<key>"
	ReadKey, ReadSecret         string // a second key that may only read; none if empty

	// DeliveryURL receives the seeded webhooks; "" seeds none.
	DeliveryURL string
	// HomeURL is the store's address in payloads; default the double's own.
	HomeURL          string
	PricesIncludeTax bool
	// PostsStorage keeps orders in the posts tables as stores from before
	// WooCommerce 8.2 do; it changes which webhooks some operations fire.
	PostsStorage bool

	// Fulfilments switches WooCommerce's own order fulfilments on (10.1 and newer,
	// behind a feature flag); a store without them does not have the routes.
	Fulfilments bool
	// TrackingPlugin is the namespace of a tracking plugin the store has:
	// "wc-shipment-tracking/v3" or "wc-ast/v3"; "" is none.
	TrackingPlugin string
	// Counted are SKUs whose stock the store manages too, beside those of the
	// captured store.
	Counted []string
}

var storeKey = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

func (c Config) withDefaults() (Config, error) {
	c.Clock = or(c.Clock == nil, time.Now, c.Clock)
	c.QueueDelay = or(c.QueueDelay == 0, 50*time.Millisecond, c.QueueDelay)
	c.DeliveryTimeout = or(c.DeliveryTimeout == 0, time.Minute, c.DeliveryTimeout)
	c.Listen = or(c.Listen == "", "127.0.0.1:0", c.Listen)
	if len(c.Stores) == 0 {
		c.Stores = []StoreConfig{{Key: "main"}}
	}
	c.Stores = append([]StoreConfig(nil), c.Stores...)
	seen := map[string]bool{}
	for i := range c.Stores {
		s := c.Stores[i].withDefaults()
		if err := s.check(); err != nil {
			return c, fmt.Errorf("shopsim: stores[%d]: %w", i, err)
		}
		if seen[s.Key] {
			return c, fmt.Errorf("shopsim: stores[%d]: key %q is used twice", i, s.Key)
		}
		seen[s.Key], c.Stores[i] = true, s
	}
	return c, nil
}

func (s StoreConfig) withDefaults() StoreConfig {
	s.Version = or(s.Version == "", "11.0.1", s.Version)
	s.WordPress = or(s.WordPress == "", "7.1", s.WordPress)
	s.TimeZone = or(s.TimeZone == "", "America/New_York", s.TimeZone)
	s.Currency = or(s.Currency == "", "USD", s.Currency)
	s.Secret = or(s.Secret == "", "whsec_test", s.Secret)
	s.ConsumerKey = or(s.ConsumerKey == "", "ck_"+s.Key, s.ConsumerKey)
	s.ConsumerSecret = or(s.ConsumerSecret == "", "cs_"+s.Key, s.ConsumerSecret)
	return s
}

func (s StoreConfig) check() error {
	if !storeKey.MatchString(s.Key) || s.Key == "sim" || s.Key == "wp-json" {
		return fmt.Errorf("key %q: must be lower-case letters, digits, - and _, and neither sim nor wp-json", s.Key)
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil {
		return fmt.Errorf("time zone %q: %w", s.TimeZone, err)
	}
	if s.major() == 0 {
		return fmt.Errorf("version %q: must be like 11.0.1", s.Version)
	}
	if symbol(s.Currency) == "" {
		return fmt.Errorf("currency %q: must be one of USD, EUR, GBP, CAD, JPY", s.Currency)
	}
	if s.TrackingPlugin != "" && !strings.Contains(trackingPlugins, " "+s.TrackingPlugin+" ") {
		return fmt.Errorf("tracking plugin %q: must be one of%s", s.TrackingPlugin, trackingPlugins)
	}
	if (s.ReadKey == "") != (s.ReadSecret == "") {
		return errors.New("read key and read secret: must be given together")
	}
	return nil
}

// major is the first number of the version, 0 if there is none.
func (s StoreConfig) major() int {
	first, _, _ := strings.Cut(s.Version, ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

func symbol(currency string) string {
	return map[string]string{"USD": "$", "EUR": "€", "GBP": "£", "CAD": "$", "JPY": "¥"}[currency]
}

func or[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}
