package statuspublisher

import (
	"context"
	"fmt"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/woo"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// refundDeeds are what follows from money that went back in NetSuite. A credit memo alone moves none: the refund that pays
// it out does.
func (s *Service) refundDeeds(c change) []deed {
	if c.rules.Owner.Refunds == config.ByShop {
		return nil
	}
	return []deed{{event.ShopKindRefund, c.Order + "-" + c.Record.ID, s.giveBack}}
}

// giveBack records NetSuite's refund in the shop, where no money moves by it and no stock. Invariant 2: a second POST makes
// a second refund, so the shop's list is read first, and a claim lets one process make it; one that came from the shop stays
// where it is.
func (s *Service) giveBack(ctx context.Context, c change, e entry, d deed) (*done, error) {
	result := &done{deed: c.about()}
	result.deed.Amount = c.Total
	hash, err := codec.Hash([]any{c.Kind, c.Record.ID, c.Total, c.Deleted})
	if err != nil || e.told(hash) || e.overtaken(c) {
		return nil, err
	}
	result.hash = hash
	ledger, err := s.ledgerWhole(ctx, c)
	if err != nil {
		return nil, err
	}
	if plan.FromShop(c.NetSuiteChangedV1, append(ledger.Refunds, ledger.Credits...)) {
		result.deed.Rule = plan.RuleFromShop
		return result, nil
	}
	record := c.Account + ":" + c.Kind + ":" + c.Record.ID
	have, err := c.shop.refundOf(ctx, c.Order, record, &result.calls)
	result.deed.Refund = have.id
	switch {
	case err != nil:
		return result, err
	case have.id != "":
		return result, have.agrees(c)
	case c.Deleted:
		result.deed.Rule = plan.RuleGone
		return result, nil
	case c.Total == nil:
		return result, fault.New(fault.MoneyMismatch, "a refund needs an amount, and one that pays several orders an amount for each", fault.Field("total", ""))
	default:
		return result, s.refund(ctx, c, e, d, record, result)
	}
}

// recorded is a refund of NetSuite's that the shop has.
type recorded struct{ id, amount string }

// agrees tells whether NetSuite's refund is still what the shop recorded: there it can neither be changed nor taken back
// without a person's decision.
func (r recorded) agrees(c change) error {
	amount, err := money.Parse(r.amount)
	switch {
	case err != nil:
		return fault.New(fault.Unexpected, "the shop must give a refund's amount", fault.Field("refunds."+r.id+".amount", r.amount))
	case c.Deleted:
		return fault.New(fault.MoneyMismatch, "a refund that the shop recorded must stay in NetSuite", fault.Field("refunds."+r.id, "deleted"))
	case c.Total == nil || !amount.Equal(*c.Total):
		return fault.New(fault.MoneyMismatch, "a refund that the shop recorded, of "+amount.String()+", must keep its amount", fault.Field("total", amountOf(c.Total)))
	default:
		return nil
	}
}

func amountOf(a *money.Amount) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// refund makes the shop's refund, once it is claimed.
func (s *Service) refund(ctx context.Context, c change, e entry, d deed, record string, result *done) error {
	order, err := c.shop.order(ctx, c.Order, &result.calls)
	if err != nil {
		return err
	}
	left, err := leftOf(order)
	if err != nil {
		return err
	}
	all, err := plan.GiveBack(*c.Total, left)
	if err != nil {
		return err
	}
	if result.claimed, err = s.claim(ctx, c.message, e, c.entry(d, event.ShopRetried, *result), result); err != nil {
		return err
	}
	if all && order.Status != plan.Refunded {
		if err := markRefunded(ctx, c, order, result); err != nil {
			return err
		}
	}
	if err := s.holds(e, result); err != nil {
		return err
	}
	return post(ctx, c, record, result)
}

// markRefunded sets the mark by which parse knows the status as ours: the shop makes an order refunded when nothing is left.
func markRefunded(ctx context.Context, c change, order woo.Order, result *done) error {
	mark, err := codec.Encode(order.MarkOf(plan.Refunded))
	if err != nil {
		return err
	}
	calls, err := c.shop.change(ctx, c.Order, map[string]any{"meta_data": metaOf(woo.MetaStatus, string(mark))})
	result.calls = append(result.calls, calls...)
	if err == nil {
		result.deed.From, result.deed.To = string(order.Status), plan.Refunded
	}
	return err
}

func post(ctx context.Context, c change, record string, result *done) error {
	made, err := c.shop.shop.Post(ctx, "record the refund", "/orders/"+c.Order+"/refunds", map[string]any{
		"amount": c.Total.String(), "reason": woo.RefundReason(c.TranID, record), "api_refund": false, "api_restock": false, "meta_data": metaOf(woo.MetaRecord, record),
	})
	result.calls = append(result.calls, made.Call)
	if err != nil {
		return err
	}
	refund, err := codec.Decode[struct {
		ID woo.Text `json:"id"`
	}](made.Body)
	if err != nil {
		return fault.New(fault.Unexpected, "the shop must answer with the refund", fault.Because(err))
	}
	result.deed.Refund = string(refund.ID)
	return nil
}

// leftOf is what the shop can still give back of an order.
func leftOf(order woo.Order) (money.Amount, error) {
	total, err := money.Parse(string(order.Total))
	if err != nil {
		return total, fault.New(fault.OrderInvalid, "want an amount such as \"12.30\"", fault.Field("total", string(order.Total)))
	}
	var given []money.Amount
	for _, r := range order.Refunds {
		amount, err := money.Parse(string(r.Total))
		if err != nil {
			return total, fault.New(fault.OrderInvalid, "want an amount such as \"-12.30\"", fault.Field("refunds."+string(r.ID)+".total", string(r.Total)))
		}
		given = append(given, amount)
	}
	return plan.Left(total, given), nil
}

// refundOf finds the shop's refund of one of NetSuite's; without id there is none.
func (b *batcher) refundOf(ctx context.Context, order, record string, calls *[]event.Call) (recorded, error) {
	refunds, err := b.refunds(ctx, order, "look for the refund", calls)
	for _, r := range refunds {
		if woo.TextOf(r.Meta, woo.MetaRecord) == record {
			return recorded{string(r.ID), string(r.Amount)}, err
		}
	}
	return recorded{}, err
}

// page is the longest page that WooCommerce gives.
const page = 100

// refunds lists an order's refunds, however many.
func (b *batcher) refunds(ctx context.Context, order, purpose string, calls *[]event.Call) ([]woo.RefundRecord, error) {
	var all []woo.RefundRecord
	for n := 1; len(all) == page*(n-1); n++ {
		answer, err := b.shop.Get(ctx, purpose, fmt.Sprintf("/orders/%s/refunds?per_page=%d&page=%d", order, page, n))
		*calls = append(*calls, answer.Call)
		if err != nil {
			return nil, err
		}
		rows, err := codec.Decode[[]woo.RefundRecord](answer.Body)
		if err != nil {
			return nil, fault.New(fault.Unexpected, "the shop must answer with a list of refunds", fault.Because(err))
		}
		all = append(all, rows...)
	}
	return all, nil
}

// documentDeeds keep the numbers of NetSuite's documents on the order, where the store wants meta keys. The sales order's
// own stands under the key of outcomes.
func (s *Service) documentDeeds(c change) []deed {
	if s.stores[c.Store].WriteBack != "meta" || c.TranID == "" {
		return nil
	}
	return []deed{{event.ShopKindDocuments, c.Order, s.file}}
}

// file lays the document over those that the order has.
func (s *Service) file(ctx context.Context, c change, e entry, d deed) (*done, error) {
	var known []event.ShopDocument
	if e.last != nil && e.last.Deed != nil {
		known = e.last.Deed.Documents
	}
	result := &done{deed: c.about()}
	result.deed.Documents = plan.Merge(known, event.ShopDocument{Kind: c.Kind, ID: c.Record.ID, Number: c.TranID, Deleted: c.Deleted, ModifiedAt: c.ModifiedAt})
	shown := []map[string]string{}
	for _, d := range result.deed.Documents {
		if !d.Deleted {
			shown = append(shown, map[string]string{"kind": d.Kind, "id": d.ID, "number": d.Number})
		}
	}
	value, err := codec.Encode(shown)
	if err != nil {
		return nil, err
	}
	if result.hash, err = codec.Hash(string(value)); err != nil || e.told(result.hash) {
		return nil, err
	}
	return result, s.change(ctx, c, e, d, result, map[string]any{"meta_data": metaOf(woo.MetaDocuments, string(value))})
}
