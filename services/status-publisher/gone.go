package statuspublisher

import (
	"context"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// goneDeeds follow from a sales order that may be gone, whatever the store wants to be told.
func (s *Service) goneDeeds(c change) []deed {
	if c.Kind != event.ChangeSalesOrder {
		return nil
	}
	return []deed{{event.ShopKindNote, c.Order + "-" + plan.TopicGone, s.gone}}
}

// gone asks a person about a sales order that NetSuite deleted, and notes it in the shop: the order stands there as if nothing
// had happened, and nothing ships it any more. Invariant 3. The question is over when the order has a sales order again.
func (s *Service) gone(ctx context.Context, c change, e entry, d deed) (*done, error) {
	if e.overtaken(c) || !c.Deleted && (e.last == nil || e.last.State == event.ShopKept) {
		return nil, nil
	}
	result := &done{deed: c.about()}
	if !c.Deleted {
		result.deed.Rule = plan.RuleThere
		return result, nil
	}
	note := plan.Gone(c.TranID)
	hash, err := codec.Hash(c.Record.ID)
	if err != nil || e.last != nil && e.last.State == event.ShopParked && e.last.Hash == hash {
		return nil, err
	}
	result.hash, result.deed.Note = hash, note.Text
	if c.rules.Notes != "off" && s.stores[c.Store].WriteBack != "off" {
		result.calls, err = c.shop.say(ctx, c.Order, note.Begins, note.Text, note.Customer, s.claiming(c.message, e, c.entry(d, event.ShopRetried, *result), result))
	}
	switch {
	case fault.CodeOf(err) == fault.ShopOrderMissing: // both are gone
		result.deed.Rule = plan.RuleGone
		return result, nil
	case err != nil:
		return result, err
	}
	return result, fault.New(fault.SalesOrderDeleted, "the sales order of a shop's order must stay in NetSuite", fault.Field("salesOrder "+c.Record.ID, c.TranID))
}
