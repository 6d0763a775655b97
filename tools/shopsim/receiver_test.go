package shopsim

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// hit is one delivery as the receiver got it.
type hit struct {
	topic, id, delivery, signature string
	body                           []byte
}

func (h hit) object(t *testing.T) *phpjson.Value { return mustParse(t, h.body) }

// receiver takes deliveries; each handler waits until its hit has been read, so
// a test decides when a delivery is answered.
type receiver struct {
	url    string
	hits   chan hit
	answer atomic.Int64
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{hits: make(chan hit)}
	r.answer.Store(http.StatusOK)
	quit := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		h := hit{topic: req.Header.Get("X-WC-Webhook-Topic"), id: req.Header.Get("X-WC-Webhook-ID"),
			delivery: req.Header.Get("X-WC-Webhook-Delivery-ID"), signature: req.Header.Get("X-WC-Webhook-Signature"), body: body}
		select {
		case r.hits <- h:
		case <-quit:
		}
		w.WriteHeader(int(r.answer.Load()))
	}))
	r.url = server.URL + "/webhooks/woocommerce/main"
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(quit) })
	return r
}

// next gives the next delivery.
func (r *receiver) next(t *testing.T) hit {
	t.Helper()
	select {
	case h := <-r.hits:
		return h
	case <-time.After(5 * time.Second):
		t.Fatal("no delivery came within 5 s")
		return hit{}
	}
}

// topics gives the topics of the next n deliveries.
func (r *receiver) topics(t *testing.T, n int) []string {
	t.Helper()
	var list []string
	for range n {
		list = append(list, r.next(t).topic)
	}
	return list
}

// delivering is a store whose webhooks go to r.
func delivering(t *testing.T, r *receiver, change ...func(*Config)) *Server {
	t.Helper()
	c := Config{AllowBasicOverHTTP: true, QueueDelay: time.Millisecond, Stores: []StoreConfig{{Key: "main", DeliveryURL: r.url}}}
	for _, f := range change {
		f(&c)
	}
	return start(t, c)
}

// quiet loads an order that has never been delivered: its products are no ones
// of the catalogue, so nothing but order topics fires for it.
func quiet(t *testing.T, s *Server, id int64, status string) {
	t.Helper()
	o := mustParse(t, sample(t, "rest-create-draftlike").body)
	o.Set("id", phpjson.Int(id))
	o.Set("status", phpjson.Text(status))
	o.Set("line_items", phpjson.List())
	if _, err := s.Load(Load{Order: o.Bytes()}); err != nil {
		t.Fatal(err)
	}
}
