package plan

import (
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
)

// The named rules by which NetSuite's word stands against the shop's, where the store's configuration gives it the fact.
const (
	RuleStatusOwner   = "netsuite-owns-status"
	RulePaymentOwner  = "netsuite-owns-payment"
	RuleRefundsOwner  = "netsuite-owns-refunds"
	RuleCustomerOwner = "netsuite-owns-customer"
)

// Letter is the status that a desired state asks for: A, B, or H for an order all of whose lines are closed.
func Letter(d event.DesiredOrderV1) string {
	if isClosed(d.SalesOrder) {
		return "H"
	}
	return d.SalesOrder.OrderStatus
}

// isClosed tells whether no line of an order stays open: NetSuite closes it then, as when all goods were given back and the
// shop still calls the order accepted.
func isClosed(so event.SalesOrder) bool {
	open := slices.ContainsFunc(so.Lines, func(l event.OrderLine) bool { return !l.Closed })
	return so.Closed || len(so.Lines) > 0 && !open
}

// firmness orders the statuses of an open order by how far the order is taken back.
const firmness = "BAH"

// moved tells whether NetSuite's people gave the order a status that the shop's state may not undo: it is not the one we
// gave. The shop may still take the order back, when its own status has changed since to say so, back to the one before too; it
// never approves or opens again, and what it said before is no news.
func (f Facts) moved(d event.DesiredOrderV1) bool {
	so := f.Ledger.SalesOrder
	if !f.OwnsStatus || so == nil || so.Given == "" || f.Status == so.Given || f.Status == Letter(d) {
		return false
	}
	takesBack := strings.Index(firmness, Letter(d)) > strings.Index(firmness, f.Status)
	return !takesBack || so.GivenFor == d.Source.Status && !f.Between
}

// OnRecord tells whether no state of which no success is on record can have given the order the status that it has. Words are
// the shop's in those states: the one for which the known status was given asks for that one again, and the one at hand for
// what is wanted now.
func OnRecord(d event.DesiredOrderV1, so *event.LedgerOrder, words ...string) bool {
	return !slices.ContainsFunc(words, func(word string) bool {
		return word != d.Source.Status && (so == nil || so.Given == "" || word != so.GivenFor)
	})
}

// remains decides about an order whose status NetSuite's people gave: all else follows the shop, except where the order is
// closed on one side.
func (f Facts) remains(d event.DesiredOrderV1) Decision {
	said := "NetSuite's people set the sales order to " + f.Status
	if f.Status == "H" || d.SalesOrder.Closed {
		return record(event.OutcomeSkipped, RuleStatusOwner, said+": it stays as it is")
	}
	decision := hold(f, Write)
	if decision.Do == Write {
		decision.Status, decision.Rule, decision.Reason = f.Status, RuleStatusOwner, said+": its status stays"
	}
	return decision
}

// Owned leaves out the money whose booking NetSuite's people own, and says what, by rule.
func (m Money) Owned(payment, refunds bool) (Money, []string) {
	var said []string
	leave := func(rule string, rest Money) {
		if !rest.Empty() {
			said = append(said, rule+": not booked: "+strings.Join(rest.names(), ", "))
		}
	}
	if payment {
		leave(RulePaymentOwner, Money{Deposits: m.Deposits, Bill: m.Bill})
		m.Deposits, m.Bill = nil, nil
	}
	if refunds {
		leave(RuleRefundsOwner, Money{Refunds: m.Refunds})
		m.Refunds = nil
	}
	return m, said
}

// names lists the records by externalId.
func (m Money) names() []string {
	var names []string
	for _, d := range m.Deposits {
		names = append(names, d.ExternalID)
	}
	if m.Bill != nil {
		names = append(names, m.Bill.ExternalID)
	}
	for _, r := range m.Refunds {
		names = append(names, r.ExternalID)
	}
	return names
}
