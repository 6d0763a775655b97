package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

func booked(id, key, amount string) event.LedgerMoney {
	return event.LedgerMoney{RecordID: event.RecordID{ID: id}, Key: key, Amount: money.MustParse(amount)}
}

// What NetSuite holds is not made again, whatever its amount; 0.00 is never sent.
func TestLacking(t *testing.T) {
	d := event.DesiredOrderV1{
		Deposits: []event.Deposit{
			{ExternalID: "cd-payment", Payment: "payment", Amount: money.MustParse("80.00")}, {ExternalID: "cd-gift", Payment: "gift-1", Amount: money.MustParse("5.00")},
			{ExternalID: "cd-none", Payment: "gift-2"},
		},
		Refunds: []event.CustomerRefund{{ExternalID: "cr-7", Refund: "7", Amount: money.MustParse("1.00")}, {ExternalID: "cr-8", Refund: "8", Amount: money.MustParse("2.00")}},
		Bill:    &event.Bill{ExternalID: "inv"},
	}
	ledger := event.Ledger{Deposits: []event.LedgerMoney{booked("1", "payment", "75.00")}, Refunds: []event.LedgerMoney{booked("2", "7", "1.00")}}
	if got, want := Lacking(d, ledger).ExternalIDs(), []string{"cd-gift", "cr-8", "inv"}; !cmp.Equal(got, want) {
		t.Errorf("lacking %v, want %v", got, want)
	}
	ledger.Bill = &event.RecordID{ID: "3"}
	ledger.Deposits, ledger.Refunds = append(ledger.Deposits, booked("4", "gift-1", "5.00")), append(ledger.Refunds, booked("5", "8", "2.00"))
	if m := Lacking(d, ledger); !m.Empty() {
		t.Errorf("lacking %v, want nothing", m.ExternalIDs())
	}
}

// A refund that no customer refund pays out is done once all of its credits are.
func TestLackingOfSharedRefunds(t *testing.T) {
	d := event.DesiredOrderV1{Refunds: []event.CustomerRefund{{ExternalID: "wc-cr-main-36-7", Refund: "7", Amount: money.MustParse("3.00")}}}
	done, open := booked("1", "7", "1.00"), booked("2", "7", "2.00")
	done.Settled = true
	ledger := event.Ledger{Credits: []event.LedgerMoney{done, open, booked("3", "8", "2.00")}}
	if m := Lacking(d, ledger); len(m.Refunds) != 1 {
		t.Errorf("lacking %v, want the refund", m.ExternalIDs())
	}
	Settle(&ledger, "7")
	if m := Lacking(d, ledger); !m.Empty() || ledger.Credits[2].Settled {
		t.Errorf("lacking %v, want nothing; credits %+v", m.ExternalIDs(), ledger.Credits)
	}
}

func TestAllot(t *testing.T) {
	deposits := []event.LedgerMoney{booked("11", "payment", "50.00"), booked("12", "gift-1", "20.00")}
	for name, c := range map[string]struct {
		refunds []event.LedgerMoney
		amount  string
		want    []Part
		code    fault.Code
	}{
		"from the first":           {nil, "30.00", []Part{{"11", money.MustParse("30.00")}}, ""},
		"over both":                {nil, "60.00", []Part{{"11", money.MustParse("50.00")}, {"12", money.MustParse("10.00")}}, ""},
		"behind an earlier one":    {[]event.LedgerMoney{booked("1", "7", "45.00")}, "10.00", []Part{{"11", money.MustParse("5.00")}, {"12", money.MustParse("5.00")}}, ""},
		"to the last cent":         {[]event.LedgerMoney{booked("1", "7", "50.00")}, "20.00", []Part{{"12", money.MustParse("20.00")}}, ""},
		"more than there is":       {[]event.LedgerMoney{booked("1", "7", "50.00")}, "20.01", nil, fault.RefundUncovered},
		"the first one is used up": {[]event.LedgerMoney{booked("1", "7", "50.00"), booked("2", "8", "19.99")}, "0.01", []Part{{"12", money.MustParse("0.01")}}, ""},
	} {
		got, err := Allot(deposits, c.refunds, money.MustParse(c.amount))
		same := cmp.Comparer(func(a, b money.Amount) bool { return a.Equal(b) })
		if diff := cmp.Diff(c.want, got, same); diff != "" || c.code != "" && fault.CodeOf(err) != c.code || c.code == "" && err != nil {
			t.Errorf("%s: %v, want code %q (-want +got):\n%s", name, err, c.code, diff)
		}
	}
}

func TestMoneyBodies(t *testing.T) {
	option, yes := event.Ref{Record: "paymentMethod", By: "name", Key: "PayPal"}, true
	fields := map[string]event.Value{"tranDate": text("2026-11-23"), "paymentOption": {Ref: &option}, "undepFunds": {Flag: &yes}}
	ids := IDs{option: "5"}
	deposit, err := Deposit(event.Deposit{ExternalID: "wc-cd-main-36-payment", Amount: money.MustParse("28.14"), Fields: fields}, "1004", ids)
	if err != nil {
		t.Fatal(err)
	}
	refund, err := Refund(event.CustomerRefund{ExternalID: "wc-cr-main-36-9", Amount: money.MustParse("20"), Fields: fields}, "21", []Part{{"1007", money.MustParse("20")}}, nil, ids)
	if err != nil {
		t.Fatal(err)
	}
	bill, err := Bill(event.Bill{Record: "invoice", ExternalID: "wc-inv-main-36", Fields: map[string]event.Value{"tranDate": text("2026-11-23")}}, ids)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		string(deposit): `{"externalId":"wc-cd-main-36-payment","payment":28.14,"paymentOption":{"id":"5"},"salesOrder":{"id":"1004"},"tranDate":"2026-11-23","undepFunds":true}`,
		string(refund):  `{"customer":{"id":"21"},"deposit":{"items":[{"amount":20.00,"apply":true,"doc":{"id":"1007"}}]},"externalId":"wc-cr-main-36-9","paymentOption":{"id":"5"},"tranDate":"2026-11-23","undepFunds":true}`,
		string(bill):    `{"externalId":"wc-inv-main-36","tranDate":"2026-11-23"}`,
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
