package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
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
}

// LeftOut is a change that was not applied, because the order is not what the plan saw.
type LeftOut struct {
	Store  string `json:"store"`
	Order  string `json:"order"`
	Reason string `json:"reason"`
}

// ErrNoPlan says that no plan has the hash.
var ErrNoPlan = errors.New("no such replay plan")

// Save keeps a plan with the candidate's bytes, so that its hash is enough to apply it.
func Save(ctx context.Context, js jetstream.JetStream, p Plan, document []byte) error {
	store, err := js.ObjectStore(ctx, topology.Replays)
	if err != nil {
		return fmt.Errorf("object store %s: %w", topology.Replays, err)
	}
	data, err := codec.Encode(p)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{p.Hash + ".json": data, p.Hash + ".yaml": document} {
		if _, err := store.PutBytes(ctx, name, content); err != nil {
			return fmt.Errorf("keep plan %s: %w", p.Hash, err)
		}
	}
	return nil
}

// Load reads a kept plan and its candidate.
func Load(ctx context.Context, js jetstream.JetStream, hash string) (Plan, []byte, error) {
	store, err := js.ObjectStore(ctx, topology.Replays)
	if err != nil {
		return Plan{}, nil, fmt.Errorf("object store %s: %w", topology.Replays, err)
	}
	data, err := store.GetBytes(ctx, hash+".json")
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return Plan{}, nil, fmt.Errorf("%w: %q", ErrNoPlan, hash)
	}
	if err != nil {
		return Plan{}, nil, err
	}
	document, err := store.GetBytes(ctx, hash+".yaml")
	if err != nil {
		return Plan{}, nil, err
	}
	plan, err := codec.Decode[Plan](data)
	if err == nil && plan.hash() != hash {
		err = fmt.Errorf("plan %s: its content has another hash (%s)", hash, plan.hash())
	}
	return plan, document, err
}

// backlog is the number of live states before a writer at which a replay waits.
const backlog = 8

// window is the number of replayed states under way at once, from publication to outcome. Most of that time a state waits
// for its read-back, which many share, so that twice the slots keep about half of them busy: a fresh order finds a free one,
// where the lanes alone would let it wait for the end of a replay's request.
func window(slots int) int { return max(2*slots, 2) }

// runner applies one plan.
type runner struct {
	*lab
	js        jetstream.JetStream
	plan      Plan
	publisher *publish.Publisher
	desired   jetstream.Stream
	cursors   jetstream.KeyValue
	published uint64 // position of what is written: newer than what the active revision made
	note      func(Progress)
	under     []written
	book      *failures.Book // of parked orders; nil until one is freed
}

// Apply writes exactly what the plan of the hash showed: each change is published to DESIRED with the sequence the plan
// saw, so that an order which changed since leaves the plan by itself and is listed. It goes on where an earlier run
// ended, trickles in behind live traffic, and heeds Control.
func Apply(ctx context.Context, js jetstream.JetStream, hash, by, why string, note func(Progress)) (Progress, error) {
	plan, document, err := Load(ctx, js, hash)
	if err != nil {
		return Progress{}, err
	}
	r, err := run(ctx, js, plan, document, note)
	if err != nil {
		return Progress{}, err
	}
	p, revision, err := r.progress(ctx)
	if err != nil {
		return p, err
	}
	if p.State == StateDone || p.State == StateCancelled {
		return p, nil
	}
	before := p.State
	p.State, p.By, p.At = StateRunning, by, time.Now().UTC()
	if revision, err = r.keep(ctx, p, revision); err != nil {
		return p, err
	}
	if err := r.audit(ctx, by, before, p, why); err != nil {
		return p, err
	}
	defer func() {
		if r.book != nil {
			r.book.Close()
		}
	}()
	return r.all(ctx, p, revision, by, why)
}

func run(ctx context.Context, js jetstream.JetStream, plan Plan, document []byte, note func(Progress)) (*runner, error) {
	candidate, err := mapping.Compile(document)
	if err != nil {
		return nil, err
	}
	l, err := open(ctx, js, candidate, plan.Request)
	if err != nil {
		return nil, err
	}
	r := &runner{lab: l, js: js, plan: plan, publisher: publish.New(js), note: note}
	if r.desired, err = js.Stream(ctx, topology.Desired); err != nil {
		return nil, fmt.Errorf("stream %s: %w", topology.Desired, err)
	}
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
	if err := shelf.Keep(ctx, m.Name(), m.Revision(), document); err != nil {
		return 0, err
	}
	return shelf.Newest(ctx, js)
}

