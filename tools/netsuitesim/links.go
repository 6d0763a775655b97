package netsuitesim

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"
)

// parents are the transactions that r rests on: what it was made from, the
// order it pays for, and what its amounts are applied to.
func parents(r *record) []int64 {
	if r.kind.group != transactions {
		return nil
	}
	var out []int64
	add := func(id int64) {
		if id != 0 && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	for _, name := range []string{"createdFrom", "salesOrder", "deposit"} {
		add(r.fields.refID(name))
	}
	for _, list := range []string{"apply", "deposit"} {
		for _, line := range r.fields.lines(list) {
			add(line.refID("doc"))
		}
	}
	return out
}

// childrenOf lists the transactions that rest on one, in order of id, staged
// changes included; without kinds those of any type.
func (t *tx) childrenOf(parent int64, kinds ...string) []*record {
	ids := slices.Clone(t.store.children[parent])
	for _, r := range t.puts {
		if slices.Contains(parents(r), parent) {
			ids = append(ids, r.id)
		}
	}
	slices.Sort(ids)
	var out []*record
	for _, id := range slices.Compact(ids) {
		r := t.get(transactions, id)
		if r == nil || !slices.Contains(parents(r), parent) {
			continue
		}
		if len(kinds) == 0 || slices.Contains(kinds, r.kind.name) {
			out = append(out, r)
		}
	}
	return out
}

// refresh derives again what a transaction shows of those that rest on it, and
// saves it if that changed.
func (t *tx) refresh(id int64) {
	r := t.get(transactions, id)
	if r == nil || r.kind.derive == nil {
		return
	}
	d := &draft{kind: r.kind, old: r, id: r.id, fields: r.fields.clone()}
	r.kind.derive(t, d)
	if reflect.DeepEqual(r.fields, d.fields) {
		return
	}
	t.stamp(d)
	t.put(&record{kind: r.kind, id: r.id, fields: d.fields})
}

// refreshParents refreshes what the older and the newer version rest on.
func (t *tx) refreshParents(versions ...*record) {
	touched := map[int64]bool{}
	for _, r := range versions {
		if r == nil {
			continue
		}
		for _, id := range parents(r) {
			touched[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(touched)) {
		t.refresh(id)
	}
}

// removeRecord deletes a record. A transaction that others rest on stays, and
// so does one in a closed period.
func (t *tx) removeRecord(r *record) error {
	if r.kind.group == transactions {
		if len(t.childrenOf(r.id)) > 0 {
			return userError("This record cannot be deleted because it has dependent records.")
		}
		if err := t.periodOpen(r.kind, r.fields); err != nil {
			return err
		}
	}
	t.delete(r)
	t.remember(r)
	t.submits = append(t.submits, submit{r.kind.name, r.id, "delete"})
	t.refreshParents(r)
	return nil
}

// remember keeps what SuiteQL's DeletedRecord shows of a record that goes. Its columns are those of published queries
// (recordid, type, name, deleteddate); Oracle's documents name the same of the SOAP operation getDeleted.
func (t *tx) remember(r *record) {
	k := t.kind(deletedRecord)
	t.put(&record{kind: k, id: t.nextID(k.group), fields: fields{
		"name": r.name(), "recordId": json.Number(decimalID(r.id)), "type": r.kind.label, "deletedDate": t.now.Format(time.RFC3339),
	}})
}
