package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// PaymentBlock says what the money of each gateway becomes.
type PaymentBlock struct {
	Policy      MoneyPolicy        `yaml:"policy"`       // of gateways without one of their own; order where empty
	Unpaid      []string           `yaml:"unpaid"`       // shop statuses in which an earlier date_paid stands for no money
	PostingDate string             `yaml:"posting_date"` // payment (its own date; the default), first-open
	OptionField string             `yaml:"option_field"` // paymentOption; paymentMethod in accounts without Payment Instruments
	Fields      map[string]string  `yaml:"fields"`       // of each deposit: NetSuite field → expression
	Gateways    map[string]Gateway `yaml:"gateways"`     // gateway id → what it is; "*" is every other one
	GiftCards   *GiftCards         `yaml:"gift_cards"`   // redeemed cards; absent: a question on their deposit
}

// Gateway says what one gateway's money becomes.
type Gateway struct {
	Policy     MoneyPolicy `yaml:"policy"`
	Option     string      `yaml:"option"`      // name of the payment option; empty: none is sent
	Account    string      `yaml:"account"`     // name of the account; empty: undeposited funds
	Authorised []string    `yaml:"authorised"`  // shop statuses in which the money is authorised, not captured
	AmountMeta string      `yaml:"amount_meta"` // order meta key that holds the amount paid where it is not the total
	FeeMeta    string      `yaml:"fee_meta"`    // order meta key of the gateway's fee, e.g. "_stripe_fee"
	FeeField   string      `yaml:"fee_field"`   // deposit field it is noted in; the deposit's amount stays the customer's
	Parts      []Part      `yaml:"parts"`       // of orders that are paid in several payments, a deposit each
}

// GiftCards says what redeemed gift cards become: a payment beside the gateway's.
type GiftCards struct {
	Gateway `yaml:",inline"`
	Meta    string `yaml:"meta"` // order meta key of the amount redeemed, for plugins that REST does not show
}

// MoneyPolicy says which records a payment becomes.
type MoneyPolicy string

// The money policies.
const (
	PolicyOrder    MoneyPolicy = "order"     // the sales order alone; money and refunds are booked elsewhere
	PolicyDeposit  MoneyPolicy = "deposit"   // a customer deposit of the sales order
	PolicyCashSale MoneyPolicy = "cash-sale" // billed as a cash sale once paid
	PolicyInvoice  MoneyPolicy = "invoice"   // billed as an invoice once accepted
)

func (p MoneyPolicy) known() bool {
	return slices.Contains([]MoneyPolicy{PolicyOrder, PolicyDeposit, PolicyCashSale, PolicyInvoice}, p)
}

// FirstOpen posts in the first open day where a record's own date lies in a closed period.
const FirstOpen = "first-open"

const (
	everyGateway  = "*"
	paymentKey    = "payment" // key of the gateway's payment within the order: WooCommerce has one
	defaultOption = "paymentOption"
)

// till is the money side of an order: its gateway and what that means.
type till struct {
	m       *Mapping
	order   event.OrderStateV1
	scope   *scope
	gateway Gateway
	known   bool
	day     string // YYYY-MM-DD, of a payment that has a day of its own
}

func (m *Mapping) till(o event.OrderStateV1, s *scope) till {
	t := till{m: m, order: o, scope: s}
	b := m.document.Payments
	if b == nil {
		t.gateway, t.known = Gateway{Policy: PolicyOrder}, true
		return t
	}
	if t.gateway, t.known = b.Gateways[o.Payment.Method]; !t.known {
		t.gateway, t.known = b.Gateways[everyGateway]
	}
	t.gateway.Policy = cmp.Or(t.gateway.Policy, b.Policy, PolicyOrder)
	return t
}

// question names a gateway that the table lacks; it stands on the money, not on the order.
func (t till) question() string {
	if t.known {
		return ""
	}
	return fault.New(fault.PaymentUnmapped, "want an entry under payments.gateways", fault.Field("payment_method", t.order.Payment.Method)).Error()
}

// stands tells whether what was paid is money in hand: the state of the order does not say otherwise.
func (t till) stands() bool {
	return t.m.document.Payments != nil && !slices.Contains(t.m.document.Payments.Unpaid, t.order.Status)
}

// captured tells whether the gateway took the money: authorised is not captured.
func (t till) captured() bool {
	return t.stands() && t.order.Payment.PaidAt != nil && !t.authorised()
}

// authorised tells whether the state of the order says that the gateway only holds the money.
func (t till) authorised() bool { return slices.Contains(t.gateway.Authorised, t.order.Status) }

// deposits are the order's payments as customer deposits: none for 0.00, none before date_paid.
func (t till) deposits() ([]event.Deposit, error) {
	list, err := t.payments()
	if err != nil {
		return nil, err
	}
	return t.cards(list)
}