func (r *runner) key() string { return "replay." + r.plan.Hash }

func (r *runner) progress(ctx context.Context) (Progress, uint64, error) {
	return read(ctx, r.cursors, r.plan)
}

func read(ctx context.Context, cursors jetstream.KeyValue, plan Plan) (Progress, uint64, error) {
	entry, err := cursors.Get(ctx, "replay."+plan.Hash)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Progress{State: StatePlanned, All: len(plan.Changes), Left: []LeftOut{}}, 0, nil
	}
	if err != nil {
		return Progress{}, 0, err
	}
	p, err := codec.Decode[Progress](entry.Value())
	return p, entry.Revision(), err
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
	return r.cursors.Update(ctx, r.key(), data, revision)
}

func (r *runner) audit(ctx context.Context, by string, before State, p Progress, why string) error {
	return audit(ctx, r.publisher, r.plan, by, before, p, why)
}

func audit(ctx context.Context, publisher *publish.Publisher, plan Plan, by string, before State, p Progress, why string) error {
	now := time.Now().UTC()
	body := event.AuditReplayedV1{
		Envelope: event.Envelope{Type: "audit.v1.replayed", ID: fmt.Sprintf("audit:replayed:%s:%d", plan.Hash, now.UnixNano()), Time: now},
		Act:      "replayed", By: by, What: plan.Hash, Note: why, Before: map[string]string{"state": string(before)},
		After: map[string]string{
			"state": string(p.State), "mapping": plan.Mapping, "revision": plan.Revision, "published": fmt.Sprint(p.Published), "left": fmt.Sprint(len(p.Left)),
		},
	}
	m, err := publish.JSON(topology.Audit, subject.Audit("replayed"), body.Envelope, body)
	if err == nil {
		_, err = publisher.Publish(ctx, m)
	}
	return err
}

// step is how many changes are applied between two looks at Control.
const step = 20

func (r *runner) all(ctx context.Context, p Progress, revision uint64, by, why string) (Progress, error) {
	for p.Next < len(r.plan.Changes) {
		for range min(step, len(r.plan.Changes)-p.Next) {
			if err := r.room(ctx); err != nil {
				return p, err
			}
			if err := r.one(ctx, r.plan.Changes[p.Next], &p); err != nil {
				return p, err
			}
			p.Next++
		}
		next, err := r.keep(ctx, p, revision)
		if err != nil {
			// Control wrote meanwhile. What was published since the last look is published again by whoever goes on,
			// and left out there as changed since: nothing is written twice.
			told, _, lost := r.progress(ctx)
			if lost != nil || told.State == StateRunning {
				return p, errors.Join(err, lost)
			}
			p.State = told.State
			_, err = r.keep(ctx, p, r.revision(ctx))
			return p, err
		}
		revision = next
	}
	p.State = StateDone
	if _, err := r.keep(ctx, p, revision); err != nil {
		return p, err
	}
	return p, r.audit(ctx, by, StateRunning, p, why)
}

func (r *runner) revision(ctx context.Context) uint64 {
	_, revision, err := r.progress(ctx)
	if err != nil {
		return 0
	}
	return revision
}

// one publishes a change, or leaves it out when the order is not what the plan saw.
func (r *runner) one(ctx context.Context, c Change, p *Progress) error {
	leave := func(reason string) error {
		p.Left = append(p.Left, LeftOut{c.Store, c.Order, reason})
		return nil
	}
	from, changed, err := r.now(ctx, c)
	if err != nil {
		return err
	}
	if changed {
		if r.ours(ctx, c) { // an earlier run published it and crashed before it was counted
			p.Published++
			return r.resolve(ctx, c)
		}
		return leave("the order changed since the plan was made")
	}
	state, err := r.state(ctx, from)
	if err != nil {
		return leave("the order's state is no longer kept in ORDERS")
	}
	to, err := r.derive(from, state, r.published)
	if err != nil {
		return leave(err.Error())
	}
	if to.Hash != c.Hash {
		return leave("the mapping gives another result than the plan shows")
	}
	to.Source.Replaces = c.Desired
	m, err := publish.JSON(topology.Desired, subjectOf(c), to.Envelope, to)
	if err != nil {
		return err
	}
	m.Header[event.HeaderOrigin] = []string{string(event.OriginReplay)}
	m.Expect = &publish.Expect{Sequence: c.Desired}
	acks, err := r.publisher.Publish(ctx, m)
	switch {
	case fault.ClassOf(err) == fault.Conflict:
		return leave("the order changed since the plan was made")
	case err != nil:
		return err
	}
	r.under = append(r.under, written{c.Account, c.Store, c.Order, acks[0].Sequence})
	p.Published++
	return r.resolve(ctx, c)
}

