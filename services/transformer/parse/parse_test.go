package parse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

func deliveries(t testing.TB) map[string]Delivery {
	t.Helper()
	captures, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Delivery{}
	for i, c := range captures {
		all[c.Name] = Delivery{Sequence: uint64(i + 1), Body: c.Body, Facts: event.WebhookReceivedV1{
			Store: c.Store, Topic: c.Get("X-WC-Webhook-Topic"), Resource: c.Get("X-WC-Webhook-Resource"), Event: c.Get("X-WC-Webhook-Event"),
			ReceivedAt: c.Received, Origin: event.OriginWebhook,
		}}
	}
	return all
}

func order(t testing.TB, name string) event.OrderStateV1 {
	t.Helper()
	r, err := Read(deliveries(t)[name])
	if err != nil || r.Order == nil {
		t.Fatalf("%s: %v, %v", name, r, err)
	}
	return *r.Order
}

// What each delivery that is no plain order says. Everything else is an order with its own status and total.
var others = map[string]string{
	"ping":                                           "ignored topic",
	"order.deleted":                                  "read deleted",
	"legacy-8.9.3-order.deleted":                     "read deleted",
	"order.created-error-body-order-gone":            "ignored order-gone",
	"order.updated-error-body-no-permission":         "ignored no-permission, alert webhook-no-permission",
	"order.created-checkout-draft-via-rest":          "ignored draft",
	"order.created-auto-draft-via-rest":              "ignored draft",
	"legacy-8.9.3-order.created-checkout-draft":      "ignored draft",
	"v10.4.3-order.updated-checkout-draft-abandoned": "ignored draft",
	"product.updated-simple":                         "ignored topic",
	"product.updated-variation":                      "ignored topic",
	"customer.created":                               "customer 4",
	"customer.updated":                               "customer 2",
}

func says(r Result) string {
	var words []string
	switch {
	case r.Order != nil:
		words = append(words, fmt.Sprintf("order %s %s %s", r.Order.Order, r.Order.Status, r.Order.Totals.Total))
	case r.Customer != nil:
		words = append(words, "customer "+r.Customer.Customer)
	case r.Read != "":
		words = append(words, "read "+r.Read)
	case r.Ignored != "":
		words = append(words, "ignored "+r.Ignored)
	}
	if r.Alert != "" {
		words = append(words, "alert "+string(r.Alert))
	}
	return strings.Join(words, ", ")
}

