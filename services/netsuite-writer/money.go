package netsuitewriter

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// paper is a deposit, refund, credit memo or bill as NetSuite holds it.
type paper struct {
	id, externalID string
	kind           string // NetSuite's code of the type
	total          money.Amount
	open           money.Amount // of a credit memo: what nothing has taken yet
}

// papers reads transactions by externalId, many in one query.
func papers(ctx context.Context, client *suitetalk.Client, externalIDs []string) (map[string]paper, []event.Call, error) {
	slices.Sort(externalIDs)
	q := fmt.Sprintf("SELECT t.id AS id, t.type AS type, t.externalid AS externalid, t.foreigntotal AS total, t.foreignamountunpaid AS open FROM transaction t"+
		" WHERE t.type IN ('CustDep', 'CustRfnd', 'CustInvc', 'CashSale', 'CustCred', 'CashRfnd') AND LOWER(t.externalid) IN (%s) ORDER BY t.id", suitetalk.In(externalIDs))
	rows, calls, err := client.Query(ctx, "read back payments", q)
	if err != nil {
		return nil, calls, err
	}
	found := map[string]paper{}
	for _, row := range rows {
		total, err := money.Parse(row["total"])
		if err != nil {
			return nil, calls, fmt.Errorf("read back %s: total: %w", row["externalid"], err)
		}
		p := paper{id: row["id"], externalID: row["externalid"], kind: row["type"], total: total.Abs()}
		if text, given := row["open"]; given { // a null column is absent
			if p.open, err = money.Parse(text); err != nil {
				return nil, calls, fmt.Errorf("read back %s: open amount: %w", row["externalid"], err)
			}
			p.open = p.open.Abs()
		}
		found[strings.ToLower(row["externalid"])] = p
	}
	return found, calls, nil
}

// settle makes the deposits, refunds and the bill that the order lacks in NetSuite, once its sales order is there. What
// needs a person becomes a question of the outcome; the order itself is done.
func (w *writer) settle(ctx context.Context, j *job) error {
	if j.ledger.SalesOrder == nil {
		return nil
	}
	if err := w.withdrawn(ctx, j); err != nil {
		return err
	}
	if err := w.unverified(ctx, j); err != nil {
		return err
	}
	lacking, said := w.lacking(j)
	j.notes = append(j.notes, said...)
	if lacking.Empty() {
		return nil
	}
	// A state that is not the order's first may find what an earlier one made before a crash; its amount stands. The
	// first one makes the same again: the external id keeps it one record.
	if w.earlier(j) {
		if err := w.recall(ctx, j, lacking); err != nil {
			return err
		}
		if lacking, _ = w.lacking(j); lacking.Empty() {
			return nil
		}
	}
	made, err := w.makeAll(ctx, j, lacking)
	if err != nil || len(made) == 0 {
		return err
	}
	return w.checkMoney(ctx, j, made)
}

// withdrawn asks about refunds that the shop deleted: where NetSuite holds one, the order's total is up again and the money
// is still given back. One that was booked and is gone from NetSuite too is settled. What a try before its end was known made of
// one is entered: the question is about a record that the ledger knows.
func (w *writer) withdrawn(ctx context.Context, j *job) error {
	deleted := plan.Deleted(j.desired)
	if len(deleted) == 0 {
		return nil
	}
	var names []string
	for _, r := range deleted {
		names = append(names, recordsOf(j.ledger, r)...)
	}
	found, err := w.lookAll(ctx, j, names, deleted)
	if err != nil {
		return err
	}
	for _, r := range deleted {
		if err := w.enterFound(ctx, j, r, found); err != nil {
			return err
		}
		var records []string
		for _, externalID := range recordsOf(j.ledger, r) {
			if p, is := found[strings.ToLower(externalID)]; is {
				records = append(records, p.id)
			}
		}
		rule := "the shop deleted this refund: void NetSuite's record " + strings.Join(records, ", ") + ", or make it again in the shop"
		switch {
		case len(records) > 0:
		case plan.Void(&j.ledger, r.Refund):
			continue
		default:
			rule = r.Question
		}
		if err := j.ask(r.ExternalID, fault.New(fault.RefundDeleted, rule, fault.Field("refunds.id", r.Refund))); err != nil {
			return err
		}
	}
	return nil
}

// recordsOf lists the externalIds that a refund's records may have, the shares known to the ledger included.
func recordsOf(l event.Ledger, r event.CustomerRefund) []string {
	names := []string{r.ExternalID, plan.CreditID(r)}
	for _, credit := range l.Credits {
		if credit.Key == r.Refund && !slices.Contains(names, credit.ExternalID) {
			names = append(names, credit.ExternalID)
		}
	}
	return names
}

// lacking is the money to book, and what is left to NetSuite's people by the store's owners.
func (w *writer) lacking(j *job) (plan.Money, []string) {
	owner := w.stores[j.desired.Store].Back.Owner
	return plan.Lacking(j.desired, j.ledger).Owned(owner.Payment == config.ByNetSuite, owner.Refunds == config.ByNetSuite)
}

