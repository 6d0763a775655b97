// Package digest groups what went wrong by cause, so that one cause is one message: the first occurrence is
// told at once, repeats inside the window are counted and told as one summary when the window ends. When the
// last failure of a cause is resolved, people are told that it is over, once and within the same bound. It is
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
	Subject  string // of its message
	Count    int    // occurrences it stands for; less than 1 counts as 1
	Class    string
	Summary  string
	Rule     string
	At       time.Time // UTC
}

// Part says which part of a cause's story a notice tells.
type Part string

// The parts.
const (
	First     Part = "first"     // the first occurrence of a window
	Repeat    Part = "repeat"    // a summary of repeats
	Recovered Part = "recovered" // no failure of the cause is open any more
)

// Notice is one message to people.
type Notice struct {
	Cause
	Key     string // the same for the same occurrence, over restarts too
	Part    Part
	Count   int // occurrences this notice stands for; 0 when Recovered
	Open    int // failures of this cause that wait for someone; 0 for an alert
	IDs     []string
	Message Message // the oldest occurrence's
	Class   string
	Summary string
	Rule    string
	First   time.Time // of the occurrences it stands for, UTC
	Last    time.Time
}

// Message names a stored message.
type Message struct {
	Sequence uint64
	Subject  string
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
	known    map[Cause]*trouble // what people know to be wrong
}

// trouble is a cause of failures that people were told of and that is not known to be over.
type trouble struct {
	newest Occurrence
	end    Resolution // the newest, when it left nothing open
}

// Resolution ends a failure.
type Resolution struct {
	ID        string
	Position  uint64
	At        time.Time // UTC
	Dismissed bool      // a person closed it, and so knows
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
	return &Digest{window: window, groups: map[Cause]*group{}, failures: map[string]failure{}, open: map[Cause]int{}, known: map[Cause]*trouble{}}
}

// Recall notes a failure that is open and was told earlier; it says nothing to anyone.
func (d *Digest) Recall(o Occurrence) {
	if d.note(o) {
		d.tell(o)
	}
}

// tell notes that people know of the cause.
func (d *Digest) tell(o Occurrence) {
	if o.ID != "" {
		d.known[o.Cause] = &trouble{newest: o}
	}
}

// Add takes an occurrence. With Told the notice is to be sent at once.
func (d *Digest) Add(o Occurrence, now time.Time) (Notice, Fate) {
	o.Count = max(o.Count, 1)
	if !d.note(o) {
		return Notice{}, Stale
	}
	g := d.groups[o.Cause]
	if g == nil || len(g.repeats) == 0 && !now.Before(g.ends) {
		d.groups[o.Cause] = d.begin(now)
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
// summary to come. True: the cause is over, and the notice that says so is to be sent at once; inside a window
// Due gives it at the end.
func (d *Digest) Resolve(r Resolution, now time.Time) (Notice, bool) {
	f := d.failures[r.ID]
	if r.Position < f.position {
		return Notice{}, false
	}
	d.shut(r.ID)
	g := d.groups[f.cause]
	if g != nil {
		delete(g.repeats, r.ID)
	}
	// The position stays known for a while: an older state may still be under way.
	d.failures[r.ID] = failure{cause: f.cause, position: r.Position, closed: now}
	if !f.open || !d.over(f.cause, r) || g != nil && now.Before(g.ends) {
		return Notice{}, false
	}
	return d.recovery(f.cause, now), true
}

// over notes the end of a cause that people know of; false: something is still open, or a person closed it.
func (d *Digest) over(c Cause, r Resolution) bool {
	t := d.known[c]
	if t == nil || d.open[c] > 0 {
		return false
	}
	if r.Dismissed {
		delete(d.known, c)
		return false
	}
	t.end = r
	return true
}

// recovery tells the end of a cause and begins a window: a cause that comes and goes stays one message each.
func (d *Digest) recovery(c Cause, now time.Time) Notice {
	t := d.known[c]
	delete(d.known, c)
	d.groups[c] = d.begin(now)
	return Notice{
		Cause: c, Key: key(Failure, t.end.Position, Recovered), Part: Recovered,
		Class: t.newest.Class, Summary: t.newest.Summary, First: t.newest.At, Last: t.end.At,
	}
}

func (d *Digest) begin(now time.Time) *group {
	return &group{ends: now.Add(d.window), repeats: map[string]int{}}
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

// Due ends the windows that are over: notices are summaries and recoveries to be sent now; quiet are the causes
// whose window ended with nothing left to tell. A cause with a notice begins a new window, so that it stays one
// message each.
func (d *Digest) Due(now time.Time) (notices []Notice, quiet []Cause) {
	for cause, g := range d.groups {
		switch {
		case now.Before(g.ends):
		case len(g.repeats) > 0:
			notices = append(notices, d.summary(g))
			d.groups[cause] = d.begin(now)
		case d.ended(cause):
			notices = append(notices, d.recovery(cause, now))
		default:
			delete(d.groups, cause)
			quiet = append(quiet, cause)
		}
	}
	d.forget(now)
	slices.SortFunc(notices, func(a, b Notice) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Key, b.Key)) })
	return notices, quiet
}

func (d *Digest) ended(c Cause) bool {
	t := d.known[c]
	return t != nil && d.open[c] == 0 && t.end.ID != ""
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
	d.tell(o)
	n := d.notice(o, o, First)
	n.Count = o.Count
	if o.ID != "" {
		n.IDs = []string{o.ID}
	}
	return n
}

// maxIDs failures are named in one notice; the count says how many there are.
const maxIDs = 20

func (d *Digest) summary(g *group) Notice {
	d.tell(g.latest)
	n := d.notice(g.opening, g.latest, Repeat)
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

func (d *Digest) notice(oldest, newest Occurrence, part Part) Notice {
	return Notice{
		Cause: newest.Cause, Key: key(oldest.Origin, oldest.Position, part), Part: part,
		Message: Message{oldest.Position, oldest.Subject}, Open: d.open[newest.Cause], Class: newest.Class, Summary: newest.Summary, Rule: newest.Rule,
		First: oldest.At, Last: newest.At,
	}
}

func key(origin string, position uint64, part Part) string {
	return fmt.Sprintf("notice_%s_%d_%s", origin, position, part)
}
