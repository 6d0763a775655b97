package mapping

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// text shows a field value.
func text(v event.Value) string {
	switch {
	case v.Text != nil:
		return *v.Text
	case v.Number != nil:
		return v.Number.String()
	case v.Flag != nil && *v.Flag:
		return "true"
	case v.Ref != nil:
		return v.Ref.Record + " " + v.Ref.Key
	default:
		return ""
	}
}

func deposits(d event.DesiredOrderV1) []string {
	list := []string{}
	for _, p := range d.Deposits {
		word := p.ExternalID + " " + p.Amount.String()
		for _, field := range []string{"paymentOption", "paymentMethod", "account", "undepFunds", "tranDate"} {
			if v, set := p.Fields[field]; set {
				word += " " + field + "=" + text(v)
			}
		}
		if p.Question != "" {
			word += " ? " + p.Question
		}
		list = append(list, word)
	}
	return list
}

// Written by hand from order 36: 28.14, paid by rig_card on the evening of 22 November in New York.
func TestDeposits(t *testing.T) {
	const card = "wc-cd-main-36-payment 28.14 paymentOption=paymentMethod Credit Card undepFunds=true tranDate=2026-11-22"
	unpaid := func(o *event.OrderStateV1) {
		o.Payment.PaidAt, o.Payment.LocalDate, o.Payment.Status = nil, "", "unpaid"
	}
	for name, c := range map[string]struct {
		order    func(*event.OrderStateV1)
		document func(*Document)
		want     []string
	}{
		"paid":                  {nil, nil, []string{card}},
		"completed":             {func(o *event.OrderStateV1) { o.Status = "completed" }, nil, []string{card}},
		"cancelled after it":    {func(o *event.OrderStateV1) { o.Status = "cancelled" }, nil, []string{card}},
		"unpaid":                {unpaid, nil, []string{}},
		"failed after it":       {func(o *event.OrderStateV1) { o.Status = "failed" }, nil, []string{}},
		"pending after it":      {func(o *event.OrderStateV1) { o.Status = "pending" }, nil, []string{}},
		"cod, not yet paid":     {func(o *event.OrderStateV1) { unpaid(o); o.Payment.Method = "cod" }, nil, []string{}},
		"cod, paid":             {func(o *event.OrderStateV1) { o.Payment.Method = "cod" }, nil, []string{strings.Replace(card, "Credit Card", "Cash", 1)}},
		"authorised":            {func(o *event.OrderStateV1) { o.Payment.Method, o.Status = "stripe", "on-hold" }, nil, []string{}},
		"captured":              {func(o *event.OrderStateV1) { o.Payment.Method = "stripe" }, nil, []string{card}},
		"unknown gateway":       {func(o *event.OrderStateV1) { o.Payment.Method = "barter" }, nil, []string{`wc-cd-main-36-payment 28.14 undepFunds=true tranDate=2026-11-22 ? payment-unmapped: payment_method = "barter": want an entry under payments.gateways`}},
		"unknown, unpaid":       {func(o *event.OrderStateV1) { unpaid(o); o.Payment.Method = "barter" }, nil, []string{}},
		"every other gateway":   {func(o *event.OrderStateV1) { o.Payment.Method = "barter" }, func(d *Document) { d.Payments.Gateways["*"] = Gateway{Policy: PolicyOrder} }, []string{}},
		"policy order":          {nil, policy(PolicyOrder), []string{}},
		"policy cash sale":      {nil, policy(PolicyCashSale), []string{}},
		"policy invoice":        {nil, policy(PolicyInvoice), []string{}},
		"no section":            {nil, func(d *Document) { d.Payments = nil }, []string{}},
		"the gateway's own":     {nil, func(d *Document) { d.Payments.Gateways["rig_card"] = Gateway{Policy: PolicyOrder} }, []string{}},
		"to an account":         {nil, func(d *Document) { d.Payments.Gateways["rig_card"] = Gateway{Account: "Checking"} }, []string{"wc-cd-main-36-payment 28.14 account=account Checking tranDate=2026-11-22"}},
		"payment method":        {nil, func(d *Document) { d.Payments.OptionField = "paymentMethod" }, []string{strings.Replace(card, "paymentOption", "paymentMethod", 1)}},
		"a closed period":       {nil, func(d *Document) { d.Payments.PostingDate, d.Periods.ClosedThrough = FirstOpen, "2026-11-30" }, []string{strings.Replace(card, "2026-11-22", "2026-12-01", 1)}},
		"the last closed day":   {nil, func(d *Document) { d.Payments.PostingDate, d.Periods.ClosedThrough = FirstOpen, "2026-11-22" }, []string{strings.Replace(card, "2026-11-22", "2026-11-23", 1)}},
		"an open period":        {nil, func(d *Document) { d.Payments.PostingDate, d.Periods.ClosedThrough = FirstOpen, "2026-11-21" }, []string{card}},
		"its own date all same": {nil, func(d *Document) { d.Periods.ClosedThrough = "2026-11-30" }, []string{card}},
		"a part is paid": {meta("_paid", "10.5"), func(d *Document) {
			d.Payments.Gateways["rig_card"] = Gateway{Option: "Credit Card", AmountMeta: "_paid"}
		}, []string{strings.Replace(card, "28.14", "10.50", 1)}},
		"all is paid, no part": {nil, func(d *Document) {
			d.Payments.Gateways["rig_card"] = Gateway{Option: "Credit Card", AmountMeta: "_paid"}
		}, []string{card}},
		"an older event's event": {func(o *event.OrderStateV1) { o.Payment.LocalDate = "" }, nil, []string{strings.Replace(card, "2026-11-22", "2026-11-23", 1)}},
	} {
		o := orders(t)["order.created-simple"]
		if c.order != nil {
			c.order(&o)
		}
		var changes []func(*Document)
		if c.document != nil {
			changes = append(changes, c.document)
		}
		if diff := cmp.Diff(c.want, deposits(mapWith(t, o, changes...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func meta(key, value string) func(*event.OrderStateV1) {
	return func(o *event.OrderStateV1) {
		o.Meta = append(slices.Clone(o.Meta), event.Meta{Key: key, Value: codec.Raw(`"` + value + `"`)})
	}
}

func TestNoDepositOfZero(t *testing.T) {
	o := orders(t)["order.created-zero"]
	if o.Payment.PaidAt == nil || !o.Totals.Total.IsZero() {
		t.Fatalf("paid at %v, total %s", o.Payment.PaidAt, o.Totals.Total)
	}
	if d := mapWith(t, o); len(d.Deposits) != 0 || d.Policy.Rule != "accepted" {
		t.Errorf("rule %s, deposits %v; want the order alone", d.Policy.Rule, deposits(d))
	}
}

// The fee is noted, the amount stays what the customer paid.
func TestGatewayFee(t *testing.T) {
	o := orders(t)["order.created-simple"]
	meta("_fee", "1.12")(&o)
	d := mapWith(t, o, func(d *Document) {
		d.Payments.Gateways["rig_card"] = Gateway{FeeMeta: "_fee", FeeField: "custbody_fee"}
	})
	if got := text(d.Deposits[0].Fields["custbody_fee"]); got != "1.12" || d.Deposits[0].Amount.String() != "28.14" {
		t.Errorf("fee %q of %s", got, d.Deposits[0].Amount)
	}
}

func TestBills(t *testing.T) {
	for name, c := range map[string]struct {
		policy MoneyPolicy
		status string
		paid   bool
		want   string
	}{
		"cash sale":         {PolicyCashSale, "processing", true, "cashSale wc-cs-main-36 paymentMethod Credit Card 2026-11-22"},
		"unpaid cash sale":  {PolicyCashSale, "processing", false, ""},
		"on hold":           {PolicyCashSale, "on-hold", true, ""},
		"cancelled":         {PolicyCashSale, "cancelled", true, ""},
		"invoice":           {PolicyInvoice, "processing", false, "invoice wc-inv-main-36  2026-11-22"},
		"invoice on hold":   {PolicyInvoice, "on-hold", false, ""},
		"cancelled invoice": {PolicyInvoice, "cancelled", true, ""},
		"deposit":           {PolicyDeposit, "processing", true, ""},
		"order":             {PolicyOrder, "processing", true, ""},
	} {
		o := orders(t)["order.created-simple"]
		o.Status = c.status
		if !c.paid {
			o.Payment.PaidAt, o.Payment.LocalDate, o.Payment.Status = nil, "", "unpaid"
		}
		got := ""
		if bill := mapWith(t, o, policy(c.policy)).Bill; bill != nil {
			got = bill.Record + " " + bill.ExternalID + " " + text(bill.Fields["paymentOption"]) + " " + text(bill.Fields["tranDate"])
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A gift card of 10.00 is a payment: the shop's total is what was left, the sales order's is the whole.
func TestGiftCards(t *testing.T) {
	const left = "wc-cd-main-36-payment 18.14 paymentOption=paymentMethod Credit Card undepFunds=true tranDate=2026-11-22"
	redeemed := func(o *event.OrderStateV1) {
		o.GiftCards = []event.GiftCard{{Code: "ABC", Amount: money.MustParse("10")}}
	}
	for name, c := range map[string]struct {
		order    func(*event.OrderStateV1)
		document func(*Document)
		want     []string
	}{
		"mapped": {redeemed, func(d *Document) { d.Payments.GiftCards = &GiftCards{Gateway: Gateway{Account: "Gift Cards"}} },
			[]string{left, "wc-cd-main-36-gift-1 10.00 account=account Gift Cards tranDate=2026-11-22"}},
		"unmapped":     {redeemed, nil, []string{left, "wc-cd-main-36-gift-1 10.00 undepFunds=true tranDate=2026-11-22 ? payment-unmapped: want payments.gift_cards"}},
		"policy order": {redeemed, func(d *Document) { d.Payments.GiftCards = &GiftCards{Gateway: Gateway{Policy: PolicyOrder}} }, []string{left}},
		"in meta": {meta("_card", "10.00"), func(d *Document) { d.Payments.GiftCards = &GiftCards{Gateway: Gateway{Option: "Cash"}, Meta: "_card"} },
			[]string{left, "wc-cd-main-36-gift-1 10.00 paymentOption=paymentMethod Cash undepFunds=true tranDate=2026-11-22"}},
	} {
		o := orders(t)["order.created-simple"]
		o.Totals.Total = money.MustParse("18.14")
		c.order(&o)
		var changes []func(*Document)
		if c.document != nil {
			changes = append(changes, c.document)
		}
		d := mapWith(t, o, changes...)
		if diff := cmp.Diff(c.want, deposits(d)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if d.Expected.Total.String() != "28.14" || d.Expected.ShopTotal.String() != "18.14" || proves(d, shippedCodes) != nil {
			t.Errorf("%s: total %s, shop %s, %v", name, d.Expected.Total, d.Expected.ShopTotal, proves(d, shippedCodes))
		}
	}
}

// Paid wholly by gift card: no gateway, nothing left, one deposit.
func TestGiftCardPaysAll(t *testing.T) {
	o := orders(t)["order.created-simple"]
	o.GiftCards, o.Totals.Total, o.Payment.Method = []event.GiftCard{{Code: "ABC", Amount: money.MustParse("28.14")}}, money.Zero, ""
	d := mapWith(t, o, func(d *Document) { d.Payments.GiftCards = &GiftCards{} })
	if diff := cmp.Diff([]string{"wc-cd-main-36-gift-1 28.14 undepFunds=true tranDate=2026-11-22"}, deposits(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Written by hand: 28.14 is paid as 10.00 on 20 November and the rest later.
func TestPartialPayments(t *testing.T) {
	parts := func(d *Document) {
		d.Payments.Gateways["rig_card"] = Gateway{Authorised: []string{"on-hold"}, Parts: []Part{
			{Key: "first", AmountMeta: "_first", PaidMeta: "_first_paid"}, {Key: "rest", AmountMeta: "_rest", PaidMeta: "_rest_paid"}, {Key: "tip", AmountMeta: "_tip"},
		}}
	}
	const (
		first = "wc-cd-main-36-first 10.00 undepFunds=true tranDate=2026-11-20"
		rest  = "wc-cd-main-36-rest 18.14 undepFunds=true tranDate=2026-11-22"
	)
	for name, c := range map[string]struct {
		meta   []string
		status string
		unpaid bool // without date_paid
		want   []string
	}{
		"in one":                      {nil, "processing", false, []string{"wc-cd-main-36-payment 28.14 undepFunds=true tranDate=2026-11-22"}},
		"nothing yet":                 {[]string{"_first", "10.00"}, "processing", false, []string{}},
		"the first, with its day":     {[]string{"_first", "10.00", "_first_paid", "2026-11-20T22:00:00", "_rest", "18.14"}, "partially-paid", true, []string{first}},
		"both":                        {[]string{"_first", "10.00", "_first_paid", "2026-11-20", "_rest", "18.14", "_rest_paid", "yes"}, "processing", false, []string{first, rest}},
		"of nothing":                  {[]string{"_first", "0.00", "_first_paid", "2026-11-20"}, "processing", false, []string{}},
		"not known yet":               {[]string{"_first", "", "_first_paid", "2026-11-20"}, "processing", false, []string{}},
		"authorised":                  {[]string{"_first", "10.00", "_first_paid", "2026-11-20"}, "on-hold", false, []string{}},
		"undone":                      {[]string{"_first", "10.00", "_first_paid", "2026-11-20"}, "failed", false, []string{}},
		"by date_paid":                {[]string{"_tip", "2.00"}, "processing", false, []string{"wc-cd-main-36-tip 2.00 undepFunds=true tranDate=2026-11-22"}},
		"by date_paid, which is none": {[]string{"_tip", "2.00"}, "processing", true, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			o := orders(t)["order.created-simple"]
			o.Status = c.status
			for i := 0; i < len(c.meta); i += 2 {
				meta(c.meta[i], c.meta[i+1])(&o)
			}
			if c.unpaid {
				o.Payment.PaidAt, o.Payment.LocalDate = nil, ""
			}
			m := variant(t, parts, func(d *Document) {
				d.Statuses[2].When = `order.status in ["processing", "partially-paid"]`
			})
			d, err := m.Map(o, Context{Account: "ns"})
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Balance(o, d); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(c.want, deposits(d)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A part whose amount is no amount parks the order, named.
func TestPartOfNoAmount(t *testing.T) {
	o := orders(t)["order.created-simple"]
	meta("_first", "ten")(&o)
	_, err := variant(t, func(d *Document) {
		d.Payments.Gateways["rig_card"] = Gateway{Parts: []Part{{Key: "first", AmountMeta: "_first"}}}
	}).Map(o, Context{Account: "ns"})
	if err == nil || !strings.Contains(err.Error(), "meta_data._first") {
		t.Errorf("%v, want the meta key named", err)
	}
}

func TestPartsAreChecked(t *testing.T) {
	for want, g := range map[string]Gateway{
		"want policy deposit":             {Policy: PolicyInvoice, Parts: []Part{{Key: "a", AmountMeta: "_a"}}},
		"want amount_meta or parts":       {AmountMeta: "_paid", Parts: []Part{{Key: "a", AmountMeta: "_a"}}},
		"want a name of its own":          {Parts: []Part{{Key: "a", AmountMeta: "_a"}, {Key: "a", AmountMeta: "_b"}}},
		"neither payment nor gift-1":      {Parts: []Part{{Key: "payment", AmountMeta: "_a"}}},
		"parts[0].key":                    {Parts: []Part{{Key: "gift-2", AmountMeta: "_a"}}},
		"parts[0].amount_meta":            {Parts: []Part{{Key: "a"}}},
		"gateways.rig_card.parts[1].key:": {Parts: []Part{{Key: "a", AmountMeta: "_a"}, {Key: "A b", AmountMeta: "_b"}}},
	} {
		d, err := Parse(Default)
		if err != nil {
			t.Fatal(err)
		}
		d.Payments.Gateways["rig_card"] = g
		if err := d.check().in(&tree{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", g.Parts, err, want)
		}
	}
}