func subjectOf(c Change) string {
	return subject.Desired{Kind: "order", Account: c.Account, Store: c.Store, Key: c.Order}.String()
}

// now says where an order of the plan stands; changed: it is not what the plan saw.
func (r *runner) now(ctx context.Context, c Change) (from event.DesiredOrderV1, changed bool, err error) {
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

// ours tells whether the newest desired state of an order is the one the plan asks for.
func (r *runner) ours(ctx context.Context, c Change) bool {
	raw, err := r.desired.GetLastMsgForSubject(ctx, subjectOf(c))
	return err == nil && bytes.Contains(raw.Data, []byte(`"hash":"`+c.Hash+`"`))
}

// room waits until live traffic has the right of way: few states stand before each writer that none has taken, and few of
// what this plan published has no outcome yet. States that wait for their next try (an hour, it may be) are in nobody's way.
func (r *runner) room(ctx context.Context) error {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		waiting, err := r.waiting(ctx)
		if err != nil {
			return err
		}
		if err := r.settle(ctx); err != nil {
			return err
		}
		if waiting < backlog && len(r.under) < window(r.plan.Request.Slots) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const pace = 20 * time.Millisecond // between two looks at the writers

// waiting counts the states before the busiest writer.
func (r *runner) waiting(ctx context.Context) (int, error) {
	waiting := 0
	for _, account := range r.accounts() {
		consumer, err := r.js.Consumer(ctx, topology.Desired, topology.WriterOf(account))
		if err != nil {
			return 0, fmt.Errorf("writer of account %s: %w", account, err)
		}
		waiting = max(waiting, int(consumer.CachedInfo().NumPending))
	}
	return waiting, nil
}

// settle forgets what has an outcome: of this state, or of a later one of the order.
func (r *runner) settle(ctx context.Context) error {
	var still []written
	for _, w := range r.under {
		entry, err := r.recorded(ctx, w.account, w.store, w.order)
		if err != nil {
			return err
		}
		if entry == nil || entry.Desired.Sequence < w.sequence {
			still = append(still, w)
		}
	}
	r.under = still
	return nil
}

// written is a state that was published and has no outcome yet.
type written struct {
	account, store, order string
	sequence              uint64 // in DESIRED
}

func (r *runner) accounts() []string {
	accounts := map[string]bool{}
	for _, c := range r.plan.Changes {
		accounts[c.Account] = true
	}
	return slices.Sorted(maps.Keys(accounts))
}

// Control pauses, resumes or cancels a plan, whoever runs it.
func Control(ctx context.Context, js jetstream.JetStream, hash string, to State, by, why string) (Progress, error) {
	plan, _, err := Load(ctx, js, hash)
	if err != nil {
		return Progress{}, err
	}
	cursors, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return Progress{}, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	p, revision, err := read(ctx, cursors, plan)
	if err != nil {
		return p, err
	}
	before := p.State
	if before == StateDone || before == StateCancelled {
		return p, fmt.Errorf("plan %s is %s", hash, before)
	}
	p.State, p.By, p.At = to, by, time.Now().UTC()
	data, err := codec.Encode(p)
	if err != nil {
		return p, err
	}
	if _, err := cursors.Update(ctx, "replay."+hash, data, revision); err != nil {
		return p, fmt.Errorf("plan %s moves; say it again: %w", hash, err)
	}
	return p, audit(ctx, publish.New(js), plan, by, before, p, why)
}

// Page writes a plan as a page for people.
func (p Plan) Page(w io.Writer) error { return page.Execute(w, p) }
