package parse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
)

// marked is the capture of a paid order with another status and meta entries of ours.
func marked(t *testing.T, status, completed, meta string) event.OrderStateV1 {
	t.Helper()
	d := deliveries(t)["order.created-simple"]
	d = replaced(d, `"status":"processing"`, fmt.Sprintf("%q:%q", "status", status))
	d = replaced(d, `"date_completed_gmt":null`, `"date_completed_gmt":`+completed)
	d.Body = []byte(strings.Replace(string(d.Body), `"meta_data":[`, `"meta_data":[`+meta, 1)) // the order's, not a line's
	o, err := Order(d)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// A status that we gave an order is no news, whatever else our writes leave on it; what people change beside it is.
func TestOurStatusIsNoNews(t *testing.T) {
	const at = `"2026-11-24T01:00:00"`
	plain := marked(t, "processing", "null", "")
	mark := func(set, from, paid string) string {
		value, err := codec.Encode(fmt.Sprintf(`{"set":[%q],"from":%q,"paid":%q,"completed":""}`, set, from, paid))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"id":1,"key":"_orderstream_status","value":%s},`, value)
	}
	ours := mark("completed", "processing", "2026-11-23T03:12:29")
	rest := `{"id":2,"key":"_orderstream_documents","value":"[]"},{"id":3,"key":"_orderstream","value":"{}"},{"id":4,"key":"_wc_shipment_tracking_items","value":[{"tracking_number":"1Z"}]},{"id":5,"key":"_fulfillment_status","value":"fulfilled"},`
	for name, c := range map[string]struct {
		state event.OrderStateV1
		same  bool
		want  string
	}{
		"completed by us":                    {marked(t, "completed", at, ours+rest), true, "processing"},
		"completed by the shop":              {marked(t, "completed", at, rest), false, "completed"},
		"completed by us, cancelled by them": {marked(t, "cancelled", at, ours), false, "cancelled"},
		"a mark that is not ours":            {marked(t, "completed", at, `{"id":1,"key":"_orderstream_status","value":"{"},`), false, "completed"},
		"a mark of no status":                {marked(t, "completed", at, mark("completed", "", "x")), false, "completed"},
		"completed by us, on hold before":    {marked(t, "completed", at, mark("completed", "on-hold", "x")), false, "on-hold"},
		"our keys alone":                     {marked(t, "processing", "null", rest), true, "processing"},
		"another key":                        {marked(t, "processing", "null", `{"id":9,"key":"orderstream","value":"x"},`), false, "processing"},
	} {
		if c.state.Status != c.want || (c.state.Hash == plain.Hash) != c.same {
			t.Errorf("%s: status %s, the same content: %v; want %s, %v", name, c.state.Status, c.state.Hash == plain.Hash, c.want, c.same)
		}
		c.state.Version.Sequence = plain.Version.Sequence + 1
		if news, _, rule, err := Next(&plain, c.state); err != nil || (rule == RuleRepeat) != c.same || (news == nil) != c.same {
			t.Errorf("%s: rule %q, %v", name, rule, err)
		}
	}
	// An order that was not paid before we completed it is not paid now: the shop dates it by itself.
	if o := marked(t, "completed", at, mark("completed", "processing", "")); o.Payment.PaidAt != nil || o.Payment.LocalDate != "" || o.Placed.CompletedAt != nil {
		t.Errorf("paid %v, completed %v", o.Payment.PaidAt, o.Placed.CompletedAt)
	}
}

// What the shop takes out of its stock, or puts back, when an order gets a status of ours, is no news; any other change of the
// line is, beside it too.
func TestTheShopsStockIsNoNews(t *testing.T) {
	taken := deliveries(t)["order.created-simple"]
	const note = `{"id":28,"key":"_reduced_stock","value":"1","display_key":"_reduced_stock","display_value":"1"}`
	with := func(meta, name string) event.OrderStateV1 {
		t.Helper()
		o, err := Order(replaced(taken, `"name":"Classic Tee"`, fmt.Sprintf(`"name":%q`, name), note, meta))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	engraved := `{"id":2,"key":"Engraving","value":"Zoë"}`
	for name, c := range map[string]struct {
		before, after event.OrderStateV1
		same          bool
	}{
		"put back":                {with(note, "Classic Tee"), with("", "Classic Tee"), true},
		"taken":                   {with("", "Classic Tee"), with(note, "Classic Tee"), true},
		"another number":          {with(note, "Classic Tee"), with(strings.ReplaceAll(note, `"1"`, `"2"`), "Classic Tee"), true},
		"beside another entry":    {with(note+","+engraved, "Classic Tee"), with(engraved, "Classic Tee"), true},
		"put back, renamed":       {with(note, "Classic Tee"), with("", "Old Tee"), false},
		"put back, engraved":      {with(note, "Classic Tee"), with(engraved, "Classic Tee"), false},
		"taken and engraved anew": {with(engraved, "Classic Tee"), with(note+","+strings.Replace(engraved, "Zoë", "Chloé", 1), "Classic Tee"), false},
	} {
		c.after.Version.Sequence = c.before.Version.Sequence + 1
		news, _, rule, err := Next(&c.before, c.after)
		if err != nil || (rule == RuleRepeat) != c.same || (news == nil) != c.same {
			t.Errorf("%s: rule %q, news %v, %v; want the same %v", name, rule, news != nil, err, c.same)
		}
		if news != nil && news.Hash != c.after.Hash {
			t.Errorf("%s: news of another content than the shop's", name)
		}
	}
}

// A refund that NetSuite made, and we recorded in the shop, is no news either; nor is the order it leaves refunded.
func TestOurRefundIsNoNews(t *testing.T) {
	plain := marked(t, "processing", "null", "")
	ours := `{"id":90,"reason":"NetSuite refund RF12 (orderstream ns:customerRefund:5090)","total":"-5.00"}`
	theirs := `{"id":91,"reason":"broken","total":"-2.00"}`
	refunded := func(status, meta, refunds string) event.OrderStateV1 {
		d := deliveries(t)["order.created-simple"]
		d = replaced(d, `"status":"processing"`, fmt.Sprintf("%q:%q", "status", status), `"refunds":[]`, `"refunds":[`+refunds+`]`)
		d.Body = []byte(strings.Replace(string(d.Body), `"meta_data":[`, `"meta_data":[`+meta, 1))
		o, err := Order(d)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := refunded("processing", "", ours); o.Hash != plain.Hash || len(o.Refunds) != 0 {
		t.Errorf("refunds %+v, payment %s", o.Refunds, o.Payment.Status)
	}
	mark := `{"id":1,"key":"_orderstream_status","value":"{\"set\":[\"refunded\"],\"from\":\"processing\",\"paid\":\"x\",\"completed\":\"\"}"},`
	if o := refunded("refunded", mark, ours); o.Hash != plain.Hash {
		t.Errorf("status %s, refunds %+v", o.Status, o.Refunds)
	}
	if o := refunded("processing", "", theirs+","+ours); len(o.Refunds) != 1 || o.Refunds[0].ID != "91" || o.Totals.Refunded.String() != "2.00" {
		t.Errorf("refunds %+v, want the shop's own", o.Refunds)
	}
	records := `[{"id":90,"reason":"NetSuite refund RF12 (orderstream ns:customerRefund:5090)","amount":"5.00","date_created_gmt":"2026-11-24T01:00:00"}]`
	if list, err := Refunds(Delivery{Body: []byte(records)}); err != nil || len(list) != 0 {
		t.Errorf("records %+v, %v", list, err)
	}
}
