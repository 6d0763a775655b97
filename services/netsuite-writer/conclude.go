package netsuitewriter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// conclude turns a job's end into the next ledger entry, or hands the error on when no attempt was burnt and nothing is to be
// remembered.
func (w *writer) conclude(j *job, o outcome, err error) ([]publish.Message, error) {
	class := fault.ClassOf(err)
	switch {
	case err == nil:
		j.ledger.Attempts = 0
	case parks(err):
		o = outcome{kind: event.OutcomeParked, reason: err.Error()}
	case class != fault.Transient || !j.asked:
		w.proven.keep(j)
		return w.remember(j, err)
	default:
		j.ledger.Attempts++
		o = outcome{kind: event.OutcomeRetried, reason: err.Error()}
		if j.ledger.Attempts >= w.config.Attempts {
			err = fault.New(fault.AttemptsExhausted, fmt.Sprintf("one of %d attempts must succeed", w.config.Attempts), fault.Because(err))
			o.kind = event.OutcomeParked
		}
	}
	if o.kind == event.OutcomeRetried {
		w.proven.keep(j)
	} else {
		w.proven.forget(j.subject)
	}
	if balance := plan.Balance(j.desired, j.ledger); settled(o) && !balance.IsZero() {
		j.notes = append(j.notes, "balance "+balance.String()+": what deposits less refunds leave of the order's total")
	}
	if len(j.notes) > 0 && o.kind != event.OutcomeRetried {
		o.reason = strings.Join(append(slices.DeleteFunc([]string{o.reason}, isEmpty), j.notes...), "; ")
	}
	message, failed := w.entry(j, o, err)
	if failed != nil {
		return nil, failed
	}
	if o.kind == event.OutcomeRetried {
		return []publish.Message{message}, err
	}
	if o.kind != event.OutcomeParked {
		w.touched.told(j.subject)
	}
	return []publish.Message{message}, nil
}

// parks tells whether an error stays: a person has to do something about the order.
func parks(err error) bool {
	class := fault.ClassOf(err)
	return err != nil && (class == fault.Terminal || class == fault.Poison)
}

func settled(o outcome) bool {
	return o.kind == event.OutcomeSynced || o.kind == event.OutcomeVerified
}

func isEmpty(text string) bool { return text == "" }

func (w *writer) entry(j *job, o outcome, cause error) (publish.Message, error) {
	d := j.desired
	body := event.SyncRecordedV1{
		Envelope: event.Envelope{Type: "sync.v1.recorded", Store: d.Store, Time: w.now(), ID: fmt.Sprintf("sync:%s:%d:%d", j.subject, j.message.Sequence, j.sequence)},
		Account:  w.key, Order: d.Order, Number: d.Number, Kind: o.kind, Rule: o.rule, Reason: o.reason, Ledger: j.ledger, Calls: j.calls, Superseded: j.superseded, Questions: j.questions,
		Desired: event.DesiredTaken{
			Sequence: j.message.Sequence, Orders: d.Source.Sequence, Version: d.Source.Version, Status: d.Source.Status, Hash: d.Hash,
			Mapping: d.Source.Mapping, Revision: d.Source.Revision, Rule: d.Policy.Rule,
			With: &event.DesiredWith{Adoption: d.SalesOrder.AdoptedBy(), Inputs: d.Inputs},
		},
	}
	if body.Calls == nil {
		body.Calls = []event.Call{}
	}
	if cause != nil {
		f := failures.FaultOf(cause)
		body.Fault = &f
	}
	s := subject.Sync{Account: w.key, Store: d.Store, Order: d.Order}
	m, err := publish.JSON(topology.Outcomes, s.String(), body.Envelope, body)
	// Ledger and event are one write: whoever was first wins, the other decides again.
	m.Expect = &publish.Expect{Sequence: j.sequence}
	return m, err
}

// sublists are those of a sales order that are written as a whole: a repeated write never doubles a line.
var sublists = []string{"item", "taxDetails"}

// target says where the order is written: by externalId, or the order another connector made, adopted.
func (w *writer) target(ctx context.Context, j *job) (suitetalk.Request, error) {
	so := j.desired.SalesOrder
	put := suitetalk.Upsert("salesOrder", so.ExternalID, nil, sublists...)
	put.Purpose = "upsert sales order"
	if j.ledger.SalesOrder != nil || len(so.Adoption) == 0 {
		return put, nil
	}
	id, err := w.adoptable(ctx, j)
	if err != nil || id == "" {
		return put, err
	}
	j.ledger.SalesOrder = &event.LedgerOrder{RecordID: event.RecordID{ID: id, Adopted: true}}
	adopt := suitetalk.Patch("salesOrder", id, nil, sublists...)
	adopt.Purpose = "adopt sales order"
	return adopt, nil
}

// adoptable looks for the order under the configured fields. Orders that carry one of our externalIds belong
// to a store of ours: two stores may use the same numbers.
func (w *writer) adoptable(ctx context.Context, j *job) (string, error) {
	var conditions []string
	for _, key := range j.desired.SalesOrder.Adoption {
		conditions = append(conditions, key.Field+" = "+suitetalk.Quote(key.Value))
	}
	q := fmt.Sprintf("SELECT id, externalid FROM transaction WHERE type = 'SalesOrd' AND (%s) ORDER BY id", strings.Join(conditions, " OR "))
	rows, calls, err := w.client.Query(ctx, "look for an order to adopt", q)
	j.add(calls)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, row := range rows {
		if strings.EqualFold(row["externalid"], j.desired.SalesOrder.ExternalID) {
			return "", nil // ours: an earlier write whose answer was lost
		}
		if !strings.HasPrefix(strings.ToLower(row["externalid"]), "wc-so-") {
			ids = append(ids, row["id"])
		}
	}
	switch len(ids) {
	case 0:
		return "", nil
	case 1:
		return ids[0], nil
	default:
		return "", fault.New(fault.OrderAmbiguous, "want at most one sales order to adopt, there are "+fmt.Sprint(len(ids)), fault.Field("number", j.desired.Number))
	}
}
