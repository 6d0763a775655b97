package netsuitewriter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// source says in which SuiteQL table and column a kind of record is looked up, case-insensitively.
type source struct{ table, column, extra string }

var sources = map[string]map[string]source{
	"item":       {"name": {"item", "itemid", "isinactive"}, "externalId": {"item", "externalid", "isinactive"}},
	"taxCode":    {"name": {"salestaxitem", "itemid", "isinactive"}},
	"taxType":    {"name": {"taxtype", "name", "isinactive"}},
	"shipItem":   {"name": {"shipitem", "itemid", "isinactive"}},
	"currency":   {"name": {"currency", "symbol", "isinactive"}},
	"subsidiary": {"name": {"subsidiary", "name", "isinactive"}},
	"location":   {"name": {"location", "name", "isinactive"}},
	"account":    {"name": {"account", "name", "isinactive"}},
	"department": {"name": {"department", "name", "isinactive"}},
	"priceLevel": {"name": {"pricelevel", "name", "isinactive"}},

	"classification":   {"name": {"classification", "name", "isinactive"}},
	"customerCategory": {"name": {"customercategory", "name", "isinactive"}},

	"paymentMethod": {"name": {"paymentmethod", "name", "isinactive"}},
	"customer":      {"externalId": {"customer", "externalid", "isinactive"}, "email": {"customer", "email", "isinactive"}},
}

// found is one record of a look-up.
type found struct {
	id       string
	inactive bool
	adopted  bool // found another way: it does not bear the key it is cached under
}

const (
	lookupWidth = 1000 // keys of one IN (…)
	freshFor    = 10 * time.Minute
	missFor     = 30 * time.Second // of none, several or an inactive one
	manyCached  = 10_000
)

// directory resolves references to internal ids: grouped over orders, cached, what is not usable for a short time.
type directory struct {
	loaders map[source]*loader[[]found]

	mu    sync.Mutex
	cache map[event.Ref]cached
	swept time.Time
}

type cached struct {
	records []found
	until   time.Time
}

func newDirectory(ctx context.Context, client *suitetalk.Client) *directory {
	d := &directory{loaders: map[source]*loader[[]found]{}, cache: map[event.Ref]cached{}}
	for record, ways := range sources {
		for _, s := range ways {
			d.loaders[s] = &loader[[]found]{ctx: ctx, width: lookupWidth, fetch: func(ctx context.Context, keys []string) (map[string][]found, []event.Call, error) {
				return fetch(ctx, client, record, s, keys)
			}}
		}
	}
	return d
}

func fetch(ctx context.Context, client *suitetalk.Client, record string, s source, keys []string) (map[string][]found, []event.Call, error) {
	slices.Sort(keys)
	q := fmt.Sprintf("SELECT id, %s AS lookup, %s AS inactive FROM %s WHERE LOWER(%s) IN (%s) ORDER BY id", s.column, s.extra, s.table, s.column, suitetalk.In(keys))
	rows, calls, err := client.Query(ctx, "look up "+record, q)
	result := map[string][]found{}
	for _, row := range rows {
		key := strings.ToLower(row["lookup"])
		result[key] = append(result[key], found{id: row["id"], inactive: row["inactive"] == "T"})
	}
	return result, calls, err
}

// usable tells whether a look-up gave the one active record it was about. Anything else somebody puts right in NetSuite,
// and then wants it seen.
func usable(records []found) bool { return len(records) == 1 && !records[0].inactive }

// find gives the records of each reference; fresh asks again for those that were not usable.
func (d *directory) find(ctx context.Context, refs []event.Ref, fresh bool) (map[event.Ref][]found, []event.Call, error) {
	result := map[event.Ref][]found{}
	missing := map[source][]event.Ref{}
	now := time.Now()
	d.mu.Lock()
	for _, ref := range refs {
		if ref.By == "id" {
			continue // an internal id the mapping's author wrote
		}
		entry, hit := d.cache[ref]
		stale := !hit || now.After(entry.until) || fresh && !usable(entry.records)
		if !stale {
			result[ref] = entry.records
			continue
		}
		s, known := sources[ref.Record][ref.By]
		if !known {
			d.mu.Unlock()
			return nil, nil, fault.New(fault.ReferenceUnknown, "this kind of record cannot be looked up so", fault.Field(ref.Record+" by "+ref.By, ref.Key))
		}
		missing[s] = append(missing[s], ref)
	}
	d.mu.Unlock()
	return d.ask(ctx, result, missing)
}

