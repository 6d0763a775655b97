package rest

import (
	"errors"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
)

const timeout = 60 * time.Second // of one request; shops are slow

// Shops makes a client for every store that has a REST key.
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
	return clients, errors.Join(problems...)
}
