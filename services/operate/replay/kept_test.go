package replay

import (
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/terms"
)

// What NetSuite holds and is never written again is marked, by how the order stands there.
func TestKept(t *testing.T) {
	one := money.MustParse("1.00")
	to := event.DesiredOrderV1{
		Policy:   event.Policy{Open: event.ActionApply, Fulfilled: event.ActionApply, Absent: event.ActionCreate},
		Deposits: []event.Deposit{{ExternalID: "d1", Payment: "p", Amount: one}, {ExternalID: "d2", Payment: "q", Amount: one}, {ExternalID: "d3", Payment: "r", Amount: one, Question: "?"}},
		Refunds:  []event.CustomerRefund{{ExternalID: "r1", Refund: "1", Amount: one}, {ExternalID: "r2", Refund: "2", Amount: one}}, Bill: &event.Bill{Record: "invoice"},
		SalesOrder: event.SalesOrder{OrderStatus: "B"}, Hash: "after",
	}
	to.Store = "main"
	all := []string{
		"policy.open", "customer.fields.phone", "deposits[d1].fields.memo", "deposits[d2].fields.memo", "deposits[d3].fields.memo", "deposits[gone].amount", "refunds[r1].amount", "refunds[r2].amount",
		"bill.record", "sales_order.order_status", "sales_order.fields.memo", "sales_order.lines[line-1].amount", "expected.total", "(not named)",
	}
	of := func(fields ...string) (list []Difference) {
		for _, field := range fields {
			list = append(list, Difference{Field: field, From: "a", To: "b"})
		}
		return list
	}
	known := event.Ledger{
		Customer: &event.RecordID{ID: "7"}, SalesOrder: &event.LedgerOrder{Given: "B"}, Deposits: []event.LedgerMoney{{Key: "p"}}, Refunds: []event.LedgerMoney{{Key: "1"}},
	}
	adopted := known
	adopted.Customer = &event.RecordID{ID: "7", Adopted: true}
	billed := known
	billed.Bill = &event.RecordID{ID: "9"}
	owned := terms.Account{Owners: map[string]terms.Owner{"main": {Status: true, Payment: true, Refunds: true}}}
	const money = "deposits[d1].fields.memo deposits[d3].fields.memo deposits[gone].amount refunds[r1].amount"
	for name, c := range map[string]struct {
		ledger event.Ledger
		status string
		terms  terms.Account
		effect Effect
		fields []string
		kept   string
	}{
		"created":                  {event.Ledger{}, "", terms.Account{}, EffectCreate, all, "policy.open deposits[d3].fields.memo deposits[gone].amount"},
		"written again":            {known, "B", terms.Account{}, EffectUpdate, all, "policy.open customer.fields.phone " + money},
		"kept":                     {known, "B", terms.Account{}, EffectKeep, all, "policy.open customer.fields.phone " + money + " sales_order.order_status sales_order.fields.memo sales_order.lines[line-1].amount expected.total"},
		"altered":                  {billed, "F", terms.Account{}, EffectAlter, all, "policy.open customer.fields.phone " + money + " bill.record sales_order.order_status sales_order.fields.memo"},
		"parked":                   {known, "F", terms.Account{}, EffectPark, all, strings.Join(all, " ")},
		"held":                     {known, "B", terms.Account{}, EffectHold, all, strings.Join(all, " ")},
		"not written":              {event.Ledger{}, "", terms.Account{}, EffectNone, all, strings.Join(all, " ")},
		"people own status, money": {known, "A", owned, EffectUpdate, []string{"deposits[d2].amount", "refunds[r2].amount", "bill.record", "sales_order.order_status"}, "deposits[d2].amount refunds[r2].amount bill.record sales_order.order_status"},
		"another customer":         {known, "B", terms.Account{}, EffectUpdate, []string{"customer.external_id", "customer.fields.phone"}, ""},
		"another default":          {known, "B", terms.Account{}, EffectUpdate, []string{"customer.default.key"}, ""},
		"another e-mail":           {known, "B", terms.Account{}, EffectUpdate, []string{"customer.email"}, "customer.email"},
		"found by the e-mail":      {adopted, "B", terms.Account{}, EffectUpdate, []string{"customer.email", "customer.fields.phone"}, ""},
	} {
		s := standing{entry: &event.SyncRecordedV1{Kind: event.OutcomeSynced}, ledger: c.ledger, status: c.status}
		differences := of(c.fields...)
		if got := strings.Join(keeperOf(to, s, c.terms, c.effect, differences).kept(differences), " "); got != c.kept {
			t.Errorf("%s: kept\n%s, want\n%s", name, got, c.kept)
		}
	}
}
