package watch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// report reads records that changed, and the sales orders they belong to, and publishes what differs from the last
// state on its subject. A fulfilment changes its order's status: whether NetSuite counts that as a change of the order
// is its matter.
func (w *Watcher) report(ctx context.Context, records []found) (int, error) {
	news := make(map[string]found, len(records))
	for _, r := range records {
		news[r.id] = r
	}
	wanted := set(maps.Keys(news))
	links, err := w.climb(ctx, wanted)
	if err != nil {
		return 0, err
	}
	owners, err := w.owners(ctx, links, wanted)
	if err != nil || len(owners) == 0 {
		return 0, err
	}
	for _, o := range slices.Collect(maps.Values(owners)) {
		if o.salesOrder != "" {
			o.kind = event.ChangeSalesOrder
			owners[o.salesOrder] = o
		}
	}
	lasts, err := w.lasts(ctx, owners)
	if err != nil {
		return 0, err
	}
	states, err := w.states(ctx, owners)
	if err != nil {
		return 0, err
	}
	return w.publish(ctx, states, news, lasts, links)
}

func set[K comparable](keys func(yield func(K) bool)) map[K]bool {
	s := map[K]bool{}
	for key := range keys {
		s[key] = true
	}
	return s
}

// states reads records whole.
func (w *Watcher) states(ctx context.Context, owners map[string]owner) ([]state, error) {
	heads, err := headsOf(ctx, w, owners)
	if err != nil || len(heads) == 0 {
		return nil, err
	}
	lines, err := w.lines(ctx, heads)
	if err != nil {
		return nil, err
	}
	tracking, err := w.tracking(ctx, heads)
	if err != nil {
		return nil, err
	}
	var states []state
	for _, id := range inTurn(heads, owners) {
		states = append(states, state{heads[id], owners[id], lines[id], tracking[id]})
	}
	return states, nil
}

// inTurn puts the records of a sales order before it: an order is told as shipped behind the shipment, which the shop's
// customer reads of first.
func inTurn(heads map[string]head, owners map[string]owner) []string {
	of := func(id string) (salesOrder string, last int) {
		if heads[id].kind == event.ChangeSalesOrder {
			return id, 1
		}
		return owners[id].salesOrder, 0
	}
	return slices.SortedFunc(maps.Keys(heads), func(a, b string) int {
		first, aLast := of(a)
		second, bLast := of(b)
		return cmp.Or(byNumber(first, second), aLast-bLast, byNumber(a, b))
	})
}

func (w *Watcher) publish(ctx context.Context, states []state, news map[string]found, lasts map[string]last, l links) (int, error) {
	if len(states) > 0 && !w.zoneNow().Known { // the first push may come before the first poll
		if err := w.askZone(ctx, found{id: states[0].head.id, kind: states[0].head.kind, modified: states[0].head.modified}); err != nil {
			return 0, err
		}
	}
	var conflict error
	published := 0
	for _, s := range states {
		e, err := s.event(w.options.Account, func(record, line string) string { return l.orderLine(s.owner.salesOrder, record, line) })
		if err != nil {
			return published, err
		}
		if e.ModifiedAt, err = w.timeOf(s.head, news); err != nil {
			return published, err
		}
		e.Applied = follow(e, lasts[s.head.id].event)
		fresh, err := w.put(ctx, e, lasts[s.head.id])
		switch {
		case fault.ClassOf(err) == fault.Conflict && err != nil:
			conflict = err // the others are told all the same
		case err != nil:
			return published, err
		case fresh:
			published++
		}
	}
	return published, conflict
}

// last is the newest message on a record's subject.
type last struct {
	sequence uint64 // 0: none
	event    event.NetSuiteChangedV1
	stored   time.Time
	since    string // of a sales order: its status as the writer put it on record after that; "": it did not
}

// left tells whether the state told last was left in between: who gives it back has changed something.
func (l last) left(e event.NetSuiteChangedV1) bool { return l.since != "" && l.since != e.Status }

// lasts reads them before NetSuite is asked: what is stored later is then known to be a later reading.
func (w *Watcher) lasts(ctx context.Context, owners map[string]owner) (map[string]last, error) {
	all := make(map[string]last, len(owners))
	for id, o := range owners {
		l, err := w.last(ctx, o.kind, id)
		if err == nil && o.kind == event.ChangeSalesOrder && l.sequence > 0 {
			l.since, err = w.recorded(ctx, o, l.stored)
		}
		if err != nil {
			return nil, err
		}
		all[id] = l
	}
	return all, nil
}

