package plan

import (
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// RuleFromShop names why a refund is not told to the shop: it came from there.
const RuleFromShop = "from-shop"

// RuleGone names why a refund is not told to the shop: NetSuite deleted it before it was.
const RuleGone = "gone"

// FromShop tells whether NetSuite's refund is one of the order's in the shop, made by us: by its externalId, whose case
// NetSuite ignores, or by the order's ledger. Another connector's name, or another store's, says nothing.
func FromShop(c event.NetSuiteChangedV1, known []event.LedgerMoney) bool {
	name, ours := strings.CutPrefix(strings.ToLower(c.Record.ExternalID), "wc-")
	_, of, _ := strings.Cut(name, "-") // behind the kind
	return ours && strings.HasPrefix(of, strings.ToLower(c.Store+"-"+c.Order+"-")) ||
		slices.ContainsFunc(known, func(l event.LedgerMoney) bool { return l.ID == c.Record.ID })
}

// Parts gives a change as each order sees it that it is about: a refund may pay several. For an order that gets nothing any
// more, it is as if the refund were deleted.
func Parts(c event.NetSuiteChangedV1) []event.NetSuiteChangedV1 {
	if len(c.Applied) == 0 {
		return []event.NetSuiteChangedV1{c}
	}
	var list []event.NetSuiteChangedV1
	for _, a := range c.Applied {
		part := c
		part.Store, part.Order, part.SalesOrder, part.Total = a.Store, a.Order, a.SalesOrder, a.Total
		part.Deleted = c.Deleted || a.Total != nil && a.Total.IsZero()
		list = append(list, part)
	}
	return list
}

// Left is what can still be given back of an order.
func Left(total money.Amount, given []money.Amount) money.Amount {
	return total.Sub(money.Sum(given...).Abs())
}

// GiveBack checks a refund against what is left; all tells that nothing is left after it: the shop then makes the order
// refunded by itself.
func GiveBack(amount, left money.Amount) (all bool, err error) {
	if amount.Sign() <= 0 || amount.Cmp(left) > 0 {
		return false, fault.New(fault.MoneyMismatch, "a refund that NetSuite made must be positive and at most what the shop's order has left, "+left.String(), fault.Field("total", amount.String()))
	}
	return amount.Equal(left), nil
}

// Merge lays a document over those known. Invariant 4: the newer state of each counts, in whichever order they come.
func Merge(known []event.ShopDocument, document event.ShopDocument) []event.ShopDocument {
	list := slices.Clone(known)
	at := slices.IndexFunc(list, func(d event.ShopDocument) bool { return d.Kind == document.Kind && d.ID == document.ID })
	switch {
	case at < 0:
		list = append(list, document)
	case !list[at].ModifiedAt.After(document.ModifiedAt):
		list[at] = document
	}
	slices.SortFunc(list, func(a, b event.ShopDocument) int {
		return strings.Compare(a.Kind+" "+a.ID, b.Kind+" "+b.ID)
	})
	return list
}
