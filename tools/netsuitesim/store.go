package netsuitesim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// record is one stored record. It is never changed: a save puts a new one in
// its place, so that readers need no lock once they hold it.
type record struct {
	kind   *kind
	id     int64
	fields fields
}

func (r *record) externalID() string { return r.fields.text("externalId") }

// name is what refName shows of the record.
func (r *record) name() string {
	if r.kind.group == transactions {
		return r.kind.label + " #" + r.fields.text("tranId")
	}
	return or(r.fields.text(r.kind.title), r.fields.text("name"))
}

func (r *record) pointer() fields { return point(decimalID(r.id), r.name()) }

// place identifies a record within the account.
type place struct {
	group group
	id    int64
}

// store is the working set of an account: every record in memory, written
// through to disk.
type store struct {
	cfg   *Config
	kinds *kinds
	disk  *disk // nil when all state is in memory

	mu       sync.RWMutex
	byID     map[place]*record
	byExt    map[string]*record       // group and lower-case external id
	byTitle  map[string]*record       // group and lower-case title
	children map[int64][]int64        // a transaction to those that rest on it, see parents
	lacking  map[int64]map[int64]bool // an item to the orders that wait for it
	byKind   map[*kind]map[int64]*record
	counters map[string]int64  // last id per group, last number per prefix
	changed  map[place]*record // since SuiteQL looked last; nil for deleted
	gaps     *rand.Rand
	closed   string // last day of the closed accounting periods, "" for none

	submitted func(by author, submits []submit) // the user events, after a save
}

func newStore(cfg *Config, k *kinds, d *disk) *store {
	st := &store{cfg: cfg, kinds: k, disk: d}
	st.clear()
	return st
}

// clear forgets everything; the caller holds the lock or owns the store.
func (st *store) clear() {
	st.byID = map[place]*record{}
	st.byExt = map[string]*record{}
	st.byTitle = map[string]*record{}
	st.children = map[int64][]int64{}
	st.lacking = map[int64]map[int64]bool{}
	st.byKind = map[*kind]map[int64]*record{}
	st.counters = map[string]int64{string(transactions): 1000, string(entities): 100, string(items): 500}
	st.changed = map[place]*record{}
	st.gaps = rand.New(rand.NewPCG(1, 2))
	st.closed = st.cfg.Switches.ClosedThrough
}

func indexKey(g group, name string) string { return string(g) + "\x00" + strings.ToLower(name) }

// titled says which groups enforce a unique title.
func titled(g group) bool { return g == entities || g == items }

// put indexes a record in place of its older version.
func (st *store) put(r *record) {
	at := place{r.kind.group, r.id}
	if old := st.byID[at]; old != nil {
		st.unindex(old)
	}
	st.byID[at] = r
	if st.byKind[r.kind] == nil {
		st.byKind[r.kind] = map[int64]*record{}
	}
	st.byKind[r.kind][r.id] = r
	if ext := r.externalID(); ext != "" {
		st.byExt[indexKey(at.group, ext)] = r
	}
	if title := r.fields.text(r.kind.title); title != "" && titled(at.group) {
		st.byTitle[indexKey(at.group, title)] = r
	}
	for _, parent := range parents(r) {
		st.children[parent] = append(st.children[parent], r.id)
	}
	for _, item := range lacks(r) {
		if st.lacking[item] == nil {
			st.lacking[item] = map[int64]bool{}
		}
		st.lacking[item][r.id] = true
	}
	st.changed[at] = r
}

func (st *store) unindex(r *record) {
	g := r.kind.group
	delete(st.byKind[r.kind], r.id)
	delete(st.byID, place{g, r.id})
	delete(st.byExt, indexKey(g, r.externalID()))
	if key := indexKey(g, r.fields.text(r.kind.title)); st.byTitle[key] == r {
		delete(st.byTitle, key)
	}
	for _, parent := range parents(r) {
		st.children[parent] = slices.DeleteFunc(st.children[parent], func(id int64) bool { return id == r.id })
	}
	for _, item := range lacks(r) {
		delete(st.lacking[item], r.id)
	}
}