func (w *Watcher) last(ctx context.Context, kind, id string) (last, error) {
	stream, err := w.options.JS.Stream(ctx, topology.NetSuiteChanges)
	if err != nil {
		return last{}, publish.Classify(err)
	}
	name := subject.Change{Account: w.options.Account, Kind: kind, Key: id}.String()
	raw, err := stream.GetLastMsgForSubject(ctx, name)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return last{}, nil
	}
	if err != nil {
		return last{}, publish.Classify(err)
	}
	e, err := codec.Decode[event.NetSuiteChangedV1](raw.Data)
	if err != nil {
		return last{}, fault.New(fault.MessageUndecodable, "want a change", fault.Field(name, fmt.Sprint(raw.Sequence)), fault.Because(err))
	}
	return last{sequence: raw.Sequence, event: e, stored: raw.Time}, nil
}

// recorded is the status of an order's sales order as the writer put it on record after a time; "": it did not. The writer's own
// writes are pushed by no script, and a poll may come too late to see them.
func (w *Watcher) recorded(ctx context.Context, o owner, after time.Time) (string, error) {
	stream, err := w.options.JS.Stream(ctx, topology.Outcomes)
	if err != nil {
		return "", publish.Classify(err)
	}
	name := subject.Sync{Account: w.options.Account, Store: o.store, Order: o.order}.String()
	raw, err := stream.GetLastMsgForSubject(ctx, name)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", nil
	}
	if err != nil {
		return "", publish.Classify(err)
	}
	outcome, err := codec.Decode[event.SyncRecordedV1](raw.Data)
	if err != nil {
		return "", fault.New(fault.MessageUndecodable, "want an outcome", fault.Field(name, fmt.Sprint(raw.Sequence)), fault.Because(err))
	}
	if !raw.Time.After(after) || outcome.Ledger.SalesOrder == nil {
		return "", nil
	}
	return outcome.Ledger.SalesOrder.Status, nil
}

// put publishes a state unless the last one says the same and was not left since. The message id names the state before it, so that the last A
// of A, B, A within one second is not taken for a repeat of the first.
func (w *Watcher) put(ctx context.Context, e event.NetSuiteChangedV1, before last) (bool, error) {
	same, err := alike(e, before.event)
	if e.Stock == nil {
		e.Time = e.ModifiedAt
	} else if before.sequence > 0 {
		e.ModifiedAt = changedAt(e, before.event, same)
	}
	if err != nil || before.sequence > 0 && same && !before.left(e) && !confirms(e, before.event) {
		return false, err
	}
	e.ModifiedAt, e.Time = e.ModifiedAt.UTC(), e.Time.UTC()
	e.ID = fmt.Sprintf("netsuite:%s:%s:%s:%d:%d", e.Account, e.Kind, e.Record.ID, e.ModifiedAt.Unix(), before.sequence)
	name := subject.Change{Account: e.Account, Kind: e.Kind, Key: e.Record.ID}.String()
	m, err := publish.JSON(topology.NetSuiteChanges, name, e.Envelope, e)
	if err != nil {
		return false, err
	}
	m.Expect = &publish.Expect{Sequence: before.sequence}
	_, err = w.publisher.Publish(ctx, m)
	return err == nil, err
}

// changedAt dates a figure whose text of time may have come twice: what differs changed after the last reading, and is as
// of now if its text says otherwise; what does not, did not change before the last change that is known.
func changedAt(e, before event.NetSuiteChangedV1, same bool) time.Time {
	switch {
	case !same && e.ModifiedAt.Before(before.Time.Add(-lateness)):
		return e.Time
	case same && e.ModifiedAt.Before(before.ModifiedAt) && before.ModifiedAt.Before(e.Time):
		return before.ModifiedAt
	default:
		return e.ModifiedAt
	}
}

// confirms tells whether a figure of stock that says the same as the last one is news all the same: it contains a later
// change, or the last one was read so soon after its change that a save of the same moment may not have been in it.
func confirms(e, before event.NetSuiteChangedV1) bool {
	settled := func(e event.NetSuiteChangedV1) bool { return e.Time.Sub(e.ModifiedAt) >= lateness }
	moved := e.ModifiedAt.Before(e.Time) && e.ModifiedAt.After(before.ModifiedAt) // else nothing is known but the reading
	return e.Stock != nil && (moved || settled(e) && !settled(before))
}

// alike tells whether two states say the same, times apart.
func alike(a, b event.NetSuiteChangedV1) (bool, error) {
	x, err := content(a)
	if err != nil {
		return false, err
	}
	y, err := content(b)
	return bytes.Equal(x, y), err
}

func content(e event.NetSuiteChangedV1) ([]byte, error) {
	e.ID, e.Time, e.ModifiedAt = "", time.Time{}, time.Time{}
	return codec.Encode(e)
}
