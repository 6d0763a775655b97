package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/audit"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// State is where a plan stands.
type State string

// The states of a plan. Running survives a crash: Apply goes on where it was.
const (
	StatePlanned   State = "planned"
	StateRunning   State = "running"
	StatePaused    State = "paused"
	StateCancelled State = "cancelled"
	StateDone      State = "done"
	StateStopped   State = "stopped" // of a feed, or of deliveries that are parsed again: by a mistake, or by the operator
)

// Progress is how far a plan has been applied.
type Progress struct {
	State     State     `json:"state"`
	Next      int       `json:"next"`      // index of the next change
	Published int       `json:"published"` // desired states published
	Left      []LeftOut `json:"left"`      // changes left out
	All       int       `json:"all"`
	By        string    `json:"by"`
	At        time.Time `json:"at"` // UTC

	Act *event.AuditReplayedV1 `json:"act,omitempty"` // the newest: one write with the state, so that it is told although its command dies
}

// LeftOut is a change that was not applied, because the order or the customer is not what the plan saw.
type LeftOut struct {
	Object
	Reason string `json:"reason"`
}

// runner applies one plan.
type runner struct {
	*lab
	plan      Plan
	publisher *publish.Publisher
	cursors   jetstream.KeyValue
	published uint64 // position of what is written: newer than what the active revision made
	note      func(Progress)
	under     []written
	book      *failures.Book // of parked orders; nil until one is freed
	stopped   atomic.Bool    // by Control
}

// Apply writes exactly what the plan of the hash showed: each change is published to DESIRED with the sequence the plan
// saw, so that an order or customer which changed since leaves the plan by itself and is listed; so is one of which NetSuite would
// make something else by now. It goes on where an earlier run ended, trickles in behind live traffic, and heeds Control before
// each change: what was published until then, a few of them, is written still.
func Apply(ctx context.Context, js jetstream.JetStream, hash, by, why string, note func(Progress)) (Progress, error) {
	plan, document, err := Load(ctx, js, hash)
	if err != nil {
		return Progress{}, err
	}
	r, err := run(ctx, js, plan, document, note)
	if err != nil {
		return Progress{}, err
	}
	defer r.close()
	p, revision, err := r.progress(ctx)
	if err != nil {
		return p, err
	}
	switch p.State {
	case StateDone:
		return p, nil
	case StateCancelled:
		return p, fmt.Errorf("plan %s is cancelled: nothing of it is applied any more; plan again", hash)
	}
	if err := p.tell(ctx, js); err != nil {
		return p, err
	}
	p.turn(plan, StateRunning, by, why)
	if revision, err = r.keep(ctx, p, revision); err != nil {
		return p, err
	}
	stop, err := r.listen(ctx, revision)
	if err != nil {
		return p, err
	}
	defer stop()
	if err := p.tell(ctx, js); err != nil {
		return p, err
	}
	return r.all(ctx, p, revision, by, why)
}

func (r *runner) close() {
	if r.book != nil {
		r.book.Close()
	}
}

func run(ctx context.Context, js jetstream.JetStream, plan Plan, document []byte, note func(Progress)) (*runner, error) {
	candidate, err := mapping.Compile(document)
	if err != nil {
		return nil, err
	}
	l, err := newLab(ctx, js, candidate, plan.Request)
	if err != nil {
		return nil, err
	}
	r := &runner{lab: l, plan: plan, publisher: publish.New(js), note: note}
	if r.cursors, err = js.KeyValue(ctx, topology.Cursors); err != nil {
		return nil, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	r.published, err = record(ctx, js, candidate, document)
	return r, err
}

// record keeps the candidate. What it writes is newer than all that the active revision made of the same events.
func record(ctx context.Context, js jetstream.JetStream, m *mapping.Mapping, document []byte) (uint64, error) {
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return 0, err
	}
	key, err := home(ctx, shelf, m)
	if err != nil {
		return 0, err
	}
	if err := shelf.Keep(ctx, key, m.Revision(), document); err != nil {
		return 0, err
	}
	return shelf.Newest(ctx, js)
}

func keyOf(plan Plan) string { return audit.PlanKey(plan.Hash) }

