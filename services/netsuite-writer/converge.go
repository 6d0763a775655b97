package netsuitewriter

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// writer converges the orders and customers of one account.
type writer struct {
	key       string
	config    config.Account
	stores    map[string]config.Store
	js        jetstream.JetStream
	log       *slog.Logger
	client    *suitetalk.Client
	directory *directory
	readBacks *loader[held]  // before a decision
	verifies  *loader[held]  // after a write
	payments  *loader[paper] // deposits, refunds and bills before a decision
	receipts  *loader[paper] // and after a write
	started   time.Time
	people    *people
	scribe    scribe
	many      *backlog
	book      *failures.Book // of customers; an order's failures are derived from its outcomes
	now       clock
	// pinned gives nil while this process is the account's active writer; asked before each call that changes
	// NetSuite.
	pinned func(ctx context.Context) error
	// crowded tells whether more requests wait for a slot than there are slots.
	crowded func() bool

	inherited func() (through uint64, since time.Time)

	touched touched
	proven  proven
}

func newWriter(ctx context.Context, env host.Env, key string, c config.Account, client *suitetalk.Client, book *failures.Book) (*writer, error) {
	known, err := openMaxima(ctx, env.JS, key, env.Log)
	if err != nil {
		return nil, err
	}
	batches, err := openBook(ctx, env.JS, key)
	if err != nil {
		return nil, err
	}
	many := newBacklog(ctx, key, client, batches, env.Log)
	ctx = suitetalk.WithLane(ctx, governor.LaneFinish) // of what many orders share
	w := &writer{
		key: key, config: c, stores: env.Config.Stores, js: env.JS, log: env.Log, client: client, directory: newDirectory(ctx, client), scribe: scribe{client, known}, many: many, book: book,
		now: func() time.Time { return time.Now().UTC() }, touched: touched{by: map[string]touch{}}, proven: proven{by: map[string]proof{}}, inherited: func() (uint64, time.Time) { return 0, time.Time{} }, pinned: func(context.Context) error { return nil },
		started: time.Now().UTC(), crowded: func() bool { return false },
	}
	w.people = &people{
		scribe: w.scribe, directory: w.directory, busy: map[string]chan struct{}{}, pinned: func(ctx context.Context) error { return w.pinned(ctx) },
	}
	fetch := func(ctx context.Context, keys []string) (map[string]held, []event.Call, error) {
		return readBack(ctx, client, c.LineColumn, keys)
	}
	w.readBacks = &loader[held]{ctx: ctx, width: readBackWidth, fetch: fetch}
	w.verifies = &loader[held]{ctx: ctx, width: readBackWidth, linger: w.linger, fetch: fetch}
	money := func(ctx context.Context, keys []string) (map[string]paper, []event.Call, error) {
		return papers(ctx, client, keys)
	}
	w.payments = &loader[paper]{ctx: ctx, width: lookupWidth, fetch: money}
	w.receipts = &loader[paper]{ctx: ctx, width: lookupWidth, linger: w.linger, fetch: money}
	return w, nil
}

// job is one desired state being worked on.
type job struct {
	desired  event.DesiredOrderV1
	message  consume.Message
	subject  string // of the ledger
	sequence uint64 // of the newest ledger entry, 0 = none
	last     *event.SyncRecordedV1
	ledger   event.Ledger
	calls    []event.Call
	begun    time.Time   // when the first thing was done about it that still counts
	asked    bool        // NetSuite was asked
	saved    time.Time   // when what was written had been answered; zero: nothing was
	status   string      // the sales order's when it was last read; "" where it was not, or there is none
	held     held        // the sales order when it was last read; zero where it was not, or there is none
	retry    bool        // an operator asked for it: remembered misses do not count
	found    bool        // NetSuite has the sales order, and the ledger does not tell of it
	unread   bool        // the sales order may have been written, and is not read back since
	unseen   bool        // a record of its money was given up in this try
	goods    *plan.Goods // given back of an order that later documents rest on; nil: none that count there
	proof    *proof      // that the sales order is written and read back; nil: it is not yet

	questions  []event.Question   // parts that wait for a person
	notes      []string           // said in the outcome
	superseded []event.Superseded // states that came between the last one written and this one
	lapsed     bool               // one of them may have been written, and no outcome tells of it
}

