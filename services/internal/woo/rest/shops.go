package rest

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
)

const timeout = 60 * time.Second // of one request; shops are slow

// Shops makes a client for every store that has a REST key. Stores of one host, e.g. of one multisite, share its limit: the
// largest of theirs.
func Shops(stores map[string]config.Store) (map[string]*Client, error) {
	clients := map[string]*Client{}
	var problems []error
	for name, store := range stores {
		if !store.ConsumerKey.IsSet() {
			continue
		}
		key, err := store.ConsumerKey.Value()
		secret, err2 := store.ConsumerSecret.Value()
		if err := errors.Join(err, err2); err != nil {
			problems = append(problems, fault.New(fault.ConfigurationWrong, "want a REST key that can be read", fault.Field("stores."+name+".consumer_key", store.ConsumerKey.String()), fault.Because(err)))
			continue
		}
		clients[name] = New(Options{URL: store.URL, ConsumerKey: key, ConsumerSecret: secret, Concurrency: store.Concurrency, Timeout: timeout})
	}
	share(clients)
	return clients, errors.Join(problems...)
}

func share(clients map[string]*Client) {
	hosts := map[string]chan struct{}{}
	for _, c := range clients {
		if name := hostOf(c.options.URL); cap(hosts[name]) < cap(c.slots) {
			hosts[name] = c.slots
		}
	}
	for _, c := range clients {
		c.slots = hosts[hostOf(c.options.URL)]
	}
}

func hostOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.ToLower(parsed.Host)
}