func (r *runner) progress(ctx context.Context) (Progress, uint64, error) {
	return read(ctx, r.cursors, r.plan)
}

func read(ctx context.Context, cursors jetstream.KeyValue, plan Plan) (Progress, uint64, error) {
	entry, err := cursors.Get(ctx, keyOf(plan))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return planned(plan), 0, nil
	}
	if err != nil {
		return Progress{}, 0, err
	}
	p, err := codec.Decode[Progress](entry.Value())
	return p, entry.Revision(), err
}

func planned(plan Plan) Progress {
	return Progress{State: StatePlanned, All: plan.All(), Left: []LeftOut{}}
}

// keep stores the progress; whoever wrote meanwhile (Control, another runner) wins.
func (r *runner) keep(ctx context.Context, p Progress, revision uint64) (uint64, error) {
	data, err := codec.Encode(p)
	if err != nil {
		return 0, err
	}
	if r.note != nil {
		r.note(p)
	}
	return r.cursors.Update(ctx, keyOf(r.plan), data, revision)
}

// turn gives the plan another state, by an act that says so.
func (p *Progress) turn(plan Plan, to State, by, why string) {
	before := p.State
	p.State, p.By, p.At = to, by, time.Now().UTC()
	p.Act = &event.AuditReplayedV1{
		Envelope: event.Envelope{Type: "audit.v1.replayed", ID: fmt.Sprintf("audit:replayed:%s:%d", plan.Hash, p.At.UnixNano()), Time: p.At},
		Act:      "replayed", By: by, What: plan.Hash, Note: why, Before: map[string]string{"state": string(before)},
		After: map[string]string{"state": string(to), "mapping": plan.Mapping, "revision": plan.Revision},
	}
	p.count()
}

// count says in the act how far the plan is applied.
func (p *Progress) count() {
	p.Act.After["published"], p.Act.After["left"] = fmt.Sprint(p.Published), fmt.Sprint(len(p.Left))
}

// tell puts the newest act into the audit stream, as far as it is not there: also before another one takes its place, which
// would hide it.
func (p *Progress) tell(ctx context.Context, js jetstream.JetStream) error {
	if p.Act == nil {
		return nil
	}
	if err := audit.Tell(ctx, js, *p.Act); err != nil {
		return fmt.Errorf("plan %s is %s, and a transformer tells the act when it can: %w", p.Act.What, p.State, err)
	}
	return nil
}

// step is how many changes are applied between two notes of the progress.
const step = 20

func (r *runner) all(ctx context.Context, p Progress, revision uint64, by, why string) (Progress, error) {
	at := 0
	for c, err := range r.plan.Changes() {
		if at++; err == nil && at <= p.Next {
			continue
		}
		if err == nil {
			err = r.next(ctx, c, &p)
		}
		if err == nil && p.Next%step == 0 {
			revision, err = r.keep(ctx, p, revision)
		}
		if err != nil {
			return r.ended(ctx, p, err)
		}
	}
	p.turn(r.plan, StateDone, by, why)
	if _, err := r.keep(ctx, p, revision); err != nil {
		return r.ended(ctx, p, err)
	}
	return p, p.tell(ctx, r.js)
}

func (r *runner) next(ctx context.Context, c Change, p *Progress) error {
	if err := r.room(ctx, c.Account); err != nil {
		return err
	}
	if err := r.one(ctx, c, p); err != nil {
		return err
	}
	p.Next++
	return nil
}

// one publishes a change, or leaves it out when the order or the customer is not what the plan saw.
func (r *runner) one(ctx context.Context, c Change, p *Progress) error {
	made := r.order
	if c.Customer != "" {
		made = r.revised
	}
	m, reason, err := made(ctx, c)
	switch {
	case err != nil:
		return err
	case reason == changed && r.ours(ctx, c): // an earlier run published it and crashed before it was counted
		p.Published++
		return r.resolve(ctx, c)
	case reason == "":
		reason, err = r.send(ctx, c, m)
	}
	if err != nil {
		return err
	}
	if reason != "" {
		p.Left = append(p.Left, LeftOut{c.Object, reason})
		return nil
	}
	p.Published++
	return r.resolve(ctx, c)
}

