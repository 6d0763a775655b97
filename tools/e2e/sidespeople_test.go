package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

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

// hold stops an order of which nothing is shipped, or lets it go on.
func (m *match) hold(o *deal) {
	if o.bound() {
		return
	}
	o.held = !o.held
	m.edit(o, `{"status":"`+map[bool]string{true: "on-hold", false: "processing"}[o.held]+`"}`)
}

// bound tells whether NetSuite's later documents rest on the order.
func (o *deal) bound() bool { return len(o.numbers)+o.bills > 0 }

// give pays a little back in the shop.
func (m *match) give(o *deal) {
	if o.given == 3 {
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

func (m *match) ship(o *deal) {
	number := fmt.Sprintf("1Z%s%d-%d", o.store, o.id, len(o.numbers))
	sh := netsuitesim.Shipment{Order: o.salesOrder(), Tracking: []string{number}}
	if err := json.Unmarshal([]byte(`[{"line":1,"quantity":1}]`), &sh.Lines); err != nil {
		m.t.Fatal(err)
	}
	if len(o.numbers) < 3 && m.netsuite(func() (string, error) { return m.NetSuite.Fulfil(sh) }) {
		o.numbers = append(o.numbers, number)
	}
}

func (m *match) bill(o *deal) {
	if o.bills < len(o.numbers) && m.netsuite(func() (string, error) { return m.NetSuite.Bill(o.salesOrder()) }) {
		o.bills++
	}
}

// repay pays a little back in NetSuite, from the deposit.
func (m *match) repay(o *deal) {
	deposit := m.record("customerDeposit", fmt.Sprintf("wc-cd-%s-%d-payment", o.store, o.id))
	if deposit == "" || o.bills > 0 || o.repaid == 2 {
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
			o.known = body.saying()
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
	return saying{s.Note, s.Status == "on-hold", refunded, s.At}
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
