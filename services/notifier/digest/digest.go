// Package digest groups what went wrong by cause, so that one cause is one message: the first occurrence is
// told at once, repeats inside the window are counted and told as one summary when the window ends. It is
// pure: the time is an argument.
package digest

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The origins of an occurrence.
const (
	Failure = "failure"
	Alert   = "alert"
)

// Cause is what makes occurrences one message.
type Cause struct {
	Origin string // Failure or Alert
	Name   string // stage of a failure, kind of an alert
	Code   string // fault code, names the runbook
	Store  string // empty: no store is concerned
	Field  string // of a failure: the field at fault
	Value  string // of a failure: its value
}

// Occurrence is one parked failure or raised alert.
type Occurrence struct {
	Cause
	ID       string // the failure's id; empty for an alert
	Position uint64 // sequence in its stream: the newer state of a failure has the larger one
	Count    int    // occurrences it stands for; less than 1 counts as 1
	Class    string
	Summary  string
	Rule     string
	At       time.Time // UTC
}

// Notice is one message to people.
type Notice struct {
	Cause
	Key     string // the same for the same occurrence, over restarts too
	Repeat  bool   // a summary of repeats; false: the first occurrence of a window
	Count   int    // occurrences this notice stands for
	Open    int    // failures of this cause that wait for someone; 0 for an alert
	IDs     []string
	Class   string
	Summary string
	Rule    string
	First   time.Time // of the occurrences it stands for, UTC
	Last    time.Time
}

// Fate is what becomes of an occurrence.
type Fate int

// The fates.
const (
	Told    Fate = iota // the first of its window: to be told at once
	Counted             // a repeat: part of the summary when the window ends
	Stale               // a newer state of the same failure is known: nothing
)

// Digest groups occurrences. It is not safe for concurrent use.
type Digest struct {
	window   time.Duration
	groups   map[Cause]*group
	failures map[string]failure // by id
	open     map[Cause]int
}

type failure struct {
	cause    Cause
	position uint64
	open     bool
	closed   time.Time
}

// group is one cause inside its window.
type group struct {
	ends    time.Time
	repeats map[string]int // occurrences by failure id; alerts under ""
	opening Occurrence     // the oldest repeat
	latest  Occurrence
}

// New makes an empty digest; window is the time in which one cause is one message.
func New(window time.Duration) *Digest {
	return &Digest{window: window, groups: map[Cause]*group{}, failures: map[string]failure{}, open: map[Cause]int{}}
}

// Recall notes a failure that is open and was told earlier; it says nothing to anyone.
func (d *Digest) Recall(o Occurrence) { d.note(o) }

// Add takes an occurrence. With Told the notice is to be sent at once.
func (d *Digest) Add(o Occurrence, now time.Time) (Notice, Fate) {
	o.Count = max(o.Count, 1)
	if !d.note(o) {
		return Notice{}, Stale
	}
	g := d.groups[o.Cause]
	if g == nil || len(g.repeats) == 0 && !now.Before(g.ends) {
		d.groups[o.Cause] = &group{ends: now.Add(d.window), repeats: map[string]int{}}
		return d.first(o), Told
	}
	g.count(o)
	return Notice{}, Counted
}

// note keeps the failure as open; false: a newer state is known.
func (d *Digest) note(o Occurrence) bool {
	if o.ID == "" {
		return true
	}
	if o.Position < d.failures[o.ID].position {
		return false
	}
	d.shut(o.ID)
	d.failures[o.ID] = failure{cause: o.Cause, position: o.Position, open: true}
	d.open[o.Cause]++
	return true
}

func (g *group) count(o Occurrence) {
	if len(g.repeats) == 0 {
		g.opening = o
	}
	g.repeats[o.ID] += o.Count
	g.latest = o
}

// Resolve notes that a failure no longer waits for anyone: it leaves the open count of its cause and the
// summary to come.
func (d *Digest) Resolve(id string, position uint64, now time.Time) {
	f := d.failures[id]
	if position < f.position {
		return
	}
	d.shut(id)
	if g := d.groups[f.cause]; g != nil {
		delete(g.repeats, id)
	}
	// The position stays known for a while: an older state may still be under way.
	d.failures[id] = failure{cause: f.cause, position: position, closed: now}
}

func (d *Digest) shut(id string) {
	f := d.failures[id]
	if !f.open {
		return
	}
	if d.open[f.cause]--; d.open[f.cause] == 0 {
		delete(d.open, f.cause)
	}
}

// Due ends the windows that are over: summaries are to be sent now; quiet are the causes whose window ended
// with nothing left to tell. A cause with a summary begins a new window, so that it stays one message each.
func (d *Digest) Due(now time.Time) (summaries []Notice, quiet []Cause) {
	for cause, g := range d.groups {
		switch {
		case now.Before(g.ends):
		case len(g.repeats) == 0:
			delete(d.groups, cause)
			quiet = append(quiet, cause)
		default:
			summaries = append(summaries, d.summary(g))
			d.groups[cause] = &group{ends: now.Add(d.window), repeats: map[string]int{}}
		}
	}
	d.forget(now)
	slices.SortFunc(summaries, func(a, b Notice) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Key, b.Key)) })
	return summaries, quiet
}

func (d *Digest) forget(now time.Time) {
	for id, f := range d.failures {
		if !f.open && now.Sub(f.closed) > d.window {
			delete(d.failures, id)
		}
	}
}

// Next is when Due has something to end; false: no window is open.
func (d *Digest) Next() (time.Time, bool) {
	var next time.Time
	for _, g := range d.groups {
		if next.IsZero() || g.ends.Before(next) {
			next = g.ends
		}
	}
	return next, !next.IsZero()
}

func (d *Digest) first(o Occurrence) Notice {
	n := d.notice(o, o, "first")
	n.Count = o.Count
	if o.ID != "" {
		n.IDs = []string{o.ID}
	}
	return n
}

// maxIDs failures are named in one notice; the count says how many there are.
const maxIDs = 20

func (d *Digest) summary(g *group) Notice {
	n := d.notice(g.opening, g.latest, "repeat")
	n.Repeat = true
	for id, count := range g.repeats {
		n.Count += count
		if id != "" {
			n.IDs = append(n.IDs, id)
		}
	}
	slices.Sort(n.IDs)
	n.IDs = n.IDs[:min(len(n.IDs), maxIDs)]
	return n
}

func (d *Digest) notice(oldest, newest Occurrence, part string) Notice {
	return Notice{
		Cause: newest.Cause, Key: fmt.Sprintf("notice_%s_%d_%s", oldest.Origin, oldest.Position, part),
		Open: d.open[newest.Cause], Class: newest.Class, Summary: newest.Summary, Rule: newest.Rule,
		First: oldest.At, Last: newest.At,
	}
}
