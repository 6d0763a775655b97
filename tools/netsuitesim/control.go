package netsuitesim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Stats are counts since the start or the last reset.
type Stats struct {
	Records        map[string]int `json:"records"` // by type, types without records left out
	Requests       int            `json:"requests"`
	ByStatus       map[string]int `json:"byStatus"` // "dropped" for connections closed without an answer
	ByPath         map[string]int `json:"byPath"`   // "PUT record/v1/salesorder/eid:{}"
	MaxInFlight    int            `json:"maxInFlight"`
	MaxSlots       int            `json:"maxSlots"`        // slots held at a time at most
	Blocked        int            `json:"blocked"`         // requests that found no slot
	BlockedShare   float64        `json:"blockedShare"`    // of all that needed one
	SlotSeconds    float64        `json:"slotSeconds"`     // slots held × time
	FreeSeconds    float64        `json:"freeSlotSeconds"` // slots free for this integration × time; 0 without a limit
	SalesOrderPuts int            `json:"salesOrderPuts"`
	Jobs           int            `json:"jobs"`        // asynchronous requests taken on
	Tasks          int            `json:"tasks"`       // of their tasks those done
	TasksFailed    int            `json:"tasksFailed"` // of these with an error
	Pushes         int            `json:"pushes"`      // notices of the user event
	PushesFailed   int            `json:"pushesFailed"`
}

// Item is what POST /sim/items takes.
type Item struct {
	SKU       string      `json:"sku"`
	Type      string      `json:"type"`      // a record type, inventoryItem by default
	BasePrice json.Number `json:"basePrice"` // 0 by default
	Name      string      `json:"name"`
	Inactive  bool        `json:"inactive"`
}

// Reset goes back to the seed and clears faults, log and counts.
func (s *Server) Reset() error {
	s.processors.reset()
	s.journal.reset()
	s.ResetUsage()
	if err := s.faults.set(Faults{}); err != nil {
		return err
	}
	return s.sql.reset()
}

// ResetUsage starts the counts of slots anew: MaxInFlight, MaxSlots, Blocked,
// SlotSeconds and FreeSeconds.
func (s *Server) ResetUsage() {
	s.gate.reset()
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.slots.reset()
}

// Faults is the fault plan with the counts that are left.
func (s *Server) Faults() Faults { return s.faults.get() }

// SetFaults replaces the fault plan; errors name the field at fault.
func (s *Server) SetFaults(f Faults) error { return s.faults.set(f) }

// ChangeFaults changes the fault plan that holds, leaving alone what change
// does not touch: the limit can move while rules stay.
func (s *Server) ChangeFaults(change func(*Faults)) error {
	return s.faults.patch(func(f *Faults) error {
		change(f)
		return nil
	})
}

// Log is the newest limit requests (0: all kept) whose path contains the text,
// oldest first.
func (s *Server) Log(pathContains string, limit int) []Entry {
	return s.journal.entries(pathContains, limit)
}

// State is every record of a type as a JSON array, sublists expanded; with an
// empty type an object of all types.
func (s *Server) State(recordType string) ([]byte, error) {
	return s.stateJSON(s.URL()+servicePath+"record/v1/", recordType)
}

// Record is the record of a type with that externalId as JSON, sublists
// expanded; nil where there is none.
func (s *Server) Record(recordType, externalID string) ([]byte, error) {
	k := s.kinds.find(recordType)
	if k == nil {
		return nil, fmt.Errorf("type %q: unknown record type", recordType)
	}
	var found *record
	_ = s.store.view(func(t *tx) error {
		found = t.byExternalID(k.group, externalID)
		return nil
	})
	if found == nil || found.kind != k {
		return nil, nil
	}
	return json.Marshal(painter{root: s.URL() + servicePath + "record/v1/", expand: true}.record(found))
}

func (s *Server) stateJSON(root, recordType string) ([]byte, error) {
	if recordType != "" {
		k := s.kinds.find(recordType)
		if k == nil {
			return nil, fmt.Errorf("type %q: unknown record type", recordType)
		}
		return json.Marshal(s.state(root, k))
	}
	all := map[string][]fields{}
	for _, k := range s.kinds.all() {
		all[k.name] = s.state(root, k)
	}
	return json.Marshal(all)
}

