package netsuitesim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Shipment is what POST /sim/fulfil takes: an order by internal or external
// id, the lines to ship (none: all that is open), tracking numbers, and the
// ship status (C, shipped, by default).
type Shipment struct {
	Order string `json:"order"`
	Lines []struct {
		Line     json.Number `json:"line"`
		Quantity json.Number `json:"quantity"`
	} `json:"lines"`
	Tracking []string `json:"tracking"`
	Status   string   `json:"status"`
}

// Fulfil ships an order as a person in the UI would, and returns the
// fulfilment's id.
func (s *Server) Fulfil(sh Shipment) (string, error) {
	raw := map[string]any{"shipStatus": or(sh.Status, "C")}
	var lines, packs []any
	for _, l := range sh.Lines {
		line := map[string]any{"orderLine": l.Line}
		if l.Quantity != "" {
			line["quantity"] = l.Quantity
		}
		lines = append(lines, line)
	}
	for _, number := range sh.Tracking {
		packs = append(packs, map[string]any{"packageTrackingNumber": number})
	}
	if lines != nil {
		raw["item"] = map[string]any{"items": lines}
	}
	if packs != nil {
		raw["package"] = map[string]any{"items": packs}
	}
	return s.fromOrder(sh.Order, "itemFulfillment", raw)
}

// Bill invoices what is fulfilled of an order and returns the invoice's id.
func (s *Server) Bill(order string) (string, error) {
	return s.fromOrder(order, "invoice", map[string]any{})
}

func (s *Server) fromOrder(order, to string, raw map[string]any) (string, error) {
	k := s.kinds.find(to)
	in := &intake{names: refuse, values: refuse}
	f, err := in.object(k.schema, raw, "")
	if err != nil {
		return "", err
	}
	made, err := s.make(person, s.orderAddress(order), k, body{fields: f, refs: in.refs}, false)
	if err != nil {
		return "", err
	}
	return decimalID(made.id), nil
}

// orderAddress reads an internal or external id.
func (s *Server) orderAddress(order string) address {
	a := address{kind: s.kinds.find("salesOrder"), eid: order}
	if id, err := strconv.ParseInt(order, 10, 64); err == nil {
		a.id, a.eid = id, ""
	}
	return a
}

// Cancel cancels an order that is pending approval, which no REST call can;
// it returns the order's id.
func (s *Server) Cancel(order string) (string, error) {
	var id string
	err := s.store.update(person, func(t *tx) error {
		r, err := t.find(s.orderAddress(order))
		if err != nil {
			return err
		}
		if status := r.fields.ref("status"); status != "A" {
			return userError("You cannot cancel this order because its status is %s.", orderStatuses[status])
		}
		d := &draft{kind: r.kind, old: r, id: r.id, fields: r.fields.clone()}
		d.fields["orderStatus"] = point("C", orderStatuses["C"])
		orderProgress(t, d)
		t.stamp(d)
		t.put(&record{kind: r.kind, id: r.id, fields: d.fields})
		t.submit(r.kind.name, r.id, false) // the user event's type is CANCEL
		id = decimalID(r.id)
		return nil
	})
	return id, err
}

// Act is one call of the record service as a person in the UI would make it:
// no login, no slot, no entry in the log.
type Act struct {
	Method string          `json:"method"`
	Path   string          `json:"path"` // below record/v1, with its query: salesOrder/1234?replace=item
	Body   json.RawMessage `json:"body"`
}

// Act does what a person did and returns the id of the record made or changed;
// errors carry NetSuite's words.
func (s *Server) Act(a Act) (string, error) {
	r, err := http.NewRequest(a.Method, s.URL()+servicePath+"record/v1/"+a.Path, bytes.NewReader(a.Body))
	if err != nil {
		return "", fmt.Errorf("act: %w", err)
	}
	r = r.WithContext(context.WithValue(r.Context(), authorKey{}, person))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-NetSuite-PropertyNameValidation", "Error")
	at, err := s.parseAddress(strings.Split(strings.Trim(strings.TrimPrefix(r.URL.Path, servicePath+"record/v1/"), "/"), "/"))
	if err != nil {
		return "", err
	}
	answer, err := s.recordMethod(r, at)
	if err != nil {
		return "", err
	}
	location := answer.header.Get("Location")
	return location[strings.LastIndexByte(location, '/')+1:], nil
}
