package parse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/woo"
)

// Refunds reads an order's own refund records, sorted by id: the answer of GET /orders/<id>/refunds.
func Refunds(d Delivery) ([]event.Refund, error) {
	wire, err := codec.Decode[[]woo.RefundRecord](d.Body)
	if err != nil {
		return nil, fault.New(fault.DeliveryUndecodable, "want refunds as WooCommerce writes them", fault.Because(err))
	}
	r := &reader{}
	list := make([]event.Refund, 0, len(wire))
	for i, w := range wire {
		if woo.OwnRefund(w.Reason) {
			continue
		}
		at := fmt.Sprintf("[%d].", i)
		list = append(list, event.Refund{
			ID: r.id(at+"id", w.ID), Reason: string(w.Reason), Total: r.amount(at+"amount", w.Amount).Abs().Neg(), Detail: r.detail(at, w),
		})
	}
	sortRefunds(list)
	return list, r.err
}

func sortRefunds(list []event.Refund) {
	slices.SortFunc(list, func(a, b event.Refund) int {
		return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
}

func (r *reader) detail(at string, w woo.RefundRecord) *event.RefundDetail {
	created := r.time(at+"date_created_gmt", w.CreatedGMT)
	if created.IsZero() {
		r.fail(fault.OrderInvalid, at+"date_created_gmt", "", "want the time of the refund")
	}
	local := cmp.Or(r.time(at+"date_created", w.Created), created)
	d := event.RefundDetail{At: created, LocalDate: local.Format(time.DateOnly), ThroughGateway: w.ByGateway, Lines: []event.RefundLine{}}
	for i, line := range w.Lines {
		path := fmt.Sprintf("%sline_items[%d].", at, i)
		d.Lines = append(d.Lines, r.refundLine(path, string(line.Quantity), line.Total, line.TotalTax, line.Meta))
	}
	for i, line := range w.ShippingLines {
		d.Lines = append(d.Lines, r.refundLine(fmt.Sprintf("%sshipping_lines[%d].", at, i), "0", line.Total, line.TotalTax, line.Meta))
	}
	for i, line := range w.FeeLines {
		d.Lines = append(d.Lines, r.refundLine(fmt.Sprintf("%sfee_lines[%d].", at, i), "0", line.Total, line.TotalTax, line.Meta))
	}
	return &d
}

// refundLine turns the record's negative figures round.
func (r *reader) refundLine(at, quantity string, total, tax woo.Text, meta []woo.Meta) event.RefundLine {
	line := event.RefundLine{Quantity: r.number(at+"quantity", codec.Number(quantity)).Neg(), Total: r.amount(at+"total", total).Neg(), Tax: r.amount(at+"total_tax", tax).Neg()}
	if line.Quantity.Sign() < 0 {
		r.fail(fault.OrderInvalid, at+"quantity", quantity, "a refund's quantity must not be positive")
	}
	for _, m := range meta {
		if m.Key == woo.RefundedLine {
			line.Line = textOf(m.Value)
		}
	}
	if line.Line == "" {
		r.fail(fault.OrderInvalid, at+"meta_data."+woo.RefundedLine, "", "want the order's line that is given back")
	}
	return line
}

// textOf gives a text or a number as text, "" for anything else.
func textOf(value codec.Raw) string {
	text, err := codec.Decode[woo.Text](value)
	if err != nil {
		return ""
	}
	return string(text)
}

// carry completes a state by what earlier ones know of its refunds: details that were read, and refunds that
// are listed no more. A refund's record never changes, so the first detail read is the detail.
func carry(last *event.OrderStateV1, state event.OrderStateV1) (event.OrderStateV1, error) {
	if last == nil || len(last.Refunds) == 0 {
		return state, nil
	}
	refunds := slices.Clone(state.Refunds)
	for _, known := range last.Refunds {
		i := slices.IndexFunc(refunds, func(r event.Refund) bool { return r.ID == known.ID })
		switch {
		case i < 0:
			known.Deleted = true
			refunds = append(refunds, known)
		case refunds[i].Detail == nil:
			refunds[i].Detail = known.Detail
		}
	}
	sortRefunds(refunds)
	state.Refunds = refunds
	return state, seal(&state)
}

// Detailed gives an order's newest state with the details that a read brought; nil when it brings nothing new.
// It keeps the state's version: the order itself did not change. lacking tells that the shop has no record of
// a refund the state lists: the order must be read again.
func Detailed(last event.OrderStateV1, records []event.Refund, d Delivery) (news *event.OrderStateV1, lacking bool, err error) {
	state := last
	state.Refunds = slices.Clone(last.Refunds)
	for i, refund := range state.Refunds {
		if refund.Detail != nil || refund.Deleted {
			continue
		}
		at := slices.IndexFunc(records, func(r event.Refund) bool { return r.ID == refund.ID })
		if at < 0 {
			lacking = true
			continue
		}
		state.Refunds[i].Detail = records[at].Detail
	}
	if err := seal(&state); err != nil || state.Hash == last.Hash {
		return nil, lacking, err
	}
	state.Source, state.Time = sourceOf(d), d.Facts.ReceivedAt
	return name(&last, state), lacking, nil
}

// Undetailed tells whether a refund of the state waits for its detail.
func Undetailed(state event.OrderStateV1) bool {
	return slices.ContainsFunc(state.Refunds, func(r event.Refund) bool { return r.Detail == nil && !r.Deleted })
}