func TestEveryCapture(t *testing.T) {
	for name, d := range deliveries(t) {
		r, err := Read(d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, isOther := others[name]
		if !isOther {
			body, err := codec.Decode[struct {
				ID            codec.Number
				Status, Total string
			}](d.Body)
			if err != nil {
				t.Fatal(err)
			}
			want = fmt.Sprintf("order %s %s %s", body.ID, body.Status, body.Total)
		}
		if got := says(r); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// Written by hand from the body of order 61.
func TestOrderInFull(t *testing.T) {
	o := order(t, "order.created-fee")
	got := fmt.Sprintf("%s|%s|%s|%s %s|%s|%s|%s|%d|%s|%s|%s|%s|%s|%d meta", o.Number, o.Currency, o.Customer.Email, o.Placed.LocalDate, o.Placed.LocalTime, o.Placed.At.Format(time.RFC3339),
		o.Payment.Method+" "+o.Payment.TransactionID+" "+o.Payment.Status, o.Lines[0].SKU+" "+o.Lines[0].Quantity.String()+" "+o.Lines[0].Total.String(), len(o.Fees),
		o.Totals.Fees, o.Totals.Shipping, o.Totals.Tax, o.Taxes[0].Code+" "+o.Taxes[0].Percent.String(), o.Lines[0].Taxes[1].Total, len(o.Meta))
	want := "61|USD|sam.rivera354900@example.com|2026-11-22 22:12:29|2026-11-23T03:12:29Z|rig_card ch_8801AA47C3E91E02DE paid|TEE-001 1 19.99|2|2.50|5.95|2.41|US-CA-CA STATE TAX-1 7.25|0.25|5 meta"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Two plugins list redeemed cards beside the order's own fields.
func TestGiftCards(t *testing.T) {
	d := replaced(deliveries(t)["order.created-simple"], `"refunds":[`, `"gift_cards":[{"id":3,"code":"AAAA","amount":12.5}],"pw_gift_cards_redeemed":[{"number":"BBBB","amount":"7.25"}],"refunds":[`)
	o, err := Order(d)
	if err != nil || fmt.Sprint(o.GiftCards) != "[{AAAA 12.50} {BBBB 7.25}]" {
		t.Errorf("%v, %v", o.GiftCards, err)
	}
}

// The day of the payment is the store's: 22 November in New York is the 23rd in UTC.
func TestLocalDateOfPayment(t *testing.T) {
	if o := order(t, "order.created-simple"); o.Payment.LocalDate != "2026-11-22" || o.Payment.PaidAt.Format(time.DateOnly) != "2026-11-23" {
		t.Errorf("paid on %s, at %s", o.Payment.LocalDate, o.Payment.PaidAt)
	}
}

// Invariant 6: same input, same bytes.
func TestSameBytes(t *testing.T) {
	for name, d := range deliveries(t) {
		a, err1 := Read(d)
		b, err2 := Read(d)
		x, err3 := codec.Encode(a)
		y, err4 := codec.Encode(b)
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil || string(x) != string(y) {
			t.Errorf("%s: read twice, two texts", name)
		}
	}
}

func replaced(d Delivery, pairs ...string) Delivery {
	d.Body = []byte(strings.NewReplacer(pairs...).Replace(string(d.Body)))
	d.Sequence += 1000
	return d
}

// The hash is what the order says: not when it was touched, not what we wrote ourselves.
func TestHashKnowsNoEcho(t *testing.T) {
	d := deliveries(t)["order.created-simple"]
	plain := order(t, "order.created-simple")
	echo := replaced(d, `"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-11-23T03:10:59"`,
		`"meta_data":[{"id":`, `"meta_data":[{"id":9999,"key":"_orderstream","value":"{\"tran_id\":\"SO1\"}"},{"id":`)
	if string(echo.Body) == string(d.Body) {
		t.Fatal("nothing was replaced")
	}
	touched, err := Order(echo)
	if err != nil || touched.Hash != plain.Hash {
		t.Errorf("our own write changes the hash (%v)", err)
	}
	changed, err := Order(replaced(d, `"quantity":1`, `"quantity":2`))
	if err != nil || changed.Hash == plain.Hash {
		t.Errorf("another quantity does not change the hash (%v)", err)
	}
}

// Invariant 4: newest wins.
func TestNext(t *testing.T) {
	last := order(t, "order.created-pending")
	at := func(name string, seconds int, change func(*event.OrderStateV1)) event.OrderStateV1 {
		o := last
		o.Version.ModifiedAt = last.Version.ModifiedAt.Add(time.Duration(seconds) * time.Second)
		o.Version.Sequence = last.Version.Sequence + 1
		o.Hash = name
		change(&o)
		return o
	}
	paid := time.Date(2026, 11, 23, 3, 14, 28, 0, time.UTC)
	for _, c := range []struct {
		name   string
		state  event.OrderStateV1
		kind   string
		read   string
		dropBy string
	}{
		{"older", at("x", -1, func(*event.OrderStateV1) {}), "", "", RuleSuperseded},
		{"the same content later", at(last.Hash, 5, func(*event.OrderStateV1) {}), "", "", RuleRepeat},
		{"another content in the same second", at("x", 0, func(*event.OrderStateV1) {}), event.KindUpdated, event.ReadTie, ""},
		{"the same, from a read", at("x", 0, func(o *event.OrderStateV1) { o.Source.Origin = event.OriginRead }), event.KindUpdated, "", ""},
		{"paid", at("x", 1, func(o *event.OrderStateV1) { o.Status, o.Payment.PaidAt = "processing", &paid }), event.KindPaid, "", ""},
		{"cancelled", at("x", 1, func(o *event.OrderStateV1) { o.Status = "cancelled" }), event.KindCancelled, "", ""},
		{"refunded", at("x", 1, func(o *event.OrderStateV1) { o.Status = "refunded" }), event.KindRefunded, "", ""},
		{"partly refunded", at("x", 1, func(o *event.OrderStateV1) { o.Refunds = append(o.Refunds, event.Refund{ID: "1"}) }), event.KindRefunded, "", ""},
		{"completed", at("x", 1, func(o *event.OrderStateV1) { o.Status = "completed" }), event.KindCompleted, "", ""},
		{"failed", at("x", 1, func(o *event.OrderStateV1) { o.Status = "failed" }), event.KindFailed, "", ""},
		{"trashed", at("x", 1, func(o *event.OrderStateV1) { o.Status = "trash" }), event.KindDeleted, "", ""},
	} {
		news, read, rule, err := Next(&last, c.state)
		if err != nil {
			t.Fatal(err)
		}
		kind := ""
		if news != nil {
			kind = news.Kind
		}
		if kind != c.kind || read != c.read || rule != c.dropBy {
			t.Errorf("%s: kind %q, read %q, rule %q; want %q, %q, %q", c.name, kind, read, rule, c.kind, c.read, c.dropBy)
		}
	}
	if news, _, _, _ := Next(nil, last); news == nil || news.Kind != event.KindPlaced || news.Type != "order.v1.placed" {
		t.Errorf("the first state is %v, want placed", news)
	}
	trashed := last
	trashed.Status = "trash"
	if news, _, _, _ := Next(&trashed, at("x", 1, func(*event.OrderStateV1) {})); news == nil || news.Kind != event.KindRestored {
		t.Errorf("out of the trash is %v, want restored", news)
	}
}

func TestDeletedOnce(t *testing.T) {
	last := order(t, "order.created-simple")
	gone, err := Deleted(last, Delivery{Sequence: 99})
	if err != nil || gone == nil || gone.Status != "deleted" || gone.Kind != event.KindDeleted || gone.Hash == last.Hash || gone.Version.Compare(last.Version) <= 0 {
		t.Fatalf("%+v, %v", gone, err)
	}
	if again, err := Deleted(*gone, Delivery{Sequence: 100}); err != nil || again != nil {
		t.Errorf("deleted twice: %v, %v", again, err)
	}
}

// Bad input gets an error that names field, value and rule.
func TestBadInput(t *testing.T) {
	good := deliveries(t)["order.created-simple"]
	bad := func(pairs ...string) Delivery { return replaced(good, pairs...) }
	raw := func(body string) Delivery { d := good; d.Body = []byte(body); return d }
	for name, c := range map[string]struct {
		d     Delivery
		code  fault.Code
		field string
	}{
		"empty":              {raw(""), fault.DeliveryUndecodable, "body"},
		"blank":              {raw(" \r\n"), fault.DeliveryUndecodable, "body"},
		"truncated":          {raw(string(good.Body[:len(good.Body)/2])), fault.DeliveryUndecodable, ""},
		"not JSON":           {raw("<html>maintenance</html>"), fault.DeliveryUndecodable, ""},
		"not UTF-8":          {bad("Classic Tee", "Classic \xff\xfe"), fault.DeliveryUndecodable, ""},
		"deeply nested":      {raw(strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)), fault.DeliveryUndecodable, ""},
		"an array":           {raw("[1,2]"), fault.DeliveryUndecodable, ""},
		"no id":              {raw(`{"status":"processing"}`), fault.CurrencyUnknown, "currency"},
		"unknown currency":   {bad(`"currency":"USD"`, `"currency":"XBT"`), fault.CurrencyUnknown, "currency"},
		"text for an amount": {bad(`"total":"28.14"`, `"total":"a lot"`), fault.OrderInvalid, "total"},
		"exponent amount":    {bad(`"total":"28.14"`, `"total":"2e9"`), fault.OrderInvalid, "total"},
		"huge amount":        {bad(`"total":"28.14"`, `"total":"`+strings.Repeat("9", 60)+`"`), fault.OrderInvalid, "total"},
		"negative total":     {bad(`"total":"28.14"`, `"total":"-28.14"`), fault.OrderInvalid, "total"},
		"negative quantity":  {bad(`"quantity":1`, `"quantity":-1`), fault.OrderInvalid, "line_items[0].quantity"},
		"text for lines":     {bad(`"line_items":[`, `"line_items":"none","x":[`), fault.DeliveryUndecodable, ""},
		"zero id":            {bad(`{"id":36,`, `{"id":0,`), fault.OrderInvalid, "id"},
		"id with a path":     {bad(`{"id":36,`, `{"id":"36/../1",`), fault.OrderInvalid, "id"},
		"bad time":           {bad(`"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"yesterday"`), fault.OrderInvalid, "date_modified_gmt"},
		"no time":            {bad(`"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":null`), fault.OrderInvalid, "date_modified_gmt"},
	} {
		r, err := Read(c.d)
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.field) || r.Order != nil {
			t.Errorf("%s: %v, want %s naming %q", name, err, c.code, c.field)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, d := range deliveries(f) {
		f.Add(d.Body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d := Delivery{Sequence: 1, Body: body, Facts: event.WebhookReceivedV1{Store: "main", Resource: "order", Event: "updated", Origin: event.OriginWebhook}}
		r, err := Read(d)
		if err != nil || r.Order == nil {
			return
		}
		data, err := codec.Encode(r.Order)
		if err != nil {
			t.Fatal(err)
		}
		again, err := codec.Decode[event.OrderStateV1](data)
		if err != nil || again.Hash != r.Order.Hash {
			t.Errorf("an order that was read cannot be read again: %v", err)
		}
	})
}