// payments are the gateway's: one, or one per part.
func (t till) payments() ([]event.Deposit, error) {
	list := []event.Deposit{}
	if t.inParts() {
		return t.partial(list)
	}
	amount, err := t.paid()
	if err != nil {
		return nil, err
	}
	if t.captured() && amount.Sign() > 0 && (t.gateway.Policy == PolicyDeposit || !t.known) {
		d, err := t.deposit(paymentKey, amount, t.gateway, t.question())
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// paid is the amount of the gateway's payment.
func (t till) paid() (money.Amount, error) {
	if text, partial := t.scope.Order.Meta[t.gateway.AmountMeta]; partial && t.gateway.AmountMeta != "" {
		return t.metaAmount(t.gateway.AmountMeta, text)
	}
	return t.order.Totals.Total.Round(t.order.Currency), nil
}

func (t till) metaAmount(key, text string) (money.Amount, error) {
	amount, err := money.Parse(text)
	if err != nil {
		return amount, fault.New(fault.OrderInvalid, "want an amount such as \"12.30\"", fault.Field("meta_data."+key, text))
	}
	return amount.Round(t.order.Currency), nil
}

// cards adds a deposit per redeemed gift card.
func (t till) cards(list []event.Deposit) ([]event.Deposit, error) {
	redeemed, err := t.m.redeemed(t.order, t.scope)
	if err != nil || !t.stands() {
		return list, err
	}
	entry, question := t.m.document.Payments.GiftCards, ""
	if entry == nil {
		entry = &GiftCards{Gateway: Gateway{Policy: PolicyDeposit}}
		question = fault.New(fault.PaymentUnmapped, "want payments.gift_cards").Error()
	}
	if cmp.Or(entry.Policy, t.m.document.Payments.Policy, PolicyOrder) != PolicyDeposit {
		return list, nil
	}
	for i, card := range redeemed {
		d, err := t.deposit(fmt.Sprintf("gift-%d", i+1), card.Amount, entry.Gateway, question)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// redeemed lists the gift cards of an order at the currency's precision, zero ones apart.
func (m *Mapping) redeemed(o event.OrderStateV1, s *scope) ([]event.GiftCard, error) {
	cards := slices.Clone(o.GiftCards)
	if b := m.document.Payments; b != nil && b.GiftCards != nil && len(cards) == 0 && s.Order.Meta[b.GiftCards.Meta] != "" {
		amount, err := till{order: o}.metaAmount(b.GiftCards.Meta, s.Order.Meta[b.GiftCards.Meta])
		if err != nil {
			return nil, err
		}
		cards = append(cards, event.GiftCard{Code: b.GiftCards.Meta, Amount: amount})
	}
	for i := range cards {
		cards[i].Amount = cards[i].Amount.Round(o.Currency)
	}
	return slices.DeleteFunc(cards, func(c event.GiftCard) bool { return c.Amount.Sign() <= 0 }), nil
}

func (t till) deposit(key string, amount money.Amount, g Gateway, question string) (event.Deposit, error) {
	t.scope.part = key
	fields, err := t.m.values(t.m.payment, t.scope, false)
	if err != nil {
		return event.Deposit{}, err
	}
	t.place(fields, g, t.paidOn(), t.m.document.Payments.PostingDate)
	hold(fields, g.Account)
	if fee := t.scope.Order.Meta[g.FeeMeta]; g.FeeMeta != "" && fee != "" {
		amount, err := t.metaAmount(g.FeeMeta, fee)
		if err != nil {
			return event.Deposit{}, err
		}
		fields[g.FeeField], _, _ = t.m.value(g.FeeField, amount)
	}
	return event.Deposit{ExternalID: externalID("cd", t.order) + "-" + key, Payment: key, Amount: amount, Fields: fields, Question: question}, nil
}

// paidOn is the local date of the payment; a gift card is redeemed when the order is placed.
func (t till) paidOn() string {
	switch p := t.order.Payment; {
	case t.day != "":
		return t.day
	case p.LocalDate != "":
		return p.LocalDate
	case p.PaidAt != nil:
		return p.PaidAt.Format(time.DateOnly)
	default:
		return t.order.Placed.LocalDate
	}
}

// place adds how it was paid and when it is posted.
func (t till) place(fields map[string]event.Value, g Gateway, date, policy string) {
	if date = t.m.posted(date, policy); date != "" {
		fields["tranDate"] = event.Value{Text: &date}
	}
	if g.Option != "" {
		fields[cmp.Or(t.m.document.Payments.OptionField, defaultOption)] = event.Value{Ref: &event.Ref{Record: "paymentMethod", By: "name", Key: g.Option}}
	}
}

// hold adds where the money is: in an account, else among the undeposited funds.
func hold(fields map[string]event.Value, account string) {
	if account != "" {
		fields["account"] = accountOf(account)
		return
	}
	undeposited := true
	fields["undepFunds"] = event.Value{Flag: &undeposited}
}

func accountOf(name string) event.Value {
	return event.Value{Ref: &event.Ref{Record: "account", By: "name", Key: name}}
}

// posted moves a date (YYYY-MM-DD) out of the closed periods where the policy says so.
func (m *Mapping) posted(date, policy string) string {
	if policy != FirstOpen || date > m.document.Periods.ClosedThrough {
		return date
	}
	closed, err := time.Parse(time.DateOnly, m.document.Periods.ClosedThrough)
	if err != nil {
		return date // the document was checked: only an empty date comes here
	}
	return closed.AddDate(0, 0, 1).Format(time.DateOnly)
}

// bill is the bill of an accepted order whose gateway's policy bills at once; nil where there is none.
func (t till) bill(r StatusRule) *event.Bill {
	if !t.known || t.m.document.Payments == nil || r.Closed || r.OrderStatus != "B" {
		return nil
	}
	fields := map[string]event.Value{}
	switch {
	case t.gateway.Policy == PolicyCashSale && t.captured():
		t.place(fields, t.gateway, t.paidOn(), t.m.document.Payments.PostingDate)
		hold(fields, t.gateway.Account)
		return &event.Bill{Record: "cashSale", ExternalID: externalID("cs", t.order), Fields: fields}
	case t.gateway.Policy == PolicyInvoice:
		if date := t.m.posted(t.order.Placed.LocalDate, t.m.document.Payments.PostingDate); date != "" {
			fields["tranDate"] = event.Value{Text: &date}
		}
		return &event.Bill{Record: "invoice", ExternalID: externalID("inv", t.order), Fields: fields}
	default:
		return nil
	}
}
