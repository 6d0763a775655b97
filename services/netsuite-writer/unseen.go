package netsuitewriter

import (
	"context"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
)

// A record of an order's money that was given up and not found may still be made, behind a state that does not ask for it: a
// reversed payment, an order that is thrown away, a refund that is deleted. Nobody would look for it. So the ledger remembers it
// until it is found, or can come no more (Invariant 3).

// missed remembers such a record, and hands the error on.
func (w *writer) missed(j *job, d document, err error) error {
	if fault.CodeOf(err) != fault.NetSuiteAmbiguous {
		return err
	}
	j.unseen = true
	rest := slices.DeleteFunc(slices.Clone(j.ledger.Unseen), func(u event.LedgerUnseen) bool { return u.ExternalID == d.externalID })
	j.ledger.Unseen = append(rest, event.LedgerUnseen{Record: d.record, ExternalID: d.externalID, Key: d.key, GivenUp: w.now()})
	return err
}

// learn enters what earlier tries made and did not come to enter: what was given up and, of an order that waits for a person, all
// that its state names, because nothing else looks for it then.
func (w *writer) learn(ctx context.Context, j *job, parked bool) error {
	if parked {
		if err := w.learnNamed(ctx, j); err != nil {
			return err
		}
	}
	unseen := slices.DeleteFunc(slices.Clone(j.ledger.Unseen), func(u event.LedgerUnseen) bool { return tells(j.ledger, u.ExternalID) })
	j.ledger.Unseen = nil
	if len(unseen) == 0 {
		return nil
	}
	var names []string
	for _, u := range unseen {
		names = append(names, u.ExternalID)
	}
	looked := w.now()
	found, err := w.look(ctx, j, w.payments, names)
	for _, u := range unseen {
		p, is := found[strings.ToLower(u.ExternalID)]
		switch {
		case is && err == nil:
			err = w.take(ctx, j, u, p)
		case err != nil || looked.Before(u.GivenUp.Add(w.config.Late.Std())):
			j.ledger.Unseen = append(j.ledger.Unseen, u)
		}
	}
	return err
}

// learnNamed enters what the desired state names and the ledger does not tell of, refunds that the shop deleted included.
func (w *writer) learnNamed(ctx context.Context, j *job) error {
	named, _ := w.lacking(j)
	named.Refunds = append(named.Refunds, plan.Unbooked(j.ledger, plan.Deleted(j.desired))...)
	if j.ledger.SalesOrder == nil || !w.earlier(j) || named.Empty() {
		return nil
	}
	return w.recall(ctx, j, named)
}

// tells tells whether the ledger has an entry of a record.
func tells(l event.Ledger, externalID string) bool {
	if l.Bill != nil && strings.EqualFold(l.Bill.ExternalID, externalID) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(l.Deposits, l.Refunds, l.Credits), func(entry event.LedgerMoney) bool { return strings.EqualFold(entry.ExternalID, externalID) })
}

// take enters a record that was given up and is there.
func (w *writer) take(ctx context.Context, j *job, u event.LedgerUnseen, p paper) error {
	entry := entryOf(p.id, u.ExternalID, u.Key, p.total)
	switch {
	case u.Key == "":
		j.billed(p.id, u.ExternalID)
		return w.checkBill(ctx, j, p)
	case u.Record == "customerDeposit":
		j.ledger.Deposits = append(j.ledger.Deposits, entry)
	case strings.HasSuffix(u.Record, "Refund") && strings.HasSuffix(u.ExternalID, "-"+j.desired.Order+"-"+u.Key): // all of the refund, no share of it
		return w.enterRefund(ctx, j, entry, p.kind)
	default:
		j.ledger.Credits = append(j.ledger.Credits, entry)
	}
	return nil
}
