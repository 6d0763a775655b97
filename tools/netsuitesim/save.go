package netsuitesim

import (
	"strconv"
	"strings"
	"time"
)

// draft is a record on its way to being saved.
type draft struct {
	kind   *kind
	old    *record // nil for a new record
	id     int64
	fields fields // merged, to be settled
	in     fields // the body alone
	how    replacement
}

// body is a checked request body with the references still open.
type body struct {
	fields fields
	refs   []openRef
	how    replacement
	whole  bool // an update clears the body fields that it leaves out
}

// save creates the record or lays the body over old, and stages the outcome.
func (t *tx) save(k *kind, old *record, b body) (*record, error) {
	for _, ref := range b.refs {
		if err := t.resolve(ref); err != nil {
			return nil, err
		}
	}
	d := &draft{kind: k, old: old, in: b.fields, how: b.how, fields: fields{}}
	if old != nil {
		d.id, d.fields = old.id, old.fields.clone()
	}
	if old != nil && b.whole {
		d.clear()
	}
	merge(k.schema, d.fields, b.fields, b.how)
	return t.finish(d)
}

// clear drops the body fields that the body leaves out; names and sublists
// stay.
func (d *draft) clear() {
	for name := range d.fields {
		p := d.kind.schema.find(name)
		if p == nil || p.ignored || p.form == sublist || name == "externalId" || name == d.kind.title {
			continue
		}
		if _, said := d.in[name]; !said {
			delete(d.fields, name)
		}
	}
}

// finish settles a merged draft, gives it its identity and stages it.
func (t *tx) finish(d *draft) (*record, error) {
	if err := t.unique(d); err != nil {
		return nil, err
	}
	if d.id == 0 {
		// Drawn before the checks: a refused create leaves a gap, never a reuse.
		d.id = t.nextID(d.kind.group)
	}
	if d.kind.derivedOnly && d.fields.ref("createdFrom") == "" {
		return nil, userError("%s %s can be created only from another transaction.", article(d.kind.label), strings.ToLower(d.kind.label))
	}
	if err := d.kind.settle(t, d); err != nil {
		return nil, err
	}
	if err := t.mandatory(d); err != nil {
		return nil, err
	}
	if err := t.settlePeriod(d); err != nil {
		return nil, err
	}
	t.stamp(d)
	r := &record{kind: d.kind, id: d.id, fields: d.fields}
	t.put(r)
	t.submit(r.kind.name, r.id, d.old == nil)
	t.refreshParents(d.old, r)
	return r, nil
}

func article(word string) string {
	if strings.ContainsAny(word[:1], "AEIOU") {
		return "An"
	}
	return "A"
}

// mandatory refuses a record that lacks what the account's form demands.
func (t *tx) mandatory(d *draft) error {
	var lack []string
	for _, name := range t.switches().Mandatory[d.kind.name] {
		if p := d.kind.schema.find(name); p != nil && d.fields[p.name] == nil {
			lack = append(lack, strings.ToUpper(p.name[:1])+p.name[1:])
		}
	}
	if lack != nil {
		return missing(strings.Join(lack, ", "))
	}
	return nil
}

func (t *tx) stamp(d *draft) {
	now := t.now.Format(time.RFC3339)
	d.fields["lastModifiedDate"] = now
	if d.old != nil {
		return
	}
	if d.kind.group == transactions {
		d.fields["createdDate"] = now
		d.fields["tranId"] = t.nextNumber(d.kind.prefix)
	}
	if d.kind.name == "customer" {
		d.fields["dateCreated"] = now
	}
}

// unique enforces one external id per group and one title per group, both
// whatever their case.
func (t *tx) unique(d *draft) error {
	g := d.kind.group
	if ext := d.fields.text("externalId"); ext != "" {
		if r := t.byExternalID(g, ext); r != nil && (d.old == nil || r.id != d.old.id) {
			return alreadyExists(g)
		}
	}
	if title := d.fields.text(d.kind.title); title != "" && titled(g) {
		if r := t.byTitle(g, title); r != nil && (d.old == nil || r.id != d.old.id) {
			return alreadyExists(g)
		}
	}
	return nil
}

func alreadyExists(g group) *problem {
	if g == entities {
		return userError("This entity already exists.")
	}
	return userError("This record already exists.")
}

// resolve completes a reference in place: the target must exist and be active.
// A target type that the account has no records of accepts any id.
func (t *tx) resolve(ref openRef) error {
	v := ref.holder.sub(ref.prop.name)
	if ref.prop.target == "" {
		return nil
	}
	r := t.target(t.store.kinds.targetGroup(ref.prop.target), v)
	if r == nil || r.fields.flag("isInactive") || !t.store.kinds.fits(ref.prop.target, r) {
		return invalidField(or(v.text("id"), or(v.text("externalId"), v.text("name"))), ref.prop.name, ref.path)
	}
	ref.holder[ref.prop.name] = r.pointer()
	return nil
}

func (t *tx) target(g group, v fields) *record {
	if ext := v.text("externalId"); ext != "" {
		return t.byExternalID(g, ext)
	}
	if name := v.text("name"); name != "" {
		return t.named(g, name)
	}
	id, err := strconv.ParseInt(v.text("id"), 10, 64)
	if err != nil {
		return nil
	}
	return t.get(g, id)
}

// named finds a set-up record by its name.
func (t *tx) named(g group, name string) *record {
	for _, r := range t.of(t.kind(string(g))) {
		if sameFold(r.name(), name) {
			return r
		}
	}
	return nil
}
