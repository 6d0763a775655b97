package statuspublisher

import (
	"context"

	"github.com/orderstream/orderstream/contracts/event"
)

// turn is one process's turn to tell an order's customer of parcels. Fulfilments of an order may share a number, and two states
// of one may be with two processes, so the turn is the order's: its ledger is an entry of claims beside those of the
// fulfilments.
type turn struct {
	service *Service
	change  change
	ledger  entry // before the shop was looked at
	result  *done
	taken   bool
}

// turn opens an order's turn for a fulfilment. A conflict: another process has it. The fulfilment's own ledger is read again
// where somebody had the turn before: what was told then may be what this change is overtaken by.
func (s *Service) turn(ctx context.Context, c change, of entry) (*turn, entry, error) {
	ledger, err := s.open(ctx, c.Store, event.ShopKindMailing, c.Order)
	if err != nil || ledger.last == nil {
		return &turn{service: s, change: c, ledger: ledger}, of, err
	}
	if err := s.others(ctx, c, ledger); err != nil {
		return nil, of, err
	}
	of, err = s.open(ctx, c.Store, event.ShopKindFulfilment, c.Order+"-"+c.Record.ID)
	return &turn{service: s, change: c, ledger: ledger}, of, err
}

// others tells whether the turn is another process's. Each ends with an entry of the fulfilment that it was taken for.
func (s *Service) others(ctx context.Context, c change, ledger entry) error {
	theirs := s.claimed(ledger, c.message)
	if theirs == nil {
		return nil
	}
	told, err := s.open(ctx, c.Store, event.ShopKindFulfilment, c.Order+"-"+ledger.last.Deed.RecordID)
	if err != nil || told.sequence > ledger.sequence {
		return err
	}
	return theirs
}

// take is asked before each thing that mails the customer. Invariant 2: the shop was looked at since the ledger was read, and
// nobody had the turn meanwhile.
func (t *turn) take(ctx context.Context) error {
	if !t.taken {
		mailing := t.change.entry(deed{kind: event.ShopKindMailing, key: t.change.Order}, event.ShopRetried, *t.result)
		if _, err := t.service.claim(ctx, t.change.message, t.ledger, mailing, t.result); err != nil {
			return err
		}
		t.taken = true
	}
	return t.service.holds(t.ledger, t.result)
}
