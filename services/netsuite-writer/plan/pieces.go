package plan

import (
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// BilledLine is a line of a bill: what is left there of a line of the order.
type BilledLine struct {
	Line     string       // number
	Item     string       // internal id
	Quantity money.Number // pieces that no credit took back
	Amount   money.Amount // of them, without tax
	Ours     money.Number // pieces that credits of the shop's refunds took back
	Strange  bool         // credits that are not ours took some
	Unclear  bool         // a credit took some, or another line of the item on the bill: it does not say of which; or NetSuite does not show the line
}

// Taken is a line of a credit as NetSuite holds it. It does not say which line of the bill it takes back, only the item.
type Taken struct {
	Credit   string // internal id
	Bill     string // internal id
	Item     string // internal id
	Quantity money.Number
	Amount   money.Amount // without tax
}

// TakeBooked takes off the bills what earlier credits took back of their lines by the ledger, those of the refund itself apart.
func TakeBooked(bills []Billed, order []event.LedgerLine, l event.Ledger, refund string) {
	for _, entry := range slices.Concat(l.Credits, l.Refunds) {
		for _, b := range bills {
			if b.ID != entry.Bill || entry.Key == refund {
				continue
			}
			for _, line := range entry.Lines {
				b.take(numberOf(order, line.Key), line.Quantity, line.Amount, true)
			}
		}
	}
}

// TakeFound takes off what else NetSuite's credits took back: those that people made, and those of which the ledger does not say
// it.
func TakeFound(bills []Billed, l event.Ledger, found []Taken) {
	for _, t := range found {
		ours, said := false, false
		for _, entry := range slices.Concat(l.Credits, l.Refunds) {
			ours = ours || entry.ID == t.Credit
			said = said || entry.ID == t.Credit && entry.Bill != ""
		}
		for _, b := range bills {
			if b.ID == t.Bill && !said {
				b.takeItem(t, !ours)
			}
		}
	}
}

func (b Billed) take(number string, quantity money.Number, amount money.Amount, ours bool) {
	if line, held := b.Lines[number]; held {
		line.Quantity, line.Amount = line.Quantity.Sub(quantity), line.Amount.Sub(amount)
		if ours {
			line.Ours = line.Ours.Add(quantity)
		}
		b.Lines[number] = line
	}
}

// takeItem takes a credit's line off the one line of its item.
func (b Billed) takeItem(t Taken, strange bool) {
	var of []string
	for number, line := range b.Lines {
		if line.Item == t.Item {
			of = append(of, number)
		}
	}
	for _, number := range of {
		line := b.Lines[number]
		line.Strange, line.Unclear = line.Strange || strange, line.Unclear || len(of) > 1
		b.Lines[number] = line
	}
	if len(of) == 1 {
		b.take(of[0], t.Quantity, t.Amount, !strange)
	}
}

// TakeKept takes off the bills the pieces of a refund's lines that are not given back: the shop still wants them. What nobody has
// shipped or billed goes back first, because the order loses it: it is never billed, and the deposits give it back.
func TakeKept(bills []Billed, r event.CustomerRefund, d event.DesiredOrderV1, order []event.LedgerLine, now []Line) {
	for _, l := range r.Lines {
		line, held := find(l.Key, now, order)
		at := slices.IndexFunc(d.SalesOrder.Lines, func(wanted event.OrderLine) bool { return wanted.Key == l.Key })
		back := backOf(d, l.Key)
		if !held || at < 0 || len(back) == 0 {
			continue
		}
		done, _ := line.done()
		due, number := done.Sub(leftOf(d, d.SalesOrder.Lines[at], back)), numberOf(order, l.Key)
		for _, credited := range holders(bills, number) {
			due = due.Sub(credited.Ours)
		}
		for _, b := range bills {
			if billed, is := b.Lines[number]; is {
				billed.Quantity = fewest(due, billed.Quantity)
				due, b.Lines[number] = due.Sub(billed.Quantity), billed
			}
		}
	}
}

// InPieces tells whether NetSuite's credits decide from where a line of a refund goes back: it lies on several bills, or on one
// that holds fewer pieces by the ledger, or the ledger does not say what an earlier refund took back.
func InPieces(r event.CustomerRefund, order []event.LedgerLine, bills []Billed, l event.Ledger) bool {
	silent := unsaid(l, r.Refund)
	return slices.ContainsFunc(r.Lines, func(line event.CreditLine) bool {
		held := holders(bills, numberOf(order, line.Key))
		return len(held) > 1 || len(held) == 1 && (silent || held[0].Quantity.Cmp(line.Quantity) < 0)
	})
}

// unsaid tells whether the ledger has a refund, but for one, of which it names no bill: it came from deposits, or its credit was
// found in NetSuite.
func unsaid(l event.Ledger, but string) bool {
	said, entries := map[string]bool{but: true}, slices.Concat(l.Credits, l.Refunds)
	for _, entry := range entries {
		said[entry.Key] = said[entry.Key] || entry.Bill != ""
	}
	return slices.ContainsFunc(entries, func(entry event.LedgerMoney) bool { return !said[entry.Key] })
}

// holders are the lines of bills that hold a line of the order, the oldest bill first.
func holders(bills []Billed, number string) (held []BilledLine) {
	for _, b := range bills {
		if line, holds := b.Lines[number]; holds {
			held = append(held, line)
		}
	}
	return held
}

// holds tells whether a line of a bill has some left of what goes back, and whether it has enough. Where one bill alone holds the
// order's line its money is not looked at, and money without a piece stands on no line.
func (line BilledLine) holds(l event.CreditLine, bills int) (some, enough bool) {
	pieces := l.Quantity.Sign() > 0
	switch {
	case bills < 2 && !pieces:
		return true, true
	case bills < 2:
		return line.Line != "", line.Line != "" && line.Quantity.Cmp(l.Quantity) >= 0
	case pieces:
		return line.Quantity.Sign() > 0, !line.Unclear && line.Quantity.Cmp(l.Quantity) >= 0 && line.Amount.Cmp(l.Amount) >= 0
	default:
		return line.Amount.Sign() > 0, !line.Unclear && line.Amount.Cmp(l.Amount) >= 0
	}
}

// spread shares a line out over the bills' lines that hold pieces of it, the oldest first; the last share is of pieces that
// nobody has billed. Money goes with the pieces, tax with the money. It reports whether all of the money finds a place, and the
// pieces can be told.
func spread(l event.CreditLine, held []BilledLine, c money.Currency) (shares []event.CreditLine, told bool) {
	if len(held) == 1 && held[0].Quantity.Cmp(l.Quantity) >= 0 {
		return []event.CreditLine{l, {}}, true
	}
	shares = piecesOf(l, held)
	weights := make([]money.Amount, len(shares))
	for i, share := range shares {
		weights[i] = money.AmountOf(share.Quantity.Decimal())
	}
	for i, amount := range l.Amount.Split(weights, c) {
		shares[i].Amount = amount
	}
	fits := fit(shares, held, c)
	if !l.Amount.IsZero() {
		for i, share := range shares {
			weights[i] = share.Amount
		}
	}
	for i, tax := range l.Tax.Split(weights, c) {
		shares[i].Tax = tax
	}
	return shares, fits && !doubtful(held, shares[len(held)].Quantity)
}

// piecesOf are the pieces of a line that each bill gives back, and at last those that nobody has billed.
func piecesOf(l event.CreditLine, held []BilledLine) (shares []event.CreditLine) {
	left := l.Quantity
	for _, line := range held {
		pieces := fewest(left, line.Quantity)
		shares, left = append(shares, event.CreditLine{Key: l.Key, Quantity: pieces}), left.Sub(pieces)
	}
	return append(shares, event.CreditLine{Key: l.Key, Quantity: left})
}

// doubtful tells whether nobody can tell which pieces go back: a credit does not say of which line it is, or people credited
// pieces and there are not enough others, so that theirs may be those that the shop gives back.
func doubtful(held []BilledLine, unbilled money.Number) bool {
	return slices.ContainsFunc(held, func(line BilledLine) bool { return line.Unclear || line.Strange && unbilled.Sign() > 0 })
}

// fewest is how many of the pieces that are left to give back a bill gives that holds some.
func fewest(left, held money.Number) money.Number {
	if held.Cmp(left) < 0 {
		left = held
	}
	if left.Sign() < 0 {
		return money.Int(0)
	}
	return left
}

// fit moves money that a bill's line does not hold to where there is room: first to the bills that give back pieces, then to the
// others of the line. What is left then goes with the last pieces: it is of those that nobody has billed, else it is rounding, at
// most a unit a bill; false where it is more.
func fit(shares []event.CreditLine, held []BilledLine, c money.Currency) bool {
	over, last := money.Zero, 0
	move := func(i int, amount money.Amount) {
		over, shares[i].Amount = over.Sub(amount), shares[i].Amount.Add(amount)
	}
	for i, line := range held {
		move(i, smaller(money.Zero, larger(line.Amount, money.Zero).Sub(shares[i].Amount)))
	}
	for _, pieces := range []bool{true, false} {
		for i, line := range held {
			if shares[i].Quantity.Sign() > 0 == pieces {
				move(i, larger(money.Zero, smaller(over, line.Amount.Sub(shares[i].Amount))))
			}
		}
	}
	rounding := over.Cmp(c.Unit().Times(money.Int(int64(len(held))))) <= 0
	for i, share := range shares {
		if share.Quantity.Sign() > 0 {
			last = i
		}
	}
	move(last, over)
	return rounding || last == len(held)
}

func larger(a, b money.Amount) money.Amount {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}