func (w *writer) handle(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	consume.Asked(ctx, false) // until it is
	if err := w.notBefore(m); err != nil {
		return nil, err
	}
	if s, err := subject.ParseDesired(m.Subject); err == nil && s.Kind == kindCustomer {
		return w.customer(ctx, m)
	}
	desired, err := w.desiredOf(m.Subject, m.Sequence, m.Data)
	if err != nil {
		return nil, err
	}
	j := &job{desired: desired, message: m, begun: w.now(), retry: comes(m, event.OriginRetry)}
	if err := w.open(ctx, j); err != nil {
		return nil, err
	}
	if j.last != nil && j.last.Desired.Sequence >= j.message.Sequence && j.last.Kind != event.OutcomeRetried && !w.touched.untold(j.subject, j.last) {
		return nil, nil // recorded already: a redelivery, or an older state
	}
	if j.last != nil && j.last.Desired.Sequence > j.message.Sequence {
		if err := w.pinned(ctx); err != nil {
			return w.leave(ctx, j, err)
		}
		if err := w.newest(ctx, j); err != nil {
			return nil, err
		}
	} else if gone, err := w.outdated(ctx, m); gone || err != nil {
		return nil, err
	}
	w.inherit(j)
	ctx = suitetalk.WithLane(ctx, laneOf(m, j.desired.Source.Kind))
	since, err := w.replaced(ctx, j)
	if err != nil {
		return nil, err
	}
	j.lapsed = w.lapses(j, since)
	outcome, err := w.converge(ctx, j)
	if err == nil || parks(err) {
		err = cmp.Or(w.learn(ctx, j, err != nil), err)
	}
	consume.Asked(ctx, j.asked)
	if fault.ClassOf(err) == fault.Interrupted && w.touched.untold(j.subject, nil) && w.pinned(ctx) != nil {
		return w.leave(ctx, j, err)
	}
	entry, err := w.conclude(j, outcome, err)
	after, contested := w.contested(j)
	if err != nil || !contested {
		return entry, err
	}
	once, err := w.onceMore(ctx, j, after)
	return append(once, entry...), err
}

// outcome is what became of a job.
type outcome struct{ kind, rule, reason string }

// changes is how often an order that somebody else saved meanwhile is read again and written at once.
const changes = 3

// converge makes NetSuite hold the desired state.
func (w *writer) converge(ctx context.Context, j *job) (outcome, error) {
	for try := 1; ; try++ {
		done, err := w.step(ctx, j)
		if try == changes {
			return done, err
		}
		switch fault.CodeOf(err) {
		case fault.NetSuiteRecordChanged:
		case fault.NetSuiteRefused:
			if moved, lookErr := w.moved(ctx, j); lookErr != nil || !moved {
				return done, errors.Join(err, lookErr)
			}
		default:
			return done, err
		}
	}
}

// moved tells whether the sales order is no more what the decision rested on: people fulfil and bill it meanwhile, a bill that
// was given up is made after all, or there is one that the ledger does not know.
func (w *writer) moved(ctx context.Context, j *job) (bool, error) {
	switch {
	case j.ledger.SalesOrder == nil:
		return w.unrecorded(ctx, j)
	case j.status == "":
		return false, nil
	}
	billed := plan.HasBills(j.held.lines)
	now, err := w.read(ctx, j)
	return now.id != "" && (now.status != j.status || plan.HasBills(now.lines) != billed), err
}