// recall enters what NetSuite holds already.
func (w *writer) recall(ctx context.Context, j *job, lacking plan.Money) error {
	found, err := w.lookAll(ctx, j, lacking.ExternalIDs(), lacking.Refunds)
	if err != nil {
		return err
	}
	for _, d := range lacking.Deposits {
		if p, is := found[strings.ToLower(d.ExternalID)]; is {
			j.ledger.Deposits = append(j.ledger.Deposits, entryOf(p.id, d.ExternalID, d.Payment, p.total))
		}
	}
	for _, r := range lacking.Refunds {
		if err := w.enterFound(ctx, j, r, found); err != nil {
			return err
		}
	}
	if b := lacking.Bill; b != nil {
		if p, is := found[strings.ToLower(b.ExternalID)]; is {
			j.billed(p.id, b.ExternalID)
			return w.checkBill(ctx, j, p)
		}
	}
	return nil
}

func entryOf(id, externalID, key string, amount money.Amount) event.LedgerMoney {
	return event.LedgerMoney{RecordID: event.RecordID{ID: id, ExternalID: externalID}, Key: key, Amount: amount}
}

func (w *writer) look(ctx context.Context, j *job, from *loader[paper], externalIDs []string) (map[string]paper, error) {
	keys := make([]string, len(externalIDs))
	for i, id := range externalIDs {
		keys[i] = strings.ToLower(id)
	}
	found, calls, err := from.load(ctx, keys, false)
	j.add(calls)
	return found, err
}

// makeAll makes what lacks, deposits before refunds before the bill, and gives the amounts to verify by externalId.
func (w *writer) makeAll(ctx context.Context, j *job, lacking plan.Money) (map[string]money.Amount, error) {
	made := map[string]money.Amount{}
	for _, d := range lacking.Deposits {
		id, err := w.make(ctx, j, document{
			record: "customerDeposit", externalID: d.ExternalID, key: d.Payment, question: d.Question, refs: plan.Money{Deposits: []event.Deposit{d}}.Refs(),
			request: func(ids plan.IDs) (suitetalk.Request, error) {
				body, err := plan.Deposit(d, j.ledger.SalesOrder.ID, ids)
				return suitetalk.Upsert("customerDeposit", d.ExternalID, body), err
			},
		})
		if err != nil {
			return nil, err
		}
		if id != "" {
			j.ledger.Deposits = append(j.ledger.Deposits, entryOf(id, d.ExternalID, d.Payment, d.Amount))
			made[d.ExternalID] = d.Amount
		}
	}
	for _, r := range lacking.Refunds {
		if err := w.refund(ctx, j, r, made); err != nil {
			return nil, err
		}
	}
	return made, w.bill(ctx, j, lacking.Bill, made)
}

// document is a record of an order's money, made once.
type document struct {
	record, externalID string
	key                string // of the ledger's entry: the shop's payment or refund; empty: it is a bill
	question           string // why it cannot be made; empty: it can
	refs               []event.Ref
	request            func(ids plan.IDs) (suitetalk.Request, error)
}

// make writes one record and gives its id; "" when it became a question. A trouble of the moment is an error: the whole
// order is tried again, and what is made is found.
func (w *writer) make(ctx context.Context, j *job, d document) (string, error) {
	if d.question != "" {
		return "", j.ask(d.externalID, fault.New(fault.PaymentUnmapped, d.question))
	}
	id, err := w.post(ctx, j, d)
	return id, j.ask(d.externalID, err)
}

// ask turns an error that stays into a question about a part of the order; any other is handed back.
func (j *job) ask(subject string, err error) error {
	if !parks(err) {
		return err
	}
	j.questions = append(j.questions, event.Question{Subject: subject, Fault: failures.FaultOf(err)})
	return nil
}

func (w *writer) post(ctx context.Context, j *job, d document) (string, error) {
	ids, calls, err := w.directory.resolve(ctx, d.refs, j.retry)
	j.add(calls)
	if err != nil {
		return "", err
	}
	r, err := d.request(ids)
	if err != nil {
		return "", err
	}
	if err := w.pinned(ctx); err != nil {
		return "", err
	}
	w.touched.mark(j.subject, j.message.Sequence)
	answer, err := w.send(ctx, j, d.record, r)
	switch fault.CodeOf(err) {
	case fault.NetSuiteAmbiguous, fault.ExternalIDTaken:
		// It may have happened: look before repeating.
		found, lookErr := w.look(ctx, j, w.payments, []string{d.externalID})
		if p, is := found[strings.ToLower(d.externalID)]; is && lookErr == nil {
			return p.id, nil
		}
		err = w.missed(j, d, err)
		return "", cmp.Or(lookErr, err)
	}
	if err != nil {
		w.doubt(err, d.refs)
		return "", err
	}
	return answer.ID()
}

// checkMoney accepts only what a read-back shows. Invariant 5: to the cent.
func (w *writer) checkMoney(ctx context.Context, j *job, made map[string]money.Amount) error {
	var ids []string
	for id := range made {
		ids = append(ids, id)
	}
	found, err := w.look(ctx, j, w.receipts, ids)
	if err != nil {
		return err
	}
	for id, want := range made {
		p, is := found[strings.ToLower(id)]
		if !is {
			return fault.New(fault.NetSuiteAmbiguous, "the record must be found after the write", fault.Field("externalId", id))
		}
		if bill := j.ledger.Bill; bill != nil && id == bill.ExternalID {
			if err := w.checkBill(ctx, j, p); err != nil {
				return err
			}
			continue
		}
		if !p.total.Equal(want) {
			return fault.New(fault.VerificationMismatch, "NetSuite must hold "+want.String(), fault.Field(id, p.total.String()))
		}
	}
	return nil
}