// Stats counts records and requests.
func (s *Server) Stats() Stats {
	used := s.gate.usage()
	out := Stats{
		Records: map[string]int{}, MaxInFlight: used.top, MaxSlots: used.topHeld, Blocked: used.blocked, SlotSeconds: used.seconds,
		FreeSeconds: s.faults.freeSeconds(),
	}
	if used.taken+used.blocked > 0 {
		out.BlockedShare = float64(used.blocked) / float64(used.taken+used.blocked)
	}
	_ = s.store.view(func(t *tx) error {
		for k, records := range t.store.byKind {
			if len(records) > 0 {
				out.Records[k.name] = len(records)
			}
		}
		return nil
	})
	out.Pushes, out.PushesFailed = s.pushes.counts()
	s.processors.mu.Lock()
	out.Jobs, out.Tasks, out.TasksFailed = len(s.processors.jobs), s.processors.ran, s.processors.failed
	s.processors.mu.Unlock()
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	out.Requests, out.SalesOrderPuts = s.journal.total, s.journal.orderPut
	out.ByStatus, out.ByPath = copyCounts(s.journal.byStatus), copyCounts(s.journal.byPath)
	return out
}

func copyCounts(m map[string]int) map[string]int {
	out := make(map[string]int, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// RevokeTokens makes every access token issued so far invalid.
func (s *Server) RevokeTokens() { s.tokens.revoke() }

// PutItem makes an item, or changes the one with that SKU, and returns its id.
func (s *Server) PutItem(item Item) (string, error) {
	k := s.kinds.find(or(item.Type, "inventoryItem"))
	if k == nil || k.group != items {
		return "", fmt.Errorf("type %q: want an item type", item.Type)
	}
	raw := map[string]any{"itemId": item.SKU, "isInactive": item.Inactive, "basePrice": or(item.BasePrice, "0")}
	if item.Name != "" {
		raw["displayName"] = item.Name
	}
	in := &intake{names: refuse, values: refuse}
	f, err := in.object(k.schema, raw, "")
	if err != nil {
		return "", err
	}
	var made *record
	err = s.store.update(person, func(t *tx) error {
		old := t.byTitle(items, item.SKU)
		if old != nil && old.kind != k {
			return fmt.Errorf("sku %q: is of the type %s", item.SKU, old.kind.name)
		}
		made, err = t.save(k, old, body{fields: f})
		return err
	})
	if err != nil {
		return "", err
	}
	return decimalID(made.id), nil
}

// control answers the paths below /sim.
func (s *Server) control(r *http.Request) reply {
	answer, err := s.controlled(r)
	var p *problem
	switch {
	case errors.As(err, &p):
		return jsonReply(p.status, "application/json", map[string]string{"error": p.detail})
	case err != nil:
		return jsonReply(http.StatusBadRequest, "application/json", map[string]string{"error": err.Error()})
	}
	return answer
}

func (s *Server) controlled(r *http.Request) (reply, error) {
	query := r.URL.Query()
	switch r.Method + " " + r.URL.Path {
	case "GET /sim/state":
		text, err := s.stateJSON(recordRoot(r), query.Get("type"))
		return reply{status: http.StatusOK, body: text}.with("Content-Type", "application/json"), err
	case "GET /sim/stats":
		return plainReply(s.Stats()), nil
	case "GET /sim/faults":
		return plainReply(s.Faults()), nil
	case "GET /sim/log":
		limit, _ := strconv.Atoi(query.Get("limit")) // anything else means all
		return plainReply(s.Log(query.Get("pathContains"), limit)), nil
	case "GET /sim/items", "GET /sim/item":
		return plainReply(s.itemState(recordRoot(r), query.Get("sku"))), nil
	case "POST /sim/faults":
		return s.postFaults(r)
	case "PATCH /sim/faults":
		return s.patchFaults(r)
	case "POST /sim/stats/reset":
		s.ResetUsage()
		return plainReply(s.Stats()), nil
	case "POST /sim/reset":
		return plainReply(map[string]bool{"reset": true}), s.Reset()
	case "POST /sim/tokens/revoke":
		s.RevokeTokens()
		return plainReply(map[string]bool{"revoked": true}), nil
	}
	return s.act(r)
}

// act answers the controls that a person in the UI stands for.
func (s *Server) act(r *http.Request) (reply, error) {
	do := map[string]func() (any, error){
		"GET /sim/certificates":         func() (any, error) { return s.Certificates(), nil },
		"POST /sim/certificates":        func() (any, error) { return acted(r, s.MapCertificate) },
		"POST /sim/certificates/revoke": func() (any, error) { return ended(r, s.RevokeCertificate) },
		"POST /sim/certificates/expire": func() (any, error) { return ended(r, s.ExpireCertificate) },
		"GET /sim/tba/tokens":           func() (any, error) { return s.TBATokens(), nil },
		"POST /sim/tba/tokens":          func() (any, error) { return acted(r, s.AddTBAToken) },
		"POST /sim/tba/tokens/revoke":   func() (any, error) { return ended(r, s.RevokeTBAToken) },
		"POST /sim/items":               func() (any, error) { return acted(r, s.PutItem) },
		"POST /sim/stock":               func() (any, error) { return acted(r, s.SetStock) },
		"POST /sim/price":               func() (any, error) { return acted(r, s.SetPrice) },
		"POST /sim/warehouse":           func() (any, error) { return s.postWarehouse(r) },
		"POST /sim/warehouse/step":      func() (any, error) { return s.postSteps(r) },
		"POST /sim/push":                func() (any, error) { return s.postPush(r) },
		"POST /sim/fulfil":              func() (any, error) { return acted(r, s.Fulfil) },
		"POST /sim/bill":                func() (any, error) { return acted(r, func(o orderName) (string, error) { return s.Bill(o.Order) }) },
		"POST /sim/cancel":              func() (any, error) { return acted(r, func(o orderName) (string, error) { return s.Cancel(o.Order) }) },
		"POST /sim/record":              func() (any, error) { return acted(r, s.Act) },
		"POST /sim/periods":             func() (any, error) { return s.postPeriods(r) },
		"GET /sim/periods":              func() (any, error) { return s.periods(), nil },
	}[r.Method+" "+r.URL.Path]
	if do == nil {
		return reply{}, &problem{status: http.StatusNotFound, detail: "no such control: " + r.Method + " " + r.URL.Path}
	}
	answer, err := do()
	return plainReply(answer), err
}

// orderName names an order by internal or external id.
type orderName struct {
	Order string `json:"order"`
}

// closing is the shape of /sim/periods.
type closing struct {
	ClosedThrough string `json:"closedThrough"`
}

func (s *Server) periods() closing {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	return closing{s.store.closed}
}

func (s *Server) postPeriods(r *http.Request) (closing, error) {
	var c closing
	if err := readControl(r, &c); err != nil {
		return c, err
	}
	return c, s.ClosePeriods(c.ClosedThrough)
}

// acted reads a control's body, does what it says and shows the id made.
func acted[T any](r *http.Request, do func(T) (string, error)) (any, error) {
	var in T
	if err := readControl(r, &in); err != nil {
		return nil, err
	}
	id, err := do(in)
	return map[string]string{"id": id}, err
}

func plainReply(v any) reply { return jsonReply(http.StatusOK, "application/json", v) }

func (s *Server) postFaults(r *http.Request) (reply, error) {
	var f Faults
	if err := readControl(r, &f); err != nil {
		return reply{}, err
	}
	if err := s.SetFaults(f); err != nil {
		return reply{}, err
	}
	return plainReply(s.Faults()), nil
}

// patchFaults changes the named parts of the plan; a part that is named is
// replaced as a whole.
func (s *Server) patchFaults(r *http.Request) (reply, error) {
	var named map[string]json.RawMessage
	if err := readControl(r, &named); err != nil {
		return reply{}, err
	}
	err := s.faults.patch(func(f *Faults) error {
		for name, empty := range map[string]func(){
			"rules": func() { f.Rules = nil }, "others": func() { f.Others = nil }, "outage": func() { f.Outage = nil },
		} {
			if _, is := named[name]; is {
				empty()
			}
		}
		text, err := json.Marshal(named)
		if err != nil {
			return fmt.Errorf("body: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(f); err != nil {
			return fmt.Errorf("body: %w", err)
		}
		return nil
	})
	return plainReply(s.Faults()), err
}

// readControl reads a control's body; unknown fields are refused.
func readControl(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

// itemState shows the items, or the one with a SKU.
func (s *Server) itemState(root, sku string) []fields {
	out := []fields{}
	for _, k := range s.kinds.all() {
		if k.group != items {
			continue
		}
		for _, f := range s.state(root, k) {
			if sku == "" || f.text("itemId") == sku {
				out = append(out, f)
			}
		}
	}
	return out
}
