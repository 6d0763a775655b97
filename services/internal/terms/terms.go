// Package terms keeps under which terms an account is written to: its limit, whether writes are on hold, the starts, the
// mappings and the owners of its stores. Its writer says so in the bucket `cursors` under "terms.<account>" when it begins, so that what foresees a
// write (a replay's plan) needs no configuration of its own.
package terms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/topology"
)

// Account is what is known of an account's writing. The zero value: nothing is.
type Account struct {
	Slots  int                  `json:"slots"`            // requests in flight at most; 0: unknown
	Hold   bool                 `json:"hold"`             // accounts.<a>.writes is hold
	Starts map[string]time.Time `json:"starts,omitempty"` // by store, UTC: older orders are not created
	At     time.Time            `json:"at"`               // UTC, when it was said

	Mappings map[string]string `json:"mappings,omitempty"` // by store: the key of the mapping that maps its orders
	Owners   map[string]Owner  `json:"owners,omitempty"`   // by store
}

// Owner says which facts of a store's orders are left to NetSuite's people: stores.<s>.back.owner.
type Owner struct {
	Status   bool `json:"status"`
	Payment  bool `json:"payment"` // deposits and bills
	Refunds  bool `json:"refunds"`
	Customer bool `json:"customer"` // records that exist
}

func key(account string) string { return "terms." + account }

// Keep says the terms of an account.
func Keep(ctx context.Context, js jetstream.JetStream, account string, a Account) error {
	bucket, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	data, err := codec.Encode(a)
	if err == nil {
		_, err = bucket.Put(ctx, key(account), data)
	}
	return err
}

// Store is what is known of a store: the account that its orders go to, and the key of the mapping that maps them.
type Store struct{ Account, Mapping string }

// Stores tells by store what a writer has said of it; of two that have, the one that began last: a store may have moved to
// another account.
func Stores(ctx context.Context, js jetstream.JetStream) (map[string]Store, error) {
	bucket, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	accounts, err := bucket.ListKeysFiltered(ctx, key(">"))
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	stores, said := map[string]Store{}, map[string]time.Time{}
	for name := range accounts.Keys() {
		account := strings.TrimPrefix(name, key(""))
		t, err := Of(ctx, js, account)
		if err != nil {
			return nil, err
		}
		for store, mapping := range t.Mappings {
			if !t.At.Before(said[store]) {
				stores[store], said[store] = Store{account, mapping}, t.At
			}
		}
	}
	return stores, nil
}

// Of reads the terms of an account; of one whose writer has never begun nothing is known.
func Of(ctx context.Context, js jetstream.JetStream, account string) (Account, error) {
	bucket, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return Account{}, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	entry, err := bucket.Get(ctx, key(account))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Account{}, nil
	}
	if err != nil {
		return Account{}, fmt.Errorf("terms of account %s: %w", account, err)
	}
	return codec.Decode[Account](entry.Value())
}
