package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Goods is what refunds with pieces ask of a sales order on which later documents rest: what was given back and is not
// shipped yet must not be shipped. What is shipped was returned, and stays on its line.
type Goods struct {
	Order event.DesiredOrderV1 // the desired state, with the money of what stays
	Lines []string             // keys of the lines that go down
	Stay  []string             // keys of lines that stay as NetSuite holds them, their discounts among them
	Open  []string             // goods given back that may still be shipped, in words

	all      bool         // the order follows in all that the shop says, goods or not
	write    bool         // lines go down, or went down by a write that the ledger does not know
	astray   bool         // money of what stays finds no place
	net, tax money.Amount // by which NetSuite's total is above the desired one, if nothing but goods went back
}

const discountOf = "-discount" // behind the key of a line of goods: what lowers it

const ratePlaces = 8 // decimals of a unit rate

// Stays lists the keys of the lines that a change leaves as they are.
func (g *Goods) Stays() []string {
	if g == nil {
		return nil
	}
	return g.Stay
}

// Allows tells whether a change can be and, where the order is to follow in goods alone, touches no line that nobody gave
// back; what hinders it is asked. What is no goods, like the shipping or the tax, goes down with them.
func (g *Goods) Allows(c Change) bool {
	if g == nil || g.all {
		return true
	}
	why := slices.Clone(c.Why)
	for _, key := range c.Of {
		if strings.HasPrefix(key, goods) && !slices.Contains(g.Lines, strings.TrimSuffix(key, discountOf)) {
			why = append(why, key+" differs, too, and was not given back")
		}
	}
	if len(why) > 0 && len(g.Lines) > 0 {
		g.Open = append(g.Open, strings.Join(g.Lines, ", ")+": "+strings.Join(why, "; "))
	}
	return len(why) == 0
}

// goodsBack compares the lines of which refunds gave pieces back with those NetSuite holds; nil: there is nothing to do.
func goodsBack(d event.DesiredOrderV1, f Facts) *Goods {
	g := &Goods{Order: d, all: d.Policy.Fulfilled == event.ActionApply}
	so, known := &g.Order.SalesOrder, f.known()
	so.Lines, so.TaxDetails = slices.Clone(so.Lines), slices.Clone(so.TaxDetails)
	so.Closed = so.Closed && g.all
	found := false
	for i := range so.Lines {
		line := &so.Lines[i]
		now, held := find(line.Key, f.Lines, known)
		back := backOf(d, line.Key)
		switch {
		case held && line.Quantity != nil && now.Quantity.Sign() > 0 && len(back) > 0:
			g.line(giving{line: line, now: now, less: discountIn(line.Key, f.Lines, known), back: back, left: leftOf(d, *line, back)})
			found = true
		case d.SalesOrder.Closed && !so.Closed:
			line.Closed = now.Closed // the refunds alone close lines
		}
	}
	if found {
		g.judge(d, f)
	}
	if !g.write && len(g.Open) == 0 && len(g.Stay) == 0 {
		return nil
	}
	return g
}

func (f Facts) known() []event.LedgerLine {
	if f.Ledger.SalesOrder == nil {
		return nil
	}
	return f.Ledger.SalesOrder.Lines
}

// find gives a desired line as NetSuite holds it: by its mark where the account has a column for it, else by its number.
func find(key string, now []Line, known []event.LedgerLine) (Line, bool) {
	number := numberOf(known, key)
	for _, l := range now {
		if l.Mark != "" && l.Mark == Mark(key) || l.Mark == "" && number != "" && l.Number == number {
			return l, true
		}
	}
	return Line{}, false
}

// returns are what the order's refunds gave back, whoever books their money. Deleted ones gave nothing.
func returns(d event.DesiredOrderV1) (list []event.GivenBack) {
	for _, r := range d.Refunds {
		if !r.Deleted {
			list = append(list, event.GivenBack{Refund: r.Refund, Lines: r.Lines, Shipping: r.Shipping, ShippingTax: r.ShippingTax})
		}
	}
	return append(list, d.GivenBack...)
}

// backOf lists what refunds gave back of a line of goods with pieces, the newest first.
func backOf(d event.DesiredOrderV1, key string) (list []event.CreditLine) {
	for _, r := range slices.Backward(returns(d)) {
		for _, l := range r.Lines {
			if l.Key == key && strings.HasPrefix(key, goods) && l.Quantity.Sign() > 0 {
				list = append(list, l)
			}
		}
	}
	return list
}

