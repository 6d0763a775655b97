package replay

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/internal/contrast"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
)

// standing is how an order stands in NetSuite, by the newest reading of it that is stored.
type standing struct {
	entry  *event.SyncRecordedV1 // the newest outcome; nil: none
	ledger event.Ledger
	status string // of the sales order, letter A–H; "" when there is none
}

// applied is the hash of what NetSuite was last sent; "": nothing.
func (s standing) applied() string {
	if s.ledger.SalesOrder == nil {
		return ""
	}
	return s.ledger.SalesOrder.AppliedHash
}

// call is how long the order's latest write took.
func (s standing) call() (took time.Duration, measured bool) {
	if s.entry == nil {
		return 0, false
	}
	for _, call := range slices.Backward(s.entry.Calls) {
		if call.Method == "PUT" || call.Method == "PATCH" {
			return time.Duration(call.Millis) * time.Millisecond, true
		}
	}
	return 0, false
}

// recorded is what the ledger says.
func (l *lab) recorded(ctx context.Context, account, store, order string) (s standing, err error) {
	raw, err := l.outcomes.GetLastMsgForSubject(ctx, subject.Sync{Account: account, Store: store, Order: order}.String())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	entry, err := codec.Decode[event.SyncRecordedV1](raw.Data)
	s.entry, s.ledger = &entry, entry.Ledger
	if s.ledger.SalesOrder != nil {
		s.status = s.ledger.SalesOrder.Status
	}
	return s, err
}

// newest takes in what the watcher has read since: an order is fulfilled, billed, cancelled or deleted in NetSuite without
// the writer.
func (l *lab) newest(ctx context.Context, account string, s standing) (standing, error) {
	if s.ledger.SalesOrder == nil {
		return s, nil
	}
	name := subject.Change{Account: account, Kind: event.ChangeSalesOrder, Key: s.ledger.SalesOrder.ID}.String()
	raw, err := l.changes.GetLastMsgForSubject(ctx, name)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && !raw.Time.After(s.readAt()) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	change, err := codec.Decode[event.NetSuiteChangedV1](raw.Data)
	switch {
	case err != nil:
		return s, err
	case change.Deleted:
		s.ledger.SalesOrder, s.status = nil, ""
	default:
		s.status = change.Status
	}
	return s, nil
}

// readAt is when the writer last read the sales order.
func (s standing) readAt() time.Time {
	if s.entry.Kind == event.OutcomeSkipped {
		return s.entry.Time
	}
	return s.ledger.SalesOrder.VerifiedAt
}

// effect is what the writer does about a desired state: its own decision. differences are to what NetSuite was last sent;
// nil: that is not known.
func effect(to event.DesiredOrderV1, s standing, t terms.Account, differences []Difference) Effect {
	if s.holds(to) {
		return EffectNone
	}
	d, err := plan.Decide(to, s.facts(to, t))
	switch {
	case err != nil:
		return EffectPark
	case d.Do == plan.Alter && differences != nil && !alters(differences):
		return EffectKeep // its other fields are kept
	case d.Do == plan.Alter:
		return EffectAlter
	case d.Do == plan.Write && s.status == "" && s.ledger.SalesOrder == nil:
		return EffectCreate
	case d.Do == plan.Write:
		return EffectUpdate
	case d.Outcome == event.OutcomeHeld:
		return EffectHold
	case s.ledger.SalesOrder != nil:
		return EffectKeep
	default:
		return EffectNone
	}
}

// facts are what the writer decides by.
func (s standing) facts(to event.DesiredOrderV1, t terms.Account) plan.Facts {
	return plan.Facts{
		Ledger: s.ledger, Start: t.Starts[to.Store], Hold: t.Hold, Status: s.status, OwnsStatus: t.Owners[to.Store].Status && s.recorded(to),
	}
}

// recorded tells whether the last attempt cannot have given the order the status that it has: it went well, or was at this
// state, or was about no other status; and no write of another state was given up.
func (s standing) recorded(to event.DesiredOrderV1) bool {
	if late := s.ledger.Late; late != nil && late.Hash != to.Hash {
		return false
	}
	failed := s.entry != nil && (s.entry.Kind == event.OutcomeParked || s.entry.Kind == event.OutcomeRetried)
	if !failed || s.entry.Desired.Hash == to.Hash {
		return true
	}
	return plan.OnRecord(to, s.ledger.SalesOrder, s.entry.Desired.Status)
}

// holds tells whether the writer takes the state for written and verified, and asks nothing about it.
func (s standing) holds(to event.DesiredOrderV1) bool {
	done := s.entry != nil && (s.entry.Kind == event.OutcomeSynced || s.entry.Kind == event.OutcomeVerified) && len(s.entry.Questions) == 0
	return done && s.applied() == to.Hash
}

// alters tells whether differences touch what is changed of an order that later documents rest on: lines and total.
func alters(differences []Difference) bool {
	return slices.ContainsFunc(differences, func(d Difference) bool {
		field, kind := d.Kind()
		name, line := strings.CutPrefix(field, "sales_order.lines[].")
		changes := name == "amount" || name == "quantity" || name == "closed" || strings.HasPrefix(name, "item.") || kind != "changed"
		return line && changes || strings.HasPrefix(field, "expected.") || field == contrast.Unnamed
	})
}

// records counts the deposits, refunds and bills that lack in NetSuite, are ours to book, and are made with an effect.
func records(to event.DesiredOrderV1, s standing, owner terms.Owner, e Effect) int {
	if e == EffectPark || e == EffectHold || e == EffectNone {
		return 0
	}
	lacking, _ := plan.Lacking(to, s.ledger).Owned(owner.Payment, owner.Refunds)
	n := 0
	for _, d := range lacking.Deposits {
		if d.Question == "" {
			n++
		}
	}
	for _, r := range lacking.Refunds {
		if r.Question == "" {
			n++
		}
	}
	if lacking.Bill != nil {
		n++
	}
	return n
}