func (st *store) remove(r *record) {
	st.unindex(r)
	st.changed[place{r.kind.group, r.id}] = nil
}

// view runs fn with the store held for reading.
func (st *store) view(fn func(*tx) error) error {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return fn(&tx{store: st, now: st.cfg.Now().UTC()})
}

// update runs fn alone and applies what it staged, all or nothing. It returns
// once the change is on disk, so that an answered write survives the end of
// the process.
func (st *store) update(by author, fn func(*tx) error) error {
	st.mu.Lock()
	t := &tx{store: st, now: st.cfg.Now().UTC()}
	if err := fn(t); err != nil {
		st.mu.Unlock()
		return err
	}
	done := t.apply()
	st.mu.Unlock()
	if done != nil {
		if err := <-done; err != nil {
			return err
		}
	}
	if st.submitted != nil {
		st.submitted(by, t.submits)
	}
	return nil
}

// tx is the store as one request sees it.
type tx struct {
	store   *store
	now     time.Time
	puts    []*record
	deletes []*record
	wipe    bool // forget what is on disk first
	submits []submit
}

func (t *tx) put(r *record)    { t.puts = append(t.puts, r) }
func (t *tx) delete(r *record) { t.deletes = append(t.deletes, r) }

// apply moves what is staged into the store and hands it to the disk in the
// order of the lock.
func (t *tx) apply() <-chan error {
	if !t.wipe {
		t.supply()
	}
	for _, r := range t.puts {
		t.store.put(r)
	}
	for _, r := range t.deletes {
		t.store.remove(r)
	}
	if t.store.disk == nil || len(t.puts)+len(t.deletes) == 0 {
		return nil
	}
	counters, err := json.Marshal(t.store.counters)
	if err != nil {
		done := make(chan error, 1)
		done <- fmt.Errorf("counters: %w", err)
		return done
	}
	return t.store.disk.write(change{puts: t.puts, deletes: t.deletes, counters: counters, wipe: t.wipe})
}

func (t *tx) switches() *Switches { return &t.store.cfg.Switches }

func (t *tx) kind(name string) *kind { return t.store.kinds.find(name) }

// get is the newest version of a record, staged ones included; nil for one
// that is staged to go.
func (t *tx) get(g group, id int64) *record {
	for _, r := range t.deletes {
		if r.kind.group == g && r.id == id {
			return nil
		}
	}
	for _, r := range slices.Backward(t.puts) {
		if r.kind.group == g && r.id == id {
			return r
		}
	}
	return t.store.byID[place{g, id}]
}

func (t *tx) byExternalID(g group, ext string) *record { return t.store.byExt[indexKey(g, ext)] }

func (t *tx) byTitle(g group, title string) *record { return t.store.byTitle[indexKey(g, title)] }

// pointed is the record a stored reference points to.
func (t *tx) pointed(f fields, name string, g group) *record {
	if id := f.refID(name); id != 0 {
		return t.get(g, id)
	}
	return nil
}

// nextID draws an id. Transactions of all types share one sequence with gaps,
// as other users of the account draw from it too; an id is never used again.
func (t *tx) nextID(g group) int64 {
	step := int64(1)
	if g == transactions {
		step += t.store.gaps.Int64N(4)
	}
	t.store.counters[string(g)] += step
	return t.store.counters[string(g)]
}

// nextNumber draws a document number such as SO1001.
func (t *tx) nextNumber(prefix string) string {
	key := "number " + prefix
	if t.store.counters[key] == 0 {
		t.store.counters[key] = 1000
	}
	t.store.counters[key]++
	return fmt.Sprintf("%s%d", prefix, t.store.counters[key])
}

// of lists the records of a type in order of id.
func (t *tx) of(k *kind) []*record {
	return slices.SortedFunc(maps.Values(t.store.byKind[k]), func(a, b *record) int { return cmp.Compare(a.id, b.id) })
}