// leftOf is how many pieces the shop still wants. A line of which none is left is closed and keeps its quantity; where the
// whole order is closed, so are lines of which some are left.
func leftOf(d event.DesiredOrderV1, line event.OrderLine, back []event.CreditLine) money.Number {
	pieces := money.Int(0)
	for _, l := range back {
		pieces = pieces.Add(l.Quantity)
	}
	if line.Closed && (!d.SalesOrder.Closed || pieces.Cmp(*line.Quantity) >= 0) {
		return money.Int(0)
	}
	return *line.Quantity
}

// discountIn is the line beneath a line of goods that lowers it; an empty one where there is none.
func discountIn(key string, now []Line, known []event.LedgerLine) Line {
	less, _ := find(key+discountOf, now, known)
	return less
}

// giving is a line of which refunds gave pieces back.
type giving struct {
	line      *event.OrderLine
	now, less Line // in NetSuite, and what lowers it
	back      []event.CreditLine
	left      money.Number // pieces that the shop still wants
}

// line decides what becomes of a line. It goes down as far as nothing of it is shipped or billed.
func (g *Goods) line(l giving) {
	done, _ := l.now.done()
	switch {
	case l.now.Quantity.Cmp(l.left) <= 0:
		return // NetSuite shows it
	case l.now.Closed && l.line.Closed && l.now.Amount.Equal(l.line.Amount): // and here
		g.leave(l.line.Key)
	case l.now.Closed || l.now.Quantity.Cmp(done) <= 0:
		g.stay(l)
	default:
		g.down(l, most(l.left, done))
	}
	open := fewest(l.now.Quantity, done).Sub(most(l.left, l.now.Fulfilled))
	if !l.now.Closed && open.Sign() > 0 && !slices.Contains(services, l.now.Kind) {
		g.ask(l, open, fmt.Sprint(l.now.Billed, " are billed"))
	}
}

// services are kinds of items that no warehouse ships.
var services = []string{"Service", "OthCharge"}

func (g *Goods) ask(l giving, pieces money.Number, why string) {
	g.Open = append(g.Open, fmt.Sprintf("%s: %s of it, because %s", l.line.Key, pieces, why))
}

func (g *Goods) leave(key string) { g.Stay = append(g.Stay, key, key+discountOf) }

// stay leaves a line as it is: all of it is shipped or billed, or people closed it.
func (g *Goods) stay(l giving) {
	key := l.line.Key
	_, tax := worth(l.back, l.now.Quantity.Sub(l.left), g.Order.SalesOrder.Currency)
	net := l.now.Amount.Add(l.less.Amount).Sub(netOf(g.Order, key))
	g.leave(key)
	g.net, g.tax = g.net.Add(net), g.tax.Add(tax)
	g.keep(l.line.TaxReference, net, tax)
}

// down takes pieces off a line; some may stay although the shop wants them no more.
func (g *Goods) down(l giving, stays money.Number) {
	switch {
	case stays.IsZero(): // a closed line keeps its quantity
		l.line.Quantity, l.line.Closed = &l.now.Quantity, true
	case stays.Equal(l.left):
		l.line.Closed = l.line.Closed && g.Order.SalesOrder.Closed
	case g.lowered(l):
		g.ask(l, l.now.Quantity.Sub(stays), "its discount cannot be parted")
		g.stay(l)
		return
	default:
		g.part(l, stays)
	}
	net, tax := worth(l.back, l.now.Quantity.Sub(l.left), g.Order.SalesOrder.Currency)
	g.net, g.tax, g.Lines = g.net.Add(net), g.tax.Add(tax), append(g.Lines, l.line.Key)
}

// part leaves a line the pieces that stay, at NetSuite's price.
func (g *Goods) part(l giving, stays money.Number) {
	c := g.Order.SalesOrder.Currency
	_, tax := worth(l.back, stays.Sub(l.left), c)
	amount, rate := share(l.now.Amount, stays, l.now.Quantity, c), l.now.Amount.Per(l.now.Quantity, ratePlaces)
	g.keep(l.line.TaxReference, amount.Sub(l.line.Amount), tax)
	l.line.Quantity, l.line.Rate, l.line.Amount, l.line.Closed = &stays, &rate, amount, false
}

