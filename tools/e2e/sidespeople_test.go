package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// edit is a person's change of an order in the shop.
func (m *match) edit(o *deal, body string) {
	m.change(o)
	if err := m.Shop.Edit(o.store, o.id, []byte(body)); err != nil {
		m.t.Fatal(err)
	}
}

// change notes a change in the shop, in another second than the last one and than the last write of ours: an order that
// says two things in one second would be read again.
func (m *match) change(o *deal) {
	m.tally.changes++
	o.changes++
	last := max(o.changed, m.wroteAt(o.name()))
	m.Until("a second later", func() bool { return time.Now().Unix() > last })
	o.changed = time.Now().Unix()
}

func (m *match) note(o *deal) {
	o.note++
	m.edit(o, fmt.Sprintf(`{"customer_note":"note %d"}`, o.note))
}

// hold stops an order of which nothing is shipped, or lets it go on.
func (m *match) hold(o *deal) {
	m.setStatus(o, map[string]string{"processing": "on-hold", "on-hold": "processing"}[o.status])
}

// bound tells whether NetSuite's later documents rest on the order.
func (o *deal) bound() bool { return len(o.parcels)+len(o.bills) > 0 }

// give pays a little back in the shop.
func (m *match) give(o *deal) {
	if o.given == 3 || o.isReversed() {
		return
	}
	o.given++
	m.change(o)
	if err := m.Shop.Refund(o.store, o.id, []byte(`{"amount":"2.00","reason":"`+reason+`","api_restock":false}`)); err != nil {
		m.t.Fatal(err)
	}
}

// netsuite does something there; false: NetSuite does not allow it now.
func (m *match) netsuite(act func() (string, error)) bool {
	sent := m.NetSuite.Stats().Pushes
	if _, err := act(); err != nil {
		return false
	}
	m.tally.changes++
	if m.pushing {
		m.Until("NetSuite's script has told", func() bool { return m.NetSuite.Stats().Pushes > sent })
	}
	return true
}

// ship sends one piece of three away, of either line, in one parcel or two.
func (m *match) ship(o *deal) {
	p := parcel{numbers: []string{fmt.Sprintf("1Z%s%d-%d", o.store, o.id, len(o.parcels))}}
	if rapid.Bool().Draw(m.t, "two") {
		p.numbers = append(p.numbers, p.numbers[0]+"-b")
	}
	if len(o.parcels) == 3 {
		return
	}
	line := rapid.SampledFrom(o.open()).Draw(m.t, "line")
	sh := netsuitesim.Shipment{Order: o.salesOrder(), Tracking: p.numbers}
	if err := json.Unmarshal(fmt.Appendf(nil, `[{"line":%s,"quantity":1}]`, m.lineOf(o, line.sku)), &sh.Lines); err != nil {
		m.t.Fatal(err)
	}
	if m.netsuite(func() (id string, err error) { p.id, err = m.NetSuite.Fulfil(sh); return p.id, err }) {
		line.sent++
		o.parcels = append(o.parcels, p)
	}
}

// open lists the lines of which something is still to be shipped.
func (o *deal) open() (lines []*good) {
	for i := range o.goods {
		if o.goods[i].sent < o.goods[i].pieces {
			lines = append(lines, &o.goods[i])
		}
	}
	return lines
}

// lineOf is the number of the sales order's line of a SKU.
func (m *match) lineOf(o *deal, sku string) json.Number {
	for _, line := range m.salesOrder(o).Item.Items {
		if line.Item.RefName == sku {
			return line.Line
		}
	}
	m.t.Fatalf("%s: NetSuite has no line of %s", o.name(), sku)
	return ""
}

// pack adds another parcel to what was shipped last.
func (m *match) pack(o *deal) {
	if len(o.parcels) == 0 {
		return
	}
	last := &o.parcels[len(o.parcels)-1]
	number := fmt.Sprintf("%s-%c", last.numbers[0], 'a'+len(last.numbers))
	body := fmt.Sprintf(`{"package":{"items":[{"packageTrackingNumber":%q,"packageWeight":1}]}}`, number)
	if len(last.numbers) < 3 && m.netsuite(func() (string, error) {
		return m.NetSuite.Act(netsuitesim.Act{Method: "PATCH", Path: "itemFulfillment/" + last.id, Body: []byte(body)})
	}) {
		last.numbers = append(last.numbers, number)
		o.packed++
	}
}

