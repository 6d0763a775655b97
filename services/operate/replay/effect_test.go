package replay

import (
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/internal/terms"
)

// The effect is what the writer does, by how the order stands in NetSuite.
func TestEffect(t *testing.T) {
	memo := []Difference{{Field: "sales_order.fields.memo", From: "a", To: "b"}}
	amount := []Difference{{Field: "sales_order.lines[line-1].amount", From: "1.00", To: "2.00"}}
	placed := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	late := terms.Account{Starts: map[string]time.Time{"main": placed.Add(time.Hour)}}
	theirs := terms.Account{Owners: map[string]terms.Owner{"main": {Status: true}}}
	held := terms.Account{Hold: true, Owners: theirs.Owners}
	apply, park, keep := event.ActionApply, event.ActionPark, event.ActionKeep
	for name, c := range map[string]struct {
		status          string // "-": no sales order
		open, fulfilled event.Action
		absent          event.Action
		bill, applied   bool
		asked, givenUp  bool   // something of it; a write of another state
		given           string // the status that we gave; "": not known
		entry           string // kind of the newest outcome; "": synced
		word            string // the shop's, in the newest outcome; "": that of now
		terms           terms.Account
		differences     []Difference
		want            Effect
	}{
		"none yet":                              {status: "-", absent: event.ActionCreate, open: apply, fulfilled: keep, want: EffectCreate},
		"none, and it waits":                    {status: "-", absent: event.ActionWait, open: apply, fulfilled: keep, want: EffectNone},
		"none, and it is ignored":               {status: "-", absent: event.ActionIgnore, open: apply, fulfilled: keep, want: EffectNone},
		"none, made before the store's start":   {status: "-", absent: event.ActionCreate, open: apply, terms: late, want: EffectNone},
		"none, writes on hold":                  {status: "-", absent: event.ActionCreate, open: apply, terms: terms.Account{Hold: true}, want: EffectHold},
		"open":                                  {status: "B", open: apply, fulfilled: keep, want: EffectUpdate},
		"open, older than the store's start":    {status: "B", open: apply, fulfilled: keep, terms: late, want: EffectUpdate},
		"open, writes on hold":                  {status: "B", open: apply, fulfilled: keep, terms: terms.Account{Hold: true}, want: EffectHold},
		"open, policy keeps":                    {status: "B", open: keep, fulfilled: keep, want: EffectKeep},
		"open, billed in advance":               {status: "B", open: apply, fulfilled: keep, bill: true, want: EffectKeep},
		"open, status unknown":                  {status: "", open: apply, fulfilled: keep, want: EffectUpdate},
		"pending approval":                      {status: "A", open: apply, fulfilled: keep, want: EffectUpdate},
		"closed":                                {status: "H", open: apply, fulfilled: keep, want: EffectUpdate},
		"cancelled":                             {status: "C", open: apply, fulfilled: apply, want: EffectKeep},
		"partly fulfilled":                      {status: "D", open: apply, fulfilled: keep, want: EffectKeep},
		"fulfilled, policy parks":               {status: "F", open: apply, fulfilled: park, want: EffectPark},
		"fulfilled, a line follows":             {status: "F", open: apply, fulfilled: apply, differences: amount, want: EffectAlter},
		"fulfilled, no line follows":            {status: "F", open: apply, fulfilled: apply, differences: memo, want: EffectKeep},
		"fulfilled, what was sent is unknown":   {status: "E", open: apply, fulfilled: apply, want: EffectAlter},
		"billed, a line follows, held":          {status: "G", open: apply, fulfilled: apply, differences: amount, terms: terms.Account{Hold: true}, want: EffectHold},
		"billed in advance, policy parks":       {status: "B", open: apply, fulfilled: park, bill: true, want: EffectPark},
		"closed by people":                      {status: "H", open: apply, given: "B", terms: theirs, want: EffectKeep},
		"closed by people, the shop owns":       {status: "H", open: apply, given: "B", want: EffectUpdate},
		"closed by people, the last try failed": {status: "H", open: apply, given: "B", entry: event.OutcomeParked, word: "cancelled", terms: theirs, want: EffectUpdate},
		"closed by people, an edit failed last": {status: "H", open: apply, given: "B", entry: event.OutcomeParked, terms: theirs, want: EffectKeep},
		"closed by us":                          {status: "H", open: apply, given: "H", terms: theirs, want: EffectUpdate},
		"taken back by people":                  {status: "A", open: apply, given: "B", terms: theirs, want: EffectUpdate},
		"taken back by people, held":            {status: "A", open: apply, given: "B", terms: held, want: EffectHold},
		"NetSuite holds what is asked already":  {status: "B", open: apply, fulfilled: keep, applied: true, want: EffectNone},
		"and something of it is a question":     {status: "B", open: apply, fulfilled: keep, applied: true, asked: true, want: EffectUpdate},
		"closed by a write that was given up":   {status: "H", open: apply, given: "B", givenUp: true, terms: theirs, want: EffectUpdate},
	} {
		s := standing{entry: &event.SyncRecordedV1{Kind: event.OutcomeSynced}}
		if c.status != "-" {
			s.ledger.SalesOrder, s.status = &event.LedgerOrder{AppliedHash: "before", Given: c.given}, c.status
		}
		if c.entry != "" {
			s.entry.Kind, s.entry.Desired.Status = c.entry, c.word
		}
		if c.asked {
			s.entry.Questions = []event.Question{{}}
		}
		if c.givenUp {
			s.ledger.Late = &event.LedgerLate{Hash: "before"}
		}
		if c.bill {
			s.ledger.Bill = &event.RecordID{ID: "7"}
		}
		to := event.DesiredOrderV1{Policy: event.Policy{Absent: c.absent, Open: c.open, Fulfilled: c.fulfilled}, Source: event.DesiredSource{PlacedAt: placed}, Hash: "after"}
		to.SalesOrder.OrderStatus = "B"
		to.Store = "main"
		if c.applied {
			s.ledger.SalesOrder.AppliedHash = to.Hash
		}
		if got := effect(to, s, c.terms, c.differences); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// The money that an order lacks is made with it, unless the order is not looked after at all; a question makes nothing.
func TestRecords(t *testing.T) {
	one := money.MustParse("1.00")
	to := event.DesiredOrderV1{
		Deposits: []event.Deposit{{Payment: "p", Amount: one}, {Payment: "q", Amount: one, Question: "which account?"}},
		Refunds:  []event.CustomerRefund{{Refund: "1", Amount: one}, {Refund: "2", Amount: one}}, Bill: &event.Bill{Record: "invoice"},
	}
	s := standing{ledger: event.Ledger{Refunds: []event.LedgerMoney{{Key: "1"}}}}
	for effect, want := range map[Effect]int{EffectCreate: 3, EffectUpdate: 3, EffectKeep: 3, EffectAlter: 3, EffectPark: 0, EffectHold: 0, EffectNone: 0} {
		if got := records(to, s, terms.Owner{}, effect); got != want {
			t.Errorf("%s: %d records, want %d", effect, got, want)
		}
	}
	for owner, want := range map[terms.Owner]int{{Payment: true}: 1, {Refunds: true}: 2, {Payment: true, Refunds: true}: 0} {
		if got := records(to, s, owner, EffectUpdate); got != want {
			t.Errorf("NetSuite's people own %+v: %d records, want %d", owner, got, want)
		}
	}
}