// lowered tells whether a discount counts in what a line costs.
func (g *Goods) lowered(l giving) bool {
	return !l.less.Amount.IsZero() || g.Order.SalesOrder.Fields["discountRate"].Number != nil
}

// keep puts money back on the desired order that stays on a line: NetSuite still counts it.
func (g *Goods) keep(reference string, net, tax money.Amount) {
	so, want := &g.Order.SalesOrder, &g.Order.Expected
	want.Total, want.Net = want.Total.Add(net).Add(tax), want.Net.Add(net)
	var rows []*event.TaxDetail
	var weights, rates []money.Amount
	for i := range so.TaxDetails {
		if row := &so.TaxDetails[i]; row.Reference == reference {
			row.Basis = row.Basis.Add(net)
			rows, weights, rates = append(rows, row), append(weights, row.Amount), append(rates, money.AmountOf(row.Rate.Decimal()))
		}
	}
	if money.Sum(weights...).IsZero() { // all of it went back: only the rates are left
		weights = rates
	}
	for i, part := range tax.Split(weights, so.Currency) {
		rows[i].Amount = rows[i].Amount.Add(part)
	}
	// A line that sums tax, or one of rounding, is that of the shop's order alone.
	placed := so.TaxMode == event.TaxEngine || so.TaxMode == event.TaxOverride && len(rows) > 0
	g.astray = g.astray || !placed && !tax.IsZero()
}

// judge holds NetSuite's total against the shop's: what goes down is what refunds gave back, to the cent, or a person looks.
// Invariant 5.
func (g *Goods) judge(d event.DesiredOrderV1, f Facts) {
	exact := !g.astray && g.exact(d, f)
	so := f.Ledger.SalesOrder
	switch {
	case g.all:
		g.write = true
	case len(g.Lines) == 0: // shown, or shipped; a crash may have taken the record
		g.write = exact && so != nil && !so.Total.Equal(f.Total)
	case exact:
		g.write = true
	default:
		g.Open = append(g.Open, fmt.Sprintf("%s: the sales order's total %s differs from the shop's %s by more than was given back", strings.Join(g.Lines, ", "), f.Total, d.Expected.Total))
	}
}

// exact tells whether NetSuite's total is above the desired one by the goods that it still has, and by the shipping and fees
// of the latest refunds where those were left there. Without the tax that NetSuite's engine computes.
func (g *Goods) exact(d event.DesiredOrderV1, f Facts) bool {
	over, taxed := f.Total.Sub(d.Expected.Total).Sub(g.net).Sub(g.tax), true
	if d.SalesOrder.TaxMode == event.TaxEngine {
		over, taxed = f.Total.Sub(f.Tax).Sub(d.Expected.Net).Sub(g.net), false
	}
	for _, r := range slices.Backward(returns(d)) {
		if over.IsZero() {
			break
		}
		over = over.Sub(besides(r, taxed))
	}
	return over.IsZero()
}

// besides is what a refund gave back of what is no goods: the shipping, and fees.
func besides(r event.GivenBack, taxed bool) money.Amount {
	net, tax := r.Shipping, r.ShippingTax
	for _, l := range r.Lines {
		if !strings.HasPrefix(l.Key, goods) {
			net, tax = net.Add(l.Amount), tax.Add(l.Tax)
		}
	}
	if taxed {
		return net.Add(tax)
	}
	return net
}

// worth is the money of the pieces that were given back last.
func worth(back []event.CreditLine, pieces money.Number, c money.Currency) (net, tax money.Amount) {
	for _, l := range back {
		taken := fewest(pieces, l.Quantity)
		if taken.IsZero() {
			break
		}
		net, tax = net.Add(share(l.Amount, taken, l.Quantity, c)), tax.Add(share(l.Tax, taken, l.Quantity, c))
		pieces = pieces.Sub(taken)
	}
	return net, tax
}

// share is the part of an amount that some of its pieces have.
func share(amount money.Amount, some, all money.Number, c money.Currency) money.Amount {
	return money.AmountOf(amount.Times(some).Per(all, c.Precision()).Decimal())
}

// netOf is what a line costs in a desired order, its discount taken off.
func netOf(d event.DesiredOrderV1, key string) (net money.Amount) {
	for _, l := range d.SalesOrder.Lines {
		if l.Key == key || l.Key == key+discountOf {
			net = net.Add(l.Amount)
		}
	}
	return net
}

func most(a, b money.Number) money.Number {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}