// ask queries every table at once.
func (d *directory) ask(ctx context.Context, result map[event.Ref][]found, missing map[source][]event.Ref) (map[event.Ref][]found, []event.Call, error) {
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		calls []event.Call
		first error
	)
	for s, refs := range missing {
		wait.Go(func() {
			keys := make([]string, len(refs))
			for i, ref := range refs {
				keys[i] = strings.ToLower(ref.Key)
			}
			values, made, err := d.loaders[s].load(ctx, keys, true)
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, made...)
			if err != nil {
				first = err
				return
			}
			for _, ref := range refs {
				result[ref] = values[strings.ToLower(ref.Key)]
				d.keep(ref, result[ref])
			}
		})
	}
	wait.Wait()
	slices.SortFunc(calls, func(a, b event.Call) int { return a.At.Compare(b.At) })
	return result, calls, first
}

func (d *directory) keep(ref event.Ref, records []found) {
	life := freshFor
	if !usable(records) {
		life = missFor
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.sweep(now)
	d.cache[ref] = cached{records, now.Add(life)}
}

// learn notes a record we made or adopted.
func (d *directory) learn(ref event.Ref, r found) { d.keep(ref, []found{r}) }

// sweep drops what is no longer fresh, once in a while: customers come once.
func (d *directory) sweep(now time.Time) {
	if len(d.cache) < manyCached || now.Sub(d.swept) < sweepEvery {
		return
	}
	d.swept = now
	maps.DeleteFunc(d.cache, func(_ event.Ref, c cached) bool { return now.After(c.until) })
}

// forget drops what is known of references that NetSuite refused.
func (d *directory) forget(refs []event.Ref) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ref := range refs {
		delete(d.cache, ref)
	}
}

// resolve gives the one active record of each reference, or the fault that names the first that has none.
func (d *directory) resolve(ctx context.Context, refs []event.Ref, fresh bool) (plan.IDs, []event.Call, error) {
	records, calls, err := d.find(ctx, withFallbacks(refs), fresh)
	if err != nil {
		return nil, calls, err
	}
	ids := plan.IDs{}
	for _, ref := range refs {
		if ref.By == "id" {
			ids[ref] = ref.Key
			continue
		}
		id, err := single(ref, records[ref])
		if ref.Fallback != "" && len(records[ref]) == 0 {
			id, err = single(fallback(ref), records[fallback(ref)])
		}
		if err != nil {
			return nil, calls, err
		}
		ids[ref] = id
	}
	return ids, calls, nil
}

// fallback is what stands in for a reference without a record.
func fallback(ref event.Ref) event.Ref {
	return event.Ref{Record: ref.Record, By: ref.By, Key: ref.Fallback}
}

func withFallbacks(refs []event.Ref) []event.Ref {
	all := slices.Clone(refs)
	for _, ref := range refs {
		if ref.Fallback != "" && !slices.Contains(all, fallback(ref)) {
			all = append(all, fallback(ref))
		}
	}
	return all
}

// activeOf are the records that may be used.
func activeOf(records []found) []found {
	return slices.DeleteFunc(slices.Clone(records), func(r found) bool { return r.inactive })
}

func single(ref event.Ref, records []found) (string, error) {
	active := activeOf(records)
	item := ref.Record == "item"
	code := func(forItem, otherwise fault.Code) fault.Code {
		if item {
			return forItem
		}
		return otherwise
	}
	field := fault.Field(ref.Record+"."+ref.By, ref.Key)
	switch {
	case len(active) == 1:
		return active[0].id, nil
	case len(active) > 1:
		return "", fault.New(code(fault.SKUAmbiguous, fault.ReferenceUnknown), fmt.Sprintf("want one record in NetSuite, there are %d", len(active)), field)
	case len(records) > 0:
		return "", fault.New(code(fault.ItemInactive, fault.ReferenceUnknown), "the record in NetSuite is inactive", field)
	default:
		return "", fault.New(code(fault.SKUUnknown, fault.ReferenceUnknown), "NetSuite has no such record", field)
	}
}
