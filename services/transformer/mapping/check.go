package mapping

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// Parse reads a document; unknown names are mistakes, with their line.
func Parse(data []byte) (Document, error) {
	t, err := read(data)
	if err != nil {
		return Document{}, fault.New(fault.MappingInvalid, "want a mapping document", fault.Because(err))
	}
	return t.document()
}

// document decodes and checks a tree.
func (t *tree) document() (Document, error) {
	var d Document
	if err := t.root.Decode(&d); err != nil {
		return Document{}, fault.New(fault.MappingInvalid, "want a mapping document", fault.Because(err))
	}
	if err := d.check().in(t); err != nil {
		return Document{}, fault.New(fault.MappingInvalid, "the document must be sound", fault.Field("mapping", d.Mapping), fault.Because(err))
	}
	return d, nil
}

// problem is one mistake of a document: where it is and what is wanted there.
type problem struct{ path, place, text string }

// problems collects every mistake of a document.
type problems []problem

func (p *problems) want(ok bool, path, rule string) {
	if !ok {
		*p = append(*p, problem{path: path, text: rule})
	}
}

// in gives the mistakes with their places in a tree; nil where there is none.
func (p problems) in(t *tree) error {
	list := make([]error, 0, len(p))
	for _, mistake := range p {
		if mistake.place == "" {
			mistake.place = t.at(mistake.path)
		}
		if mistake.place != "" {
			mistake.path += " (" + mistake.place + ")"
		}
		list = append(list, fmt.Errorf("%s: %s", mistake.path, mistake.text))
	}
	return errors.Join(list...)
}

func (d Document) check() problems {
	var p problems
	p.want(d.Mapping != "", "mapping", "want a name")
	p.want(d.Version == 1, "version", "want 1")
	p.want(len(d.Include) == 0, "include", "want the parts put together: a document is compiled from one text")
	p.want(d.Rounding.Item != "", "rounding.item", "want the item of the rounding line")
	d.Items.check(&p)
	d.Customer.check(&p)
	d.Text.check(&p)
	d.Lookups.check(&p)
	d.checkExamples(&p)
	d.checkRules(&p)
	d.checkStatuses(&p)
	d.checkTaxes(&p)
	d.checkMoney(&p)
	for _, field := range sorted(d.Lengths) {
		p.want(d.Lengths[field] > 0, "lengths."+field, "want a positive number of characters")
	}
	return p
}

func (d Document) checkStatuses(p *problems) {
	p.want(len(d.Statuses) > 0, "statuses", "want at least one rule")
	names := map[string]bool{}
	for i, rule := range d.Statuses {
		path := fmt.Sprintf("statuses[%d]", i)
		p.want(rule.Name != "" && !names[rule.Name], path+".name", "want a name of its own")
		names[rule.Name] = true
		p.want(oneOf(rule.Absent, event.ActionCreate, event.ActionWait, event.ActionIgnore), path+".absent", "want create, wait or ignore")
		p.want(oneOf(rule.Open, event.ActionApply, event.ActionKeep), path+".open", "want apply or keep")
		p.want(oneOf(rule.Fulfilled, event.ActionApply, event.ActionKeep, event.ActionPark), path+".fulfilled", "want apply, keep or park")
		writes := rule.Absent == event.ActionCreate || rule.Open == event.ActionApply
		p.want(!writes || rule.OrderStatus == "A" || rule.OrderStatus == "B", path+".order_status", "want A (pending approval) or B (pending fulfilment)")
	}
}

func (d Document) checkTaxes(p *problems) {
	strategy := d.Taxes.Strategy
	p.want(slices.Contains([]event.TaxMode{"", event.TaxOverride, event.TaxCodes, event.TaxEngine, event.TaxLines}, strategy), "taxes.strategy", "want override, codes, engine or lines")
	p.want(strategy != event.TaxLines || d.Taxes.Item != "", "taxes.item", "strategy lines wants the item of tax lines")
	p.want(slices.Contains([]DiscountForm{"", DiscountLines, DiscountHeader}, d.Discounts.As), "discounts.as", "want lines or header")
	p.want(slices.Contains([]ShippingForm{"", ShippingCost, ShippingLine}, d.Shipping.As), "shipping.as", "want cost or line")
	p.want(d.Shipping.As != ShippingLine || d.Shipping.Item != "", "shipping.item", "line wants the item of the shipping line")
	// A legacy code is computed on each line; a header discount would leave the tax of the price before it.
	p.want(strategy != event.TaxCodes || d.Discounts.As != DiscountHeader, "discounts.as", "strategy codes wants discounts as lines")
	for _, key := range sorted(d.Taxes.Combined) {
		combined := d.Taxes.Combined[key]
		path := "taxes.combined." + key
		p.want(combined.Code != "", path+".code", "want a tax code")
		_, err := money.ParseNumber(combined.Percent)
		p.want(combined.Percent == "" || err == nil, path+".percent", "want a number such as 8.5")
	}
}

func (d Document) checkMoney(p *problems) {
	if d.Periods.ClosedThrough != "" {
		_, err := time.Parse(time.DateOnly, d.Periods.ClosedThrough)
		p.want(err == nil, "periods.closed_through", "want a day such as 2026-10-31")
	}
	p.want(slices.Contains([]string{"", StatusChangeNone, StatusChangeMoney}, d.Refunds.StatusChange), "refunds.status_change", "want none or money")
	p.want(d.Refunds.PostingDate == "" || d.Refunds.PostingDate == "refund" || d.Refunds.PostingDate == FirstOpen, "refunds.posting_date", "want refund or first-open")
	p.want(d.Refunds.PostingDate != FirstOpen || d.Periods.ClosedThrough != "", "refunds.posting_date", "first-open wants periods.closed_through")
	if d.Payments == nil {
		return
	}
	b := d.Payments
	p.want(b.PostingDate == "" || b.PostingDate == "payment" || b.PostingDate == FirstOpen, "payments.posting_date", "want payment or first-open")
	p.want(b.PostingDate != FirstOpen || d.Periods.ClosedThrough != "", "payments.posting_date", "first-open wants periods.closed_through")
	p.want(b.Policy == "" || b.Policy.known(), "payments.policy", "want order, deposit, cash-sale or invoice")
	for _, name := range sorted(b.Gateways) {
		b.Gateways[name].check(p, "payments.gateways."+name)
		b.Gateways[name].checkParts(p, "payments.gateways."+name, b.Policy)
	}
	if b.GiftCards != nil {
		b.GiftCards.check(p, "payments.gift_cards")
		p.want(b.GiftCards.Policy == "" || b.GiftCards.Policy == PolicyOrder || b.GiftCards.Policy == PolicyDeposit, "payments.gift_cards.policy", "want order or deposit")
		p.want(len(b.GiftCards.Parts) == 0, "payments.gift_cards.parts", "want none: each card is a payment")
	}
}

func (g Gateway) check(p *problems, path string) {
	p.want(g.Policy == "" || g.Policy.known(), path+".policy", "want order, deposit, cash-sale or invoice")
	p.want((g.FeeMeta == "") == (g.FeeField == ""), path+".fee_field", "fee_meta and fee_field go together")
}

func oneOf(action event.Action, allowed ...event.Action) bool {
	return slices.Contains(allowed, action)
}