func (m *match) bill(o *deal) {
	var id string
	if len(o.bills) < len(o.parcels) && m.netsuite(func() (made string, err error) { id, err = m.NetSuite.Bill(o.salesOrder()); return id, err }) {
		o.bills = append(o.bills, id)
	}
}

// takeBack goes some steps of the way on which a piece that was billed comes back: authorised, received, credited, and paid
// back.
func (m *match) takeBack(o *deal) {
	for range rapid.IntRange(1, 4).Draw(m.t, "steps") {
		if len(o.bills) == 0 || len(o.back) == 4 {
			return
		}
		id := ""
		if !m.netsuite(func() (made string, err error) { id, err = m.NetSuite.Act(m.stepBack(o)); return id, err }) {
			m.t.Fatalf("%s: step %d of a piece that comes back is refused", o.name(), len(o.back))
		}
		if o.back = append(o.back, id); len(o.back) == 4 {
			o.repaid++
		}
	}
}

func (m *match) stepBack(o *deal) netsuitesim.Act {
	post := func(path, body string) netsuitesim.Act {
		return netsuitesim.Act{Method: "POST", Path: path, Body: []byte(body)}
	}
	switch len(o.back) {
	case 0:
		back := `{"orderStatus":{"id":"B"},"item":{"items":[{"line":1,"quantity":1}]}}`
		if len(o.goods) > 1 {
			back = `{"orderStatus":{"id":"B"}}` // all that was billed: which line that is the bill knows
		}
		return post("invoice/"+o.bills[0]+"/!transform/returnAuthorization", back)
	case 1:
		return post("returnAuthorization/"+o.back[0]+"/!transform/itemReceipt", `{}`)
	case 2:
		return post("returnAuthorization/"+o.back[0]+"/!transform/creditMemo", `{}`)
	default:
		body := `{"customer":{"id":"` + m.salesOrder(o).Entity.ID + `"},"account":{"id":"1"},"apply":{"items":[{"doc":{"id":"` + o.back[2] + `"},"apply":true,"amount":3}]}}`
		return post("customerRefund", body)
	}
}

// repay pays a little back in NetSuite, from the deposit.
func (m *match) repay(o *deal) {
	deposit := m.record("customerDeposit", fmt.Sprintf("wc-cd-%s-%d-payment", o.store, o.id))
	if deposit == "" || len(o.bills) > 0 || o.repaid == 2 {
		return
	}
	body := `{"account":{"id":"1"},"deposit":{"items":[{"doc":{"id":"` + deposit + `"},"apply":true,"amount":1}]}}`
	if m.netsuite(func() (string, error) {
		return m.NetSuite.Act(netsuitesim.Act{Method: "POST", Path: "customerDeposit/" + deposit + "/!transform/customerRefund", Body: []byte(body)})
	}) {
		o.repaid++
	}
}

// record gives the id of a record of ours; "" where there is none.
func (m *match) record(kind, externalID string) (id string) {
	m.find(kind, externalID, &struct{ ID *string }{&id})
	return id
}

// find reads a record of ours, if NetSuite has it.
func (m *match) find(kind, externalID string, into any) bool {
	raw, err := m.NetSuite.Record(kind, externalID)
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return raw != nil
}

// hear notes what a webhook says of an order, if that is newer than what is known.
func (m *match) hear(l letter) {
	var body shopSaying
	if json.Unmarshal(l.body, &body) != nil || !strings.HasPrefix(l.header.Get("X-WC-Webhook-Topic"), "order.") {
		return
	}
	for _, o := range m.orders {
		if strings.HasSuffix(l.to, "/"+o.store) && body.ID == o.id && body.At >= o.known.at {
			o.hear(body)
		}
	}
}

type shopSaying struct {
	ID      int64                     `json:"id"`
	Status  string                    `json:"status"`
	Note    string                    `json:"customer_note"`
	At      string                    `json:"date_modified_gmt"`
	Refunds []struct{ Reason string } `json:"refunds"`
}

func (s shopSaying) saying() saying {
	refunded := slices.ContainsFunc(s.Refunds, func(r struct{ Reason string }) bool { return r.Reason == reason })
	return saying{s.Note, s.Status, refunded, s.At}
}

// reason is that of refunds which people make in the shop.
const reason = "late"

// shows is what a shop says of an order now.
func (m *match) shows(o *deal) (state shopSaying) {
	raw, err := m.Shop.Order(o.store, o.id)
	if err == nil {
		err = json.Unmarshal(raw, &state)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return state
}