// facts reads where it must what a decision needs, and gives what NetSuite holds if that was read.
func (w *writer) facts(ctx context.Context, j *job) (facts plan.Facts, now held, err error) {
	store := w.stores[j.desired.Store]
	facts = plan.Facts{Ledger: j.ledger, Start: store.Start, Hold: w.config.Writes == "hold", OwnsStatus: store.Back.Owner.Status == config.ByNetSuite && j.recorded(), Between: j.between()}
	if j.ledger.SalesOrder == nil && !j.found && !plan.MayBeUnrecorded(j.desired, j.ledger) {
		return facts, now, nil
	}
	if now, err = w.read(ctx, j); err != nil {
		return facts, now, err
	}
	if j.ledger.SalesOrder == nil && now.id != "" {
		w.takeIn(j, now)
		facts.Ledger = j.ledger
	}
	if facts.Status = now.status; now.id == "" {
		facts.Status, facts.Ledger.SalesOrder = "", nil // deleted in NetSuite
	}
	j.status = facts.Status
	facts.Lines, facts.Total, facts.Tax = now.lines, now.total, now.tax
	return facts, now, nil
}

// recorded tells whether all that we may have written to the order's status is on record: an attempt at another state that
// failed, a write of another state that was given up and may have ended since, or states that came and went and may have been
// written by a writer that died, may have given it the status that it has.
func (j *job) recorded() bool {
	if j.last != nil && j.last.Ledger.Late != nil && j.last.Ledger.Late.Hash != j.desired.Hash {
		return false
	}
	var words []string
	for _, s := range j.superseded {
		if j.lapsed {
			words = append(words, s.Status)
		}
	}
	failed := j.last != nil && (j.last.Kind == event.OutcomeParked || j.last.Kind == event.OutcomeRetried)
	if failed && j.last.Desired.Hash != j.desired.Hash {
		words = append(words, j.last.Desired.Status)
	}
	return plan.OnRecord(j.desired, j.ledger.SalesOrder, words...)
}

// between tells whether the shop had another status between the last state written and this one.
func (j *job) between() bool {
	return slices.ContainsFunc(j.superseded, func(s event.Superseded) bool { return s.Status != j.desired.Source.Status })
}

// step reads where it must, decides and writes.
func (w *writer) step(ctx context.Context, j *job) (outcome, error) {
	if w.holds(j) {
		return outcome{kind: event.OutcomeVerified, reason: "NetSuite holds this state already"}, nil
	}
	facts, now, err := w.facts(ctx, j)
	if err != nil {
		return outcome{}, err
	}
	decision, err := plan.Decide(j.desired, facts)
	if err != nil {
		return outcome{}, err
	}
	j.goods = decision.Goods
	done := outcome{decision.Outcome, decision.Rule, decision.Reason}
	switch decision.Do {
	case plan.Write:
		done, err = w.give(ctx, j, decision)
	case plan.Alter:
		done, err = w.follow(ctx, j, now, done)
	case plan.Record:
	}
	if done.kind == event.OutcomeSkipped && j.ledger.SalesOrder != nil && facts.Status != "" {
		j.ledger.SalesOrder.Status = facts.Status
	}
	// Where the sales order stays as it is, money that came or went since is booked all the same.
	if err == nil && settles(done, facts) {
		err = w.settle(ctx, j)
	}
	if err == nil {
		err = j.askGoods()
	}
	return done, err
}

// holds tells whether the ledger shows the desired state as written and verified, and nothing of it waits for a person: what
// was asked is asked until it is answered (Invariant 3).
func (w *writer) holds(j *job) bool {
	done := j.last != nil && (j.last.Kind == event.OutcomeSynced || j.last.Kind == event.OutcomeVerified) && len(j.last.Questions) == 0
	return done && j.ledger.SalesOrder != nil && j.ledger.SalesOrder.AppliedHash == j.desired.Hash && !w.touched.untold(j.subject, j.last) && !j.retry
}