// The reasons to leave a change out that orders and customers share.
const (
	changed  = "it changed since the plan was made"
	unstored = "its state is no longer kept"
	another  = "the mapping gives another result than the plan shows"
)

func otherwise(foreseen Effect, c Change) string {
	return fmt.Sprintf("NetSuite holds it otherwise than the plan saw: the effect would be %s, the plan shows %s", foreseen, c.Effect)
}

// order makes the state of an order that the plan shows; reason: why it is left out.
func (r *runner) order(ctx context.Context, c Change) (m publish.Message, reason string, err error) {
	from, other, err := r.now(ctx, c)
	if err != nil || other {
		return m, changed, err
	}
	state, err := r.state(ctx, from)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return m, unstored, nil
	}
	if err != nil {
		return m, "", err
	}
	to, err := r.derive(from, state, r.published)
	if err != nil {
		return m, err.Error(), nil //nolint:nilerr // what cannot be mapped is left out
	}
	if to.Hash != c.Hash {
		return m, another, nil
	}
	foreseen, err := r.foreseen(ctx, to, c)
	if err != nil {
		return m, "", err
	}
	if foreseen != c.Effect {
		return m, otherwise(foreseen, c), nil
	}
	to.Source.Replaces = c.Desired
	m, err = publish.JSON(topology.Desired, subjectOf(c), to.Envelope, to)
	return m, "", err
}

// send publishes a state in place of the one that the plan saw.
func (r *runner) send(ctx context.Context, c Change, m publish.Message) (reason string, err error) {
	m.ID = "replay:" + r.plan.Hash + ":" + c.Store + ":" + keyOfChange(c) // another plan may ask the same of the same event once more
	m.Header[event.HeaderOrigin] = []string{string(event.OriginReplay)}
	m.Expect = &publish.Expect{Sequence: c.Desired}
	acks, err := r.publisher.Publish(ctx, m)
	switch {
	case fault.ClassOf(err) == fault.Conflict:
		return changed, nil
	case err != nil:
		return "", err
	}
	r.under = append(r.under, written{c.Object, c.Account, acks[0].Sequence, time.Now()})
	return "", nil
}

// keyOfChange is the key of what the change is of, as that of its failure.
func keyOfChange(c Change) string {
	if c.Customer != "" {
		return failures.CustomerKey(c.Customer)
	}
	return c.Order
}

// foreseen is what writing the change does by now.
func (r *runner) foreseen(ctx context.Context, to event.DesiredOrderV1, c Change) (Effect, error) {
	s, err := r.recorded(ctx, c.Account, c.Store, c.Order)
	if err == nil {
		s, err = r.newest(ctx, c.Account, s)
	}
	if err != nil {
		return "", err
	}
	t, err := r.terms.of(ctx, r.js, c.Account)
	differences := c.Differences
	if c.Unsent {
		differences = nil
	}
	return effect(to, s, t, differences), err
}

func subjectOf(c Change) string {
	if c.Customer != "" {
		return subject.Desired{Kind: "customer", Account: c.Account, Store: c.Store, Key: c.Customer}.String()
	}
	return subject.Desired{Kind: "order", Account: c.Account, Store: c.Store, Key: c.Order}.String()
}

// now says where an order of the plan stands; other: it is not what the plan saw.
func (r *runner) now(ctx context.Context, c Change) (from event.DesiredOrderV1, other bool, err error) {
	if c.Parked {
		return r.parkedNow(ctx, c)
	}
	raw, err := r.desired.GetMsg(ctx, c.Desired)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return from, true, nil
	}
	if err != nil {
		return from, false, err
	}
	from, err = codec.Decode[event.DesiredOrderV1](raw.Data)
	return from, false, err
}

// ours tells whether the newest desired state of an order or customer is the one the plan asks for.
func (r *runner) ours(ctx context.Context, c Change) bool {
	raw, err := r.desired.GetLastMsgForSubject(ctx, subjectOf(c))
	return err == nil && bytes.Contains(raw.Data, []byte(`"hash":"`+c.Hash+`"`))
}
