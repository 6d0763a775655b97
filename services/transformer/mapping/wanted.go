package mapping

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// wanted says of an order's money what the document asks for, told from the document and the shop's figures alone: it is what
// the deposits, refunds and bills of a desired state are held against.
type wanted struct {
	document Document
	order    event.OrderStateV1
	gateway  Gateway
	known    bool // the gateway is in the table
	stands   bool // the order's status does not say that nothing was paid
}

func (m *Mapping) wanted(o event.OrderStateV1) wanted {
	w := wanted{document: m.document, order: o, gateway: Gateway{Policy: PolicyOrder}, known: true}
	b := m.document.Payments
	if b == nil {
		return w
	}
	if w.gateway, w.known = b.Gateways[o.Payment.Method]; !w.known {
		w.gateway, w.known = b.Gateways[everyGateway]
	}
	w.gateway.Policy = cmp.Or(w.gateway.Policy, b.Policy, PolicyOrder)
	w.stands = !slices.Contains(b.Unpaid, o.Status)
	return w
}

// inHand tells whether the gateway has the money where the shop says that it was paid.
func (w wanted) inHand(paid bool) bool {
	return w.stands && paid && !slices.Contains(w.gateway.Authorised, w.order.Status)
}

// deposits are the amounts of the deposits there must be, by their keys. A gateway that is not in the table has its money
// deposited with a question.
func (w wanted) deposits() map[string]money.Amount {
	list := map[string]money.Amount{}
	if !w.known || w.gateway.Policy == PolicyDeposit {
		w.payments(list)
	}
	for i, card := range w.cards() {
		if w.stands && w.cardPolicy() == PolicyDeposit {
			list[fmt.Sprintf("gift-%d", i+1)] = card
		}
	}
	return list
}

// payments adds what the gateway took: of parts that the order's meta names, else once.
func (w wanted) payments(list map[string]money.Amount) {
	inParts, dated := false, w.order.Payment.PaidAt != nil
	for _, p := range w.gateway.Parts {
		amount, has := w.meta(p.AmountMeta)
		inParts = inParts || has
		paid := dated
		if p.PaidMeta != "" {
			paid = w.has(p.PaidMeta)
		}
		if w.inHand(paid) && amount.Sign() > 0 {
			list[p.Key] = amount
		}
	}
	amount, has := w.meta(w.gateway.AmountMeta)
	if !has {
		amount = w.order.Totals.Total.Round(w.order.Currency)
	}
	if !inParts && w.inHand(dated) && amount.Sign() > 0 {
		list[paymentKey] = amount
	}
}

// cards are the amounts of redeemed gift cards, as the shop lists them or a plugin's meta says.
func (w wanted) cards() []money.Amount {
	var list []money.Amount
	for _, card := range w.order.GiftCards {
		list = append(list, card.Amount.Round(w.order.Currency))
	}
	if b := w.document.Payments; len(list) == 0 && b != nil && b.GiftCards != nil {
		if amount, has := w.meta(b.GiftCards.Meta); has {
			list = append(list, amount)
		}
	}
	return slices.DeleteFunc(list, func(card money.Amount) bool { return card.Sign() <= 0 })
}

// cardPolicy is what cards become; without an entry of their own, deposits with a question.
func (w wanted) cardPolicy() MoneyPolicy {
	b := w.document.Payments
	if b == nil || b.GiftCards == nil {
		return PolicyDeposit
	}
	return cmp.Or(b.GiftCards.Policy, b.Policy, PolicyOrder)
}

// refunds are the ids of the refunds there must be: what the shop gave back as money, which is in NetSuite's books.
func (w wanted) refunds() []string {
	var list []string
	if w.known && w.gateway.Policy == PolicyOrder {
		return nil
	}
	for _, r := range w.order.Refunds {
		back := !w.document.Refunds.byStatus(r) || w.document.Refunds.StatusChange == StatusChangeMoney
		if told := r.Detail != nil || r.Deleted; back && told && !r.Total.Round(w.order.Currency).IsZero() {
			list = append(list, r.ID)
		}
	}
	return list
}

// givenBack are the refunds of which what went back counts alone, with what their lines come to: their money is in other books.
func (w wanted) givenBack() map[string]money.Amount {
	list := map[string]money.Amount{}
	if !w.known || w.gateway.Policy != PolicyOrder {
		return list
	}
	for _, r := range w.order.Refunds {
		if !r.Deleted && r.Detail != nil && len(r.Detail.Lines) > 0 {
			list[r.ID] = shownBack(r, w.order.Currency)
		}
	}
	return list
}

// meta is an amount in the order's meta, under a key that the document names; has tells whether the order has the key.
func (w wanted) meta(key string) (amount money.Amount, has bool) {
	at := metaAt(w.order, key)
	if key == "" || at < 0 {
		return money.Zero, false
	}
	amount, _ = money.Parse(metaText(w.order.Meta[at].Value)) // the order is parked where it is none
	return amount.Round(w.order.Currency), true
}

// has tells whether the order has a text under a key.
func (w wanted) has(key string) bool {
	at := metaAt(w.order, key)
	return at >= 0 && metaText(w.order.Meta[at].Value) != ""
}

// metaAt finds a key in the order's meta; the first of several counts.
func metaAt(o event.OrderStateV1, key string) int {
	return slices.IndexFunc(o.Meta, func(m event.Meta) bool { return m.Key == key })
}
