package parse

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/woo"
)

// Order reads one state of an order. Errors name field, value and rule; all mistakes of one kind stop at the
// first.
func Order(d Delivery) (event.OrderStateV1, error) {
	wire, err := codec.Decode[woo.Order](d.Body)
	if err != nil {
		return event.OrderStateV1{}, fault.New(fault.DeliveryUndecodable, "want an order as WooCommerce writes it", fault.Because(err))
	}
	r := &reader{}
	state := r.order(wire)
	if r.err != nil {
		return event.OrderStateV1{}, r.err
	}
	state.Store, state.Time = d.Facts.Store, d.Facts.ReceivedAt
	state.Source = sourceOf(d)
	state.Version.Sequence = d.Sequence
	return state, seal(&state)
}

func sourceOf(d Delivery) event.OrderSource {
	return event.OrderSource{Sequence: d.Sequence, Topic: d.Facts.Topic, Origin: d.Facts.Origin, ReceivedAt: d.Facts.ReceivedAt}
}

// seal computes the content hash: what the order says, without which message said it and when.
func seal(state *event.OrderStateV1) error {
	content := *state
	content.Envelope, content.Version, content.Source = event.Envelope{}, event.Version{}, event.OrderSource{}
	content.Kind, content.Hash = "", ""
	hash, err := codec.Hash(content)
	state.Hash = hash
	return err
}

// reader reads wire values and keeps the first mistake.
type reader struct{ err error }

func (r *reader) fail(code fault.Code, field, value, rule string) {
	if r.err == nil {
		r.err = fault.New(code, rule, fault.Field(field, value))
	}
}

// amount reads money; "" is what WooCommerce writes for none.
func (r *reader) amount(field string, text woo.Text) money.Amount {
	if text == "" {
		return money.Zero
	}
	amount, err := money.Parse(string(text))
	if err != nil {
		r.fail(fault.OrderInvalid, field, string(text), "want an amount such as \"12.30\"")
	}
	return amount
}

func (r *reader) number(field string, text codec.Number) money.Number {
	plain := string(text)
	if strings.ContainsAny(plain, "eE") { // PHP writes very small floats so; a quantity or rate never is one
		r.fail(fault.OrderInvalid, field, plain, "want a plain decimal number")
		return money.Number{}
	}
	number, err := money.ParseNumber(plain)
	if err != nil {
		r.fail(fault.OrderInvalid, field, plain, "want a decimal number")
	}
	return number
}

func (r *reader) time(field string, text woo.Text) time.Time {
	at, err := woo.ParseTime(text)
	if err != nil {
		r.fail(fault.OrderInvalid, field, string(text), "want a time such as 2026-11-23T03:14:00")
	}
	return at
}

func (r *reader) optionalTime(field string, text woo.Text) *time.Time {
	if at := r.time(field, text); !at.IsZero() {
		return &at
	}
	return nil
}

// id reads an object's id, a positive whole number.
func (r *reader) id(field string, text woo.Text) string {
	n, err := strconv.ParseUint(string(text), 10, 63)
	if err != nil || n == 0 {
		r.fail(fault.OrderInvalid, field, string(text), "want a positive whole number")
	}
	return string(text)
}

func (r *reader) order(w woo.Order) event.OrderStateV1 {
	w = w.Own()
	currency, err := money.ParseCurrency(string(w.Currency))
	if err != nil {
		r.fail(fault.CurrencyUnknown, "currency", string(w.Currency), "want a code of ISO 4217")
	}
	if w.Status == "" {
		r.fail(fault.OrderInvalid, "status", "", "want a status")
	}
	state := event.OrderStateV1{
		Order: r.id("id", w.ID), Number: cmp.Or(string(w.Number), string(w.ID)), Status: string(w.Status), Currency: currency, TaxIncluded: w.PricesTax,
		Placed: r.placed(w), Customer: customer(w), Billing: address(w.Billing), Shipping: address(w.Shipping),
		Lines: r.lines(w.Lines), Shipments: r.shipments(w.ShippingLines), Fees: r.fees(w.FeeLines), Coupons: r.coupons(w.CouponLines),
		Taxes: r.taxes(w.TaxLines), Refunds: r.refunds(w.Refunds), GiftCards: r.giftCards(w), CustomerNote: string(w.CustomerNote), Meta: r.meta("meta_data", w.Meta),
	}
	state.Version.ModifiedAt = r.time("date_modified_gmt", w.ModifiedGMT)
	if state.Version.ModifiedAt.IsZero() {
		r.fail(fault.OrderInvalid, "date_modified_gmt", "", "want the time of the last change")
	}
	state.Totals = r.totals(w, state)
	state.Payment = r.payment(w, state.Totals)
	state.Delivery = wish(state.Meta)
	return state
}

func (r *reader) placed(w woo.Order) event.Placed {
	local := r.time("date_created", w.Created)
	return event.Placed{
		At: r.time("date_created_gmt", w.CreatedGMT), LocalDate: local.Format(time.DateOnly), LocalTime: local.Format(time.TimeOnly),
		CompletedAt: r.optionalTime("date_completed_gmt", w.CompletedGMT), Via: string(w.CreatedVia),
	}
}