func (w *writer) write(ctx context.Context, j *job) (done outcome, err error) {
	if done, is := w.proven.recall(j); is {
		return done, nil
	}
	defer func() {
		if err == nil {
			j.prove(done)
		}
	}()
	calls, err := w.many.settled(ctx, j.subject)
	j.add(calls)
	if err != nil {
		return outcome{}, err
	}
	target, err := w.target(ctx, j)
	if err != nil {
		return outcome{}, err
	}
	customer, calls, err := w.people.find(ctx, j.desired, j.retry)
	j.add(calls)
	if err != nil {
		return outcome{}, err
	}
	j.ledger.Customer = &customer
	refs := plan.Refs(j.desired)
	ids, calls, err := w.directory.resolve(ctx, refs, j.retry)
	j.add(calls)
	if err != nil {
		return outcome{}, err
	}
	body, err := plan.SalesOrder(j.desired, customer.ID, ids, w.config.LineColumn)
	if err != nil {
		return outcome{}, err
	}
	shown := false
	if w.many.takes(j, target) {
		done, shown, err = w.together(ctx, j, body)
	}
	if !shown && err == nil {
		err = w.put(ctx, j, target, body)
	}
	if err != nil {
		w.doubt(err, append(refs, customerRefs(j.desired)...))
		return outcome{}, err
	}
	if shown {
		return done, nil
	}
	return w.verify(ctx, j)
}

// doubt forgets what was known of records when NetSuite refuses what names them: one may have been renamed, merged or made
// inactive.
func (w *writer) doubt(err error, refs []event.Ref) {
	if code := fault.CodeOf(err); code == fault.NetSuiteRefused || code == fault.NetSuiteRecordMissing {
		w.directory.forget(withFallbacks(refs))
	}
}

// together writes the order in a batch with others. Not shown and no error: it is to be written by itself.
func (w *writer) together(ctx context.Context, j *job, body []byte) (done outcome, shown bool, err error) {
	limits := w.scribe.maxima.of("salesOrder")
	body, cut, err := plan.Cut(body, limits)
	if err != nil {
		return outcome{}, false, err
	}
	w.touched.mark(j.subject, j.message.Sequence)
	at, calls, err := w.many.write(ctx, j, body)
	j.add(calls)
	if err != nil {
		return outcome{}, false, err
	}
	done, err = w.verify(ctx, j)
	switch fault.CodeOf(err) {
	case fault.VerificationMismatch:
		return outcome{}, false, nil
	case fault.NetSuiteAmbiguous: // it is not there
		return outcome{}, false, w.refused(ctx, j, at, limits)
	default:
		j.tell("salesOrder", cut)
		return done, err == nil, err
	}
}

// put sends the order. PUT by externalId with replace=item may be repeated: it never doubles a line. After an answer that
// was lost a look proves the write of an order's first state alone: a later state that is not there leaves an earlier one
// to be found, which may look the same in all that is read back. Such a state is written again.
func (w *writer) put(ctx context.Context, j *job, target suitetalk.Request, body []byte) error {
	if err := w.pinned(ctx); err != nil {
		return err
	}
	w.touched.mark(j.subject, j.message.Sequence)
	target.Body = body
	_, err := w.send(ctx, j, "salesOrder", target)
	j.unread = err == nil || fault.CodeOf(err) == fault.NetSuiteAmbiguous
	if code := fault.CodeOf(err); code != fault.NetSuiteAmbiguous && code != fault.ExternalIDTaken || !j.first() {
		return w.givenUp(j, j.desired.Hash, err)
	}
	now, lookErr := w.read(ctx, j)
	if lookErr == nil && now.id != "" && w.differs(j.desired, now) == nil {
		return nil
	}
	return cmp.Or(lookErr, w.givenUp(j, j.desired.Hash, err))
}

// first tells whether no state of the order was written before this one.
func (j *job) first() bool {
	return j.ledger.SalesOrder == nil && j.desired.Source.Replaces == 0 && !j.retry
}

// send writes a record; fields that were cut become notes of the outcome.
func (w *writer) send(ctx context.Context, j *job, record string, r suitetalk.Request) (suitetalk.Answer, error) {
	done, err := w.scribe.send(ctx, record, r)
	j.add(done.calls)
	j.tell(record, done.cut)
	return done.Answer, err
}

func (j *job) tell(record string, cut []string) {
	for _, field := range cut {
		j.notes = append(j.notes, record+"."+field+" was cut to what NetSuite takes")
	}
}

func (j *job) add(calls []event.Call) {
	j.calls = append(j.calls, calls...)
	j.asked = j.asked || len(calls) > 0
}
