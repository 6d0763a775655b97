package netsuitewriter

import (
	"context"
	"fmt"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// kindCustomer is the kind of a customer's desired state in its subject.
const kindCustomer = "customer"

// customer brings the record of a shop's customer account to its desired state. NetSuite's record is the ledger: it is read,
// and only what differs is written, so that the same state may come any number of times (Invariant 2). What cannot be done
// is parked; a later state that succeeds resolves it.
func (w *writer) customer(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	d, err := codec.Decode[event.DesiredCustomerV1](m.Data)
	if err != nil {
		return nil, fault.New(fault.MessageUndecodable, "want a desired state", fault.Field(m.Subject, fmt.Sprint(m.Sequence)), fault.Because(err))
	}
	if gone, err := w.outdated(ctx, m); gone || err != nil {
		return nil, err
	}
	consume.Asked(ctx, w.stores[d.Store].Back.Owner.Customer != config.ByNetSuite)
	key := failures.CustomerKey(d.Customer)
	err = w.revise(suitetalk.WithLane(ctx, laneOf(m, kindCustomer)), d)
	switch {
	case err == nil:
		return w.book.Resolve(ctx, d.Store, key, m.Position(), w.now())
	case fault.ClassOf(err) == fault.Transient && m.Attempt+1 >= w.config.Attempts:
		err = fault.New(fault.AttemptsExhausted, fmt.Sprintf("one of %d attempts must succeed", w.config.Attempts), fault.Because(err))
	case !parks(err):
		return nil, err
	}
	return w.book.Park(ctx, d.Store, key, m.Position(), failures.FaultOf(err), w.now())
}

// revise reads the account's record and writes what it lacks. One that NetSuite does not have is made by the account's first
// order, not here; an adopted one belongs to people.
func (w *writer) revise(ctx context.Context, d event.DesiredCustomerV1) error {
	if w.stores[d.Store].Back.Owner.Customer == config.ByNetSuite {
		w.log.InfoContext(ctx, "customer not changed", "rule", plan.RuleCustomerOwner, "store", d.Store, "customer", d.Customer)
		return nil
	}
	release, err := w.people.lock(ctx, d.ExternalID)
	if err != nil {
		return err
	}
	defer release()
	ours := customerBy("externalId", d.ExternalID)
	records, _, err := w.directory.find(ctx, []event.Ref{ours}, true)
	if err != nil || !usable(records[ours]) {
		return err
	}
	id := records[ours][0].id
	answer, err := w.client.Do(ctx, suitetalk.Get("customer", id))
	if fault.CodeOf(err) == fault.NetSuiteRecordMissing {
		w.directory.forget([]event.Ref{ours})
		return nil
	}
	if err != nil {
		return err
	}
	revision, known, err := plan.Revise(d, answer.Body)
	if err != nil || !known || revision.Body == nil {
		return err
	}
	log := w.log.With("store", d.Store, "customer", d.Customer, "fields", revision.Fields)
	if w.config.Writes == "hold" {
		log.InfoContext(ctx, "customer not changed: writes are on hold")
		return nil
	}
	if err := w.pinned(ctx); err != nil {
		return err
	}
	if _, err := w.scribe.send(ctx, "customer", suitetalk.Patch("customer", id, revision.Body)); err != nil {
		return err
	}
	log.InfoContext(ctx, "customer changed")
	return nil
}