func customer(w woo.Order) event.Customer {
	c := event.Customer{
		Account: string(w.CustomerID), Email: strings.TrimSpace(string(w.Billing.Email)), FirstName: string(w.Billing.FirstName), LastName: string(w.Billing.LastName),
		Company: string(w.Billing.Company), Phone: string(w.Billing.Phone), IP: string(w.CustomerIP), UserAgent: string(w.CustomerAgent),
	}
	if c.Account == "0" {
		c.Account = ""
	}
	return c
}

func address(a woo.Address) event.Address {
	return event.Address{
		FirstName: string(a.FirstName), LastName: string(a.LastName), Company: string(a.Company), Address1: string(a.Address1), Address2: string(a.Address2),
		City: string(a.City), State: string(a.State), Postcode: string(a.Postcode), Country: string(a.Country), Email: string(a.Email), Phone: string(a.Phone),
	}
}

func (r *reader) payment(w woo.Order, totals event.Totals) event.Payment {
	p := event.Payment{
		Method: string(w.PaymentMethod), Title: string(w.PaymentTitle), TransactionID: string(w.TransactionID),
		PaidAt: r.optionalTime("date_paid_gmt", w.PaidGMT), Status: "unpaid",
	}
	if p.PaidAt != nil {
		p.LocalDate = cmp.Or(r.time("date_paid", w.Paid), *p.PaidAt).Format(time.DateOnly)
	}
	switch {
	case totals.Refunded.Sign() > 0 && totals.Refunded.Cmp(totals.Total) >= 0:
		p.Status = "refunded"
	case totals.Refunded.Sign() > 0:
		p.Status = "partially-refunded"
	case p.PaidAt != nil:
		p.Status = "paid"
	}
	return p
}

func (r *reader) totals(w woo.Order, state event.OrderStateV1) event.Totals {
	t := event.Totals{
		Discount: r.amount("discount_total", w.DiscountTotal), DiscountTax: r.amount("discount_tax", w.DiscountTax),
		Shipping: r.amount("shipping_total", w.ShippingTotal), ShippingTax: r.amount("shipping_tax", w.ShippingTax),
		Tax: r.amount("total_tax", w.TotalTax), Total: r.amount("total", w.Total),
	}
	for _, line := range state.Lines {
		t.Subtotal = t.Subtotal.Add(line.Subtotal)
	}
	for _, fee := range state.Fees {
		t.Fees = t.Fees.Add(fee.Total)
	}
	for _, refund := range state.Refunds {
		t.Refunded = t.Refunded.Sub(refund.Total)
	}
	if t.Total.Sign() < 0 {
		r.fail(fault.OrderInvalid, "total", string(w.Total), "an order's total must not be negative")
	}
	return t
}

func (r *reader) lines(wire []woo.LineItem) []event.Line {
	lines := make([]event.Line, 0, len(wire))
	for i, w := range wire {
		at := fmt.Sprintf("line_items[%d].", i)
		lines = append(lines, event.Line{
			ID: r.id(at+"id", w.ID), SKU: string(w.SKU), Name: string(w.Name), ParentName: string(w.ParentName),
			ProductID: optionalID(w.ProductID), VariationID: optionalID(w.VariationID), Quantity: r.quantity(at+"quantity", w.Quantity),
			Subtotal: r.amount(at+"subtotal", w.Subtotal), SubtotalTax: r.amount(at+"subtotal_tax", w.SubtotalTax),
			Total: r.amount(at+"total", w.Total), TotalTax: r.amount(at+"total_tax", w.TotalTax), TaxClass: string(w.TaxClass),
			Taxes: r.itemTaxes(at+"taxes", w.Taxes), Meta: r.meta(at+"meta_data", w.Meta),
		})
	}
	return lines
}

func (r *reader) quantity(field string, text codec.Number) money.Number {
	n := r.number(field, text)
	if n.Sign() < 0 {
		r.fail(fault.OrderInvalid, field, string(text), "a quantity must not be negative")
	}
	return n
}

func optionalID(id woo.Text) string {
	if id == "0" {
		return ""
	}
	return string(id)
}

func (r *reader) itemTaxes(field string, wire []woo.ItemTax) []event.LineTax {
	taxes := make([]event.LineTax, 0, len(wire))
	for i, w := range wire {
		if w.Total != "" { // "": the rate does not apply to this line
			taxes = append(taxes, event.LineTax{Rate: string(w.ID), Total: r.amount(fmt.Sprintf("%s[%d].total", field, i), w.Total)})
		}
	}
	return taxes
}

func (r *reader) shipments(wire []woo.ShippingLine) []event.Shipment {
	list := make([]event.Shipment, 0, len(wire))
	for i, w := range wire {
		at := fmt.Sprintf("shipping_lines[%d].", i)
		list = append(list, event.Shipment{
			ID: r.id(at+"id", w.ID), Method: string(w.MethodID), Instance: string(w.InstanceID), Title: string(w.Title),
			Total: r.amount(at+"total", w.Total), TotalTax: r.amount(at+"total_tax", w.TotalTax), Taxes: r.itemTaxes(at+"taxes", w.Taxes), Meta: r.meta(at+"meta_data", w.Meta),
		})
	}
	return list
}

