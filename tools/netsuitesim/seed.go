package netsuitesim

import (
	_ "embed" // the seed
	"encoding/json"
	"fmt"
	"strings"
)

// seedJSON is the account as it is before anything happens: per record type
// the bodies as REST would take them, with fixed ids.
//
//go:embed seed.json
var seedJSON string

// seedOrder loads what is pointed to before what points to it.
var seedOrder = []string{
	"currency", "subsidiary", "location", "taxType", "salesTaxItem", "account", "paymentMethod", "priceLevel", "department",
	"classification", "term", "customerStatus", "customerCategory", "salesChannel", "employee", "giftCertificate",
	"inventoryItem", "nonInventorySaleItem", "serviceSaleItem", "downloadItem", "otherChargeSaleItem", "discountItem", "shipItem", "customer",
}

// reset forgets all records and loads the seed.
func (st *store) reset() error {
	st.mu.Lock()
	st.clear()
	t := &tx{store: st, now: st.cfg.Now().UTC(), wipe: true}
	err := t.seed()
	var done <-chan error
	if err == nil {
		done = t.apply()
	}
	st.mu.Unlock()
	if done == nil {
		return err
	}
	return <-done
}

func (t *tx) seed() error {
	d := json.NewDecoder(strings.NewReader(seedJSON))
	d.UseNumber()
	var all map[string][]map[string]any
	if err := d.Decode(&all); err != nil {
		return fmt.Errorf("seed.json: %w", err)
	}
	for _, name := range seedOrder {
		for _, raw := range all[name] {
			if err := t.seedRecord(t.kind(name), raw); err != nil {
				return fmt.Errorf("seed.json: %s %v: %w", name, raw["id"], err)
			}
		}
		delete(all, name)
	}
	for name := range all {
		return fmt.Errorf("seed.json: %s: not in the load order", name)
	}
	return t.seedPeriods()
}

func (t *tx) seedRecord(k *kind, raw map[string]any) error {
	number, ok := raw["id"].(json.Number)
	if !ok {
		return fmt.Errorf("id: want a number")
	}
	id, err := number.Int64()
	if err != nil {
		return fmt.Errorf("id: %w", err)
	}
	delete(raw, "id")
	in := &intake{names: refuse, values: refuse}
	f, err := in.object(k.schema, raw, "")
	if err != nil {
		return err
	}
	for _, ref := range in.refs {
		if err := t.resolve(ref); err != nil {
			return err
		}
	}
	t.store.counters[string(k.group)] = max(t.store.counters[string(k.group)], id)
	_, err = t.finish(&draft{kind: k, id: id, in: f, fields: f})
	return err
}
