package netsuitesim

import "github.com/shopspring/decimal"

// tally counts how far the lines of an order or return are: goods moved, money
// settled. The letters of both types' states mean the same steps.
type tally struct {
	early    bool // of a return: settled counts although goods are still to come
	pending  bool // E shows while moved goods wait to be settled, D afterwards
	services bool // without goods the order waits to be settled at once

	lines, closed        int
	toMove, moved        int // lines with goods; all of it moved
	toSettle, settled    int
	anyMoved, anySettled bool
	waiting              bool // moved goods of some line are not settled
}

// add counts a line with the quantities moved and settled of it. What was
// moved of a closed line counts, the rest of it is given up.
func (p *tally) add(line fields, moved, settled decimal.Decimal) {
	p.lines++
	p.anyMoved = p.anyMoved || moved.IsPositive()
	p.waiting = p.waiting || (shippable(line) && moved.GreaterThan(settled))
	wanted := line.amount("quantity")
	if line.flag("isClosed") {
		p.closed++
		return
	}
	if shippable(line) {
		p.toMove++
		if moved.GreaterThanOrEqual(wanted) {
			p.moved++
		}
	}
	if isDiscount(line) {
		return
	}
	p.toSettle++
	p.anySettled = p.anySettled || settled.IsPositive()
	if settled.GreaterThanOrEqual(wanted) {
		p.settled++
	}
}

// status is the letter of the state; settable shows until goods move.
func (p *tally) status(settable string) string {
	moved := p.moved == p.toMove
	switch {
	case settable == "C":
		return "C"
	case p.closed == p.lines:
		return "H"
	case p.toSettle > 0 && p.settled == p.toSettle && (moved || p.early):
		return "G"
	case p.toMove > 0 && moved:
		return "F"
	case p.toMove == 0 && settable == "B" && (p.services || p.early):
		return "F"
	case p.anyMoved:
		return p.partly()
	}
	return settable
}

// partly tells the two states of partly moved goods apart.
func (p *tally) partly() string {
	settling := p.anySettled
	if p.pending {
		settling = p.waiting
	}
	if settling {
		return "E"
	}
	return "D"
}
