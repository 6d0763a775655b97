package mapping

import (
	"cmp"
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// RefundBlock says what refunds become.
type RefundBlock struct {
	PostingDate         string            `yaml:"posting_date"`          // refund (its own date; the default), first-open
	Account             string            `yaml:"account"`               // name of the account refunds are paid from; the gateway's, else NetSuite's own choice
	Item                string            `yaml:"item"`                  // what a credit memo of a billed order says of money that no line covers; absent: a question
	StatusChange        string            `yaml:"status_change"`         // what a refund made by a change of status is: none (the default), money
	StatusChangeReasons []string          `yaml:"status_change_reasons"` // how the shop words such a refund; WooCommerce's own text where empty
	Fields              map[string]string `yaml:"fields"`                // of each customer refund: NetSuite field → expression over refund
}

// What a refund made by a change of status is.
const (
	StatusChangeNone  = "none"  // no money went back
	StatusChangeMoney = "money" // the merchant pays back by hand
)

// Source: WooCommerce's wc_order_fully_refunded(); shops in other languages word it in theirs.
const fullyRefunded = "Order fully refunded."

// byStatus tells whether WooCommerce made a refund because someone set the order to refunded: no lines, no
// gateway, a text of its own.
func (b RefundBlock) byStatus(r event.Refund) bool {
	reasons := b.StatusChangeReasons
	if len(reasons) == 0 {
		reasons = []string{fullyRefunded}
	}
	return slices.Contains(reasons, r.Reason) && (r.Detail == nil || len(r.Detail.Lines) == 0 && !r.Detail.ThroughGateway)
}

// customerRefunds are the order's refunds as money given back; warnings name those that are none, or not yet.
// With policy order the money was never in NetSuite: nothing is given back from there.
func (t till) customerRefunds(b *basket) (list []event.CustomerRefund, warnings []string, err error) {
	list = []event.CustomerRefund{}
	if t.elsewhere() {
		return list, nil, nil
	}
	for _, r := range t.order.Refunds {
		switch {
		case t.m.document.Refunds.byStatus(r) && t.m.document.Refunds.StatusChange != StatusChangeMoney:
			warnings = append(warnings, "refund "+r.ID+" was made by a change of status: no money is booked")
			continue
		case r.Detail == nil && !r.Deleted:
			warnings = append(warnings, waitsForRecord(r))
			continue
		case r.Total.Round(t.order.Currency).IsZero():
			continue
		}
		c, err := t.customerRefund(r, b)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, c)
	}
	return list, warnings, nil
}

// elsewhere tells whether the order's money is booked outside of NetSuite.
func (t till) elsewhere() bool { return t.known && t.gateway.Policy == PolicyOrder }

// givenBack is what refunds gave back of an order whose money is booked elsewhere; warnings name refunds of which that is not
// known yet. An amount alone leaves the order as it is.
func (t till) givenBack(b *basket) (list []event.GivenBack, warnings []string) {
	if !t.elsewhere() {
		return nil, nil
	}
	for _, r := range t.order.Refunds {
		if r.Deleted || t.m.document.Refunds.byStatus(r) {
			continue
		}
		if r.Detail == nil {
			warnings = append(warnings, waitsForRecord(r))
			continue
		}
		back := event.GivenBack{Refund: r.ID}
		if back.Lines, back.Shipping, back.ShippingTax = b.credits(r.Detail.Lines); len(back.Lines) > 0 || !back.Shipping.IsZero() || !back.ShippingTax.IsZero() {
			list = append(list, back)
		}
	}
	return list, warnings
}

func waitsForRecord(r event.Refund) string { return "refund " + r.ID + " waits for its record" }

func (t till) customerRefund(r event.Refund, b *basket) (event.CustomerRefund, error) {
	t.scope.Refund = refundOf(r)
	t.scope.part = r.ID
	fields, err := t.m.values(t.m.refund, t.scope, false)
	t.scope.Refund = Refund{}
	if err != nil {
		return event.CustomerRefund{}, err
	}
	c := event.CustomerRefund{
		ExternalID: externalID("cr", t.order) + "-" + r.ID, Refund: r.ID, Amount: r.Total.Abs().Round(t.order.Currency), Fields: fields, Lines: []event.CreditLine{}, Question: t.question(),
	}
	if item := t.m.document.Refunds.Item; item != "" {
		c.Item = &event.Ref{Record: "item", By: "name", Key: item}
	}
	if c.Deleted = r.Deleted; c.Deleted {
		c.Question = "the shop lists this refund no more: void what was booked of it, or make it again"
	}
	if r.Detail != nil {
		t.place(fields, t.gateway, r.Detail.LocalDate, t.m.document.Refunds.PostingDate)
		if account := cmp.Or(t.m.document.Refunds.Account, t.gateway.Account); account != "" {
			fields["account"] = accountOf(account)
		}
		c.Lines, c.Shipping, c.ShippingTax = b.credits(r.Detail.Lines)
	}
	return c, nil
}

func refundOf(r event.Refund) Refund {
	env := Refund{ID: r.ID, Reason: r.Reason, Amount: r.Total.Abs()}
	if r.Detail != nil {
		env.Date = r.Detail.LocalDate
	}
	return env
}

// given is what refunds gave back of one entry.
type given struct {
	quantity   money.Number
	total, tax money.Amount
}
