package statuspublisher

import (
	"context"
	"net/http"
	"slices"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/woo"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// goodsOf reads the lines of the shop's order.
func goodsOf(order woo.Order) []plan.Good {
	var goods []plan.Good
	for i, line := range order.Lines {
		outermost, holds := order.Bundle(i)
		goods = append(goods, plan.Good{
			ID: string(line.ID), SKU: string(line.SKU), Name: string(line.Name), Quantity: pieces(line), Bundle: string(outermost.ID), Holds: holds,
		})
	}
	return goods
}

// pieces is a line's quantity; parse refuses an order of which it is no number.
func pieces(line woo.LineItem) money.Number {
	n, err := money.ParseNumber(string(line.Quantity))
	if err != nil {
		return money.Number{}
	}
	return n
}

// whole lays the shop's lines over NetSuite's. What the shop took back is asked for only where it decides.
func whole(ctx context.Context, c change, order woo.Order, lines []plan.Progress, calls *[]event.Call) ([]plan.Progress, error) {
	goods := goodsOf(order)
	all := plan.Whole(lines, goods)
	if len(order.Refunds) == 0 || len(plan.Open(all)) == len(plan.Open(lines)) {
		return all, nil
	}
	refunds, err := c.shop.refunds(ctx, c.Order, "what was taken back", calls)
	back := map[string]money.Number{}
	for _, r := range refunds {
		for _, line := range r.Lines {
			id := woo.TextOf(line.Meta, woo.RefundedLine)
			back[id] = back[id].Sub(pieces(line)) // a refund's quantities are negative
		}
	}
	return plan.Whole(lines, plan.Less(goods, back)), err
}

// goods asks the shop which lines need no shipping: an order does not say so itself. Only a line that NetSuite has not
// shipped is worth the question, and one whose product is gone counts as goods.
func (s *Service) goods(ctx context.Context, c change, order woo.Order, lines []plan.Progress, calls *[]event.Call) error {
	for i, p := range lines {
		path := productOf(order, p.Good.ID)
		if path == "" || p.Shipped.Sign() > 0 {
			continue
		}
		answer, err := c.shop.shop.Get(ctx, "is it virtual", path+"?_fields=virtual,type")
		*calls = append(*calls, answer.Call)
		if answer.Status == http.StatusNotFound {
			continue
		}
		if err != nil {
			return err
		}
		product, err := codec.Decode[struct {
			Virtual bool     `json:"virtual"`
			Type    woo.Text `json:"type"`
		}](answer.Body)
		if err != nil {
			return fault.New(fault.Unexpected, "the shop must answer with a product", fault.Because(err))
		}
		lines[i].Good.Virtual = product.Virtual || slices.Contains(c.rules.GiftCards, string(product.Type))
	}
	return nil
}

func productOf(order woo.Order, line string) string {
	for _, l := range order.Lines {
		switch {
		case string(l.ID) != line || l.ProductID == "" || l.ProductID == "0":
		case l.VariationID != "" && l.VariationID != "0":
			return "/products/" + string(l.ProductID) + "/variations/" + string(l.VariationID)
		default:
			return "/products/" + string(l.ProductID)
		}
	}
	return ""
}
