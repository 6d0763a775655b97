package shopsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// controls are the /sim/ endpoints. They need no key.
func (s *Server) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sim/state", s.simState)
	mux.HandleFunc("POST /sim/reset", control(func(struct{}) (any, error) { return struct{}{}, s.Reset() }))
	mux.HandleFunc("GET /sim/faults", control(func(struct{}) (any, error) { return s.saboteur.get(), nil }))
	mux.HandleFunc("POST /sim/faults", control(func(f Faults) (any, error) { return f, s.saboteur.set(f) }))
	mux.HandleFunc("GET /sim/log", control(func(struct{}) (any, error) { return s.Log(), nil }))
	mux.HandleFunc("GET /sim/stats", control(func(struct{}) (any, error) { return s.Stats(), nil }))
	mux.HandleFunc("POST /sim/orders", control(s.simPlace))
	mux.HandleFunc("POST /sim/orders/{id}/status", s.simStatus)
	mux.HandleFunc("POST /sim/orders/{id}/edit", s.simEdit)
	mux.HandleFunc("POST /sim/orders/{id}/refund", s.simRefund)
	mux.HandleFunc("POST /sim/load", control(s.simLoad))
	mux.HandleFunc("POST /sim/traffic", control(s.simTraffic))
	mux.HandleFunc("POST /sim/deliver", s.simDeliver)
	return mux
}

// control answers JSON for JSON; what is refused is answered 400.
func control[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		if err := readJSON(r, &in); err != nil {
			refuse(w, err)
			return
		}
		out, err := do(in)
		if err != nil {
			refuse(w, err)
			return
		}
		writeJSON(w, http.StatusOK, out)
	}
}

func readJSON(r *http.Request, in any) error {
	if r.Method == http.MethodGet || r.ContentLength == 0 {
		return nil
	}
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(in); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, out any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

func refuse(w http.ResponseWriter, err error) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

// simState shows a store's records of one type, or of all.
func (s *Server) simState(w http.ResponseWriter, r *http.Request) {
	shop, err := s.shop(r.URL.Query().Get("store"))
	if err != nil {
		refuse(w, err)
		return
	}
	shown := []kind{orders, products, customers, refunds, notes, parcels, mails, webhooks}
	all := phpjson.Obj()
	for _, k := range shown {
		all.Set(string(k), phpjson.List(shop.all(k)...))
	}
	answer := all
	if wanted := r.URL.Query().Get("type"); wanted != "" {
		if answer = all.Get(wanted); answer == nil {
			refuse(w, fmt.Errorf("type %q: must be one of %v", wanted, shown))
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer.Bytes())
}

type placeBody struct {
	Store    string `json:"store"`
	Count    int    `json:"count"`
	Checkout string `json:"checkout"`
	Status   string `json:"status"`
	Product  int64  `json:"product"`
	Quantity int64  `json:"quantity"`
	Beside   int64  `json:"beside"`
}

func (s *Server) simPlace(in placeBody) (any, error) {
	ids, err := s.Place(Placement(in))
	return map[string][]int64{"ids": ids}, err
}

type statusBody struct {
	Store  string `json:"store"`
	Status string `json:"status"`
}

// simStatus moves an order; beside the real statuses "trash", "restored" and
// "deleted" do what the words say.
func (s *Server) simStatus(w http.ResponseWriter, r *http.Request) {
	control(func(in statusBody) (any, error) {
		id, err := orderID(r)
		if err != nil {
			return nil, err
		}
		return in, s.SetStatus(in.Store, id, in.Status)
	})(w, r)
}

type editBody struct {
	Store  string          `json:"store"`
	Change json.RawMessage `json:"change"`
}

func (s *Server) simEdit(w http.ResponseWriter, r *http.Request) {
	control(func(in editBody) (any, error) {
		id, err := orderID(r)
		if err != nil {
			return nil, err
		}
		return in, s.Edit(in.Store, id, in.Change)
	})(w, r)
}

type refundBody struct {
	Store  string          `json:"store"`
	Refund json.RawMessage `json:"refund"`
}

func (s *Server) simRefund(w http.ResponseWriter, r *http.Request) {
	control(func(in refundBody) (any, error) {
		id, err := orderID(r)
		if err != nil {
			return nil, err
		}
		return in, s.Refund(in.Store, id, in.Refund)
	})(w, r)
}

func orderID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("order id %q: must be a number", r.PathValue("id"))
	}
	return id, nil
}

type loadBody struct {
	Store   string            `json:"store"`
	Order   json.RawMessage   `json:"order"`
	Refunds []json.RawMessage `json:"refunds"`
	Deleted bool              `json:"deleted"`
}

func (s *Server) simLoad(in loadBody) (any, error) {
	refunds := make([][]byte, len(in.Refunds))
	for i, r := range in.Refunds {
		refunds[i] = r
	}
	id, err := s.Load(Load{Store: in.Store, Order: in.Order, Refunds: refunds, Deleted: in.Deleted})
	return map[string]int64{"id": id}, err
}

type trafficBody struct {
	On        bool    `json:"on"`
	PerMinute float64 `json:"orders_per_minute"`
}

func (s *Server) simTraffic(in trafficBody) (any, error) {
	return in, s.Traffic(in.On, in.PerMinute)
}

type deliverBody struct {
	Store string          `json:"store"`
	Topic string          `json:"topic"`
	Body  json.RawMessage `json:"body"` // a string is sent as its characters, anything else as the JSON given
}

func (s *Server) simDeliver(w http.ResponseWriter, r *http.Request) {
	control(func(in deliverBody) (any, error) {
		body := []byte(in.Body)
		var text string
		if json.Unmarshal(body, &text) == nil {
			body = []byte(text)
		}
		status, err := s.Deliver(r.Context(), in.Store, in.Topic, body)
		return map[string]int{"status": status}, err
	})(w, r)
}