func (r *reader) fees(wire []woo.FeeLine) []event.Fee {
	list := make([]event.Fee, 0, len(wire))
	for i, w := range wire {
		at := fmt.Sprintf("fee_lines[%d].", i)
		list = append(list, event.Fee{
			ID: r.id(at+"id", w.ID), Name: string(w.Name), TaxClass: string(w.TaxClass), Total: r.amount(at+"total", w.Total),
			TotalTax: r.amount(at+"total_tax", w.TotalTax), Taxes: r.itemTaxes(at+"taxes", w.Taxes), Meta: r.meta(at+"meta_data", w.Meta),
		})
	}
	return list
}

func (r *reader) coupons(wire []woo.CouponLine) []event.Coupon {
	list := make([]event.Coupon, 0, len(wire))
	for i, w := range wire {
		at := fmt.Sprintf("coupon_lines[%d].", i)
		list = append(list, event.Coupon{
			ID: r.id(at+"id", w.ID), Code: string(w.Code), Type: string(w.DiscountType),
			Discount: r.amount(at+"discount", w.Discount), DiscountTax: r.amount(at+"discount_tax", w.DiscountTax),
		})
	}
	return list
}

func (r *reader) taxes(wire []woo.TaxLine) []event.Tax {
	list := make([]event.Tax, 0, len(wire))
	for i, w := range wire {
		at := fmt.Sprintf("tax_lines[%d].", i)
		list = append(list, event.Tax{
			ID: r.id(at+"id", w.ID), Rate: string(w.RateID), Code: string(w.RateCode), Label: string(w.Label), Compound: w.Compound,
			Percent: r.number(at+"rate_percent", w.RatePercent), Total: r.amount(at+"tax_total", w.TaxTotal), ShippingTotal: r.amount(at+"shipping_tax_total", w.ShippingTotal),
		})
	}
	return list
}

// refunds are sorted by id: the shop lists the newest first. One that NetSuite made and we recorded drops out: NetSuite
// does not hear of it again.
func (r *reader) refunds(wire []woo.Refund) []event.Refund {
	list := make([]event.Refund, 0, len(wire))
	for i, w := range wire {
		if woo.OwnRefund(w.Reason) {
			continue
		}
		at := fmt.Sprintf("refunds[%d].", i)
		list = append(list, event.Refund{ID: r.id(at+"id", w.ID), Reason: string(w.Reason), Total: r.amount(at+"total", w.Total)})
	}
	sortRefunds(list)
	return list
}

// giftCards are the cards redeemed, whichever plugin took them.
func (r *reader) giftCards(w woo.Order) []event.GiftCard {
	var list []event.GiftCard
	for i, card := range w.GiftCards {
		list = append(list, event.GiftCard{Code: string(card.Code), Amount: r.amount(fmt.Sprintf("gift_cards[%d].amount", i), card.Amount).Abs()})
	}
	for i, card := range w.PWGiftCards {
		list = append(list, event.GiftCard{Code: string(card.Number), Amount: r.amount(fmt.Sprintf("pw_gift_cards_redeemed[%d].amount", i), card.Amount).Abs()})
	}
	return list
}

// meta leaves our own keys out (no echo) and sorts.
func (r *reader) meta(field string, wire []woo.Meta) []event.Meta {
	list := make([]event.Meta, 0, len(wire))
	for i, w := range wire {
		if woo.Echo(w.Key) {
			continue
		}
		value := w.Value
		if len(value) == 0 {
			value = codec.Raw("null")
		}
		canonical, err := codec.Canonical(value)
		if err != nil {
			r.fail(fault.OrderInvalid, fmt.Sprintf("%s[%d].value", field, i), string(value), "want a JSON value")
		}
		list = append(list, event.Meta{Key: string(w.Key), Value: canonical})
	}
	return sortMeta(list)
}

// Meta keys under which the usual delivery-date and gift plugins keep what the customer asks for.
var (
	dateKeys        = []string{"delivery_date", "_delivery_date", "requested_delivery_date", "jckwds_date"}
	instructionKeys = []string{"delivery_instructions", "_delivery_instructions", "delivery_notes"}
	giftKeys        = []string{"gift_message", "_gift_message"}
)

func wish(meta []event.Meta) event.DeliveryWish {
	return event.DeliveryWish{RequestedDate: first(meta, dateKeys), Instructions: first(meta, instructionKeys), GiftMessage: first(meta, giftKeys)}
}

func first(meta []event.Meta, keys []string) string {
	for _, key := range keys {
		for _, m := range meta {
			if m.Key != key {
				continue
			}
			if text, err := codec.Decode[string](m.Value); err == nil && text != "" {
				return text
			}
		}
	}
	return ""
}
