package ingest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// Every capture: its answer, its bytes and its facts.
func TestEveryCapture(t *testing.T) {
	d := open(t, nil)
	all, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	var want []capture.Delivery
	for _, c := range all {
		status := http.StatusOK
		if strings.HasSuffix(c.Name, "wrong-secret") {
			status = http.StatusUnauthorized
		}
		if got := d.capture(c); got.status != status {
			t.Errorf("%s: %d %s, want %d", c.Name, got.status, got.body, status)
		}
		if c.Valid {
			want = append(want, c)
		}
	}
	d.forwarded()
	if got := d.nats.Count(t, topology.Woo, subject.WebhookAll); got != len(want) {
		t.Fatalf("WOO holds %d deliveries, want %d: no ping, none with a bad signature", got, len(want))
	}
	var last uint64
	ids := map[string]bool{}
	for _, c := range want {
		m := d.nats.Next(t, topology.Woo, subject.WebhookAll, last)
		last = m.Sequence
		if !bytes.Equal(m.Data, c.Body) {
			t.Errorf("%s: the stored bytes differ", c.Name)
		}
		facts := event.WebhookFromHeader(m.Header)
		if facts.Store != c.Store || facts.Topic != c.Get("X-WC-Webhook-Topic") || facts.DeliveryID != c.Get("X-WC-Webhook-Delivery-ID") ||
			facts.WebhookID != c.Get("X-WC-Webhook-ID") || facts.Source != c.Get("X-WC-Webhook-Source") || facts.UserAgent != c.Get("User-Agent") || facts.ReceivedAt.IsZero() {
			t.Errorf("%s: facts %+v", c.Name, facts)
		}
		ids[m.Header.Get("Nats-Msg-Id")] = true
	}
	if len(ids) != len(want) {
		t.Errorf("%d message ids for %d deliveries: delivery ids repeat within a second, message ids must not", len(ids), len(want))
	}
	alert := d.nats.Next(t, topology.Alerts, subject.AlertAll, 0)
	raised, err := codec.Decode[event.AlertRaisedV1](alert.Data)
	if err != nil || raised.Kind != event.AlertSignature || raised.Store != "main" {
		t.Errorf("alert %+v, %v, want the bad signature of main", raised, err)
	}
}

// Invariant 2: one HTTP request is stored once, and a duplicate does not fail its neighbours in a batch.
func TestRepeatsAreStoredOnce(t *testing.T) {
	d := open(t, nil)
	for range 3 {
		for n := range 20 {
			body := fmt.Sprintf(`{"id":%d}`, n+1)
			if got := d.send(http.MethodPost, path, []byte(body), signed(body)); got.status != http.StatusOK {
				t.Fatalf("answered %d", got.status)
			}
		}
	}
	d.forwarded()
	if got := d.nats.Count(t, topology.Woo, subject.WebhookAll); got != 20 {
		t.Errorf("WOO holds %d deliveries, want 20", got)
	}
}

func TestRefusals(t *testing.T) {
	d := open(t, func(c *config.Config) { c.Ingest.BodyLimit = 64 << 10 })
	body := `{"id":1}`
	for name, c := range map[string]struct {
		method, path, body string
		header             map[string]string
		want               int
	}{
		"no signature":      {http.MethodPost, path, body, nil, 401},
		"forged signature":  {http.MethodPost, path, body, map[string]string{"X-WC-Webhook-Signature": signature.Sign([]byte(body), "guess")}, 401},
		"of another body":   {http.MethodPost, path, body, signed(`{"id":2}`), 401},
		"ping with a topic": {http.MethodPost, path, "webhook_id=1; drop", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 401},
		"unknown store":     {http.MethodPost, "/webhooks/woocommerce/other", body, signed(body), 404},
		"trailing slash":    {http.MethodPost, path + "/", body, signed(body), 404},
		"doubled slash":     {http.MethodPost, "/webhooks//woocommerce/main", body, signed(body), 404},
		"GET":               {http.MethodGet, path, "", nil, 405},
		"PUT":               {http.MethodPut, path, body, signed(body), 405},
	} {
		got := d.send(c.method, c.path, []byte(c.body), c.header)
		if got.status != c.want || !strings.Contains(got.body, `"rule"`) {
			t.Errorf("%s: %d %q, want %d with a rule", name, got.status, got.body, c.want)
		}
		if c.want == 405 && got.header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: Allow %q, want POST", name, got.header.Get("Allow"))
		}
	}
	head := "POST " + path + " HTTP/1.1\r\nHost: shop\r\n"
	for want, text := range map[int]string{
		413: head + "Content-Length: 66560\r\n\r\n", // 65 KiB
		431: head + "X-Flood: " + strings.Repeat("x", headerBuffer-len(head)-len("X-Flood: ")),
	} {
		if got := d.head(text); got.status != want || !strings.Contains(got.body, `"rule"`) {
			t.Errorf("%d %q, want %d with a rule", got.status, got.body, want)
		}
	}
	if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != 0 {
		t.Errorf("%d refused deliveries are stored", n)
	}
}

// head sends the beginning of a request and reads what is answered to it: a server that refuses a request before it
// has read all of it may close the connection while the rest is on its way.
func (d door) head(text string) answered {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.service.Address())
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		d.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answered{response.StatusCode, response.Header, string(body)}
}

// What is signed is stored, however odd: 4xx and 5xx would disable the webhook.
func TestOddBodiesAreStored(t *testing.T) {
	d := open(t, nil)
	odd := []string{"", "not JSON", `{"code":"woocommerce_rest_cannot_view","message":"","data":{"status":401}}`, "\xff\xfe", `{"id":"46"}`, strings.Repeat("[", 10000), `{"id":null}`}
	for _, body := range odd {
		if got := d.send(http.MethodPost, path, []byte(body), signed(body)); got.status != http.StatusOK {
			t.Errorf("%.20q: %d, want 200", body, got.status)
		}
	}
	d.forwarded()
	if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != len(odd) {
		t.Errorf("%d of %d are stored", n, len(odd))
	}
}

func TestSourcesBehindProxies(t *testing.T) {
	local := func(c *config.Config) { c.Ingest.AllowedSources = []string{"203.0.113.0/24"} }
	proxied := func(c *config.Config) { local(c); c.Ingest.TrustedProxies = []string{"127.0.0.0/8"} }
	body := `{"id":1}`
	for name, c := range map[string]struct {
		adjust    func(*config.Config)
		forwarded string
		want      int
	}{
		"not in the list":           {local, "", 403},
		"a header no proxy vouches": {local, "203.0.113.7", 403},
		"through the proxy":         {proxied, "203.0.113.7", 200},
		"a forged first hop":        {proxied, "203.0.113.7, 198.51.100.1", 403},
		"nonsense":                  {proxied, "nonsense", 403},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, c.adjust)
			header := signed(body)
			if c.forwarded != "" {
				header["X-Forwarded-For"] = c.forwarded
			}
			if got := d.send(http.MethodPost, path, []byte(body), header); got.status != c.want {
				t.Errorf("%d, want %d", got.status, c.want)
			}
		})
	}
}

// ingest.ack: stream answers after JetStream's confirmation.
func TestAckStream(t *testing.T) {
	d := open(t, func(c *config.Config) { c.Ingest.Ack = "stream" })
	body := `{"id":1}`
	if got := d.send(http.MethodPost, path, []byte(body), signed(body)); got.status != http.StatusOK {
		t.Fatalf("answered %d", got.status)
	}
	if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != 1 {
		t.Errorf("answered before the delivery was in the stream")
	}
	d.service.streamWait = 50 * time.Millisecond
	d.nats.Stop()
	if got := d.send(http.MethodPost, path, []byte(body), signed(body)); got.status != http.StatusServiceUnavailable {
		t.Errorf("answered %d without JetStream's confirmation, want 503", got.status)
	}
}

// A full log refuses; nothing that was answered 200 is missing afterwards. Invariant 1.
func TestFullLogRefuses(t *testing.T) {
	d := open(t, func(c *config.Config) { c.Ingest.DoorLog.MaxRecords = 3 })
	d.nats.Stop()
	var taken int
	for n := range 6 {
		body := fmt.Sprintf(`{"id":%d}`, n+1)
		switch got := d.send(http.MethodPost, path, []byte(body), signed(body)); got.status {
		case http.StatusOK:
			taken++
		case http.StatusServiceUnavailable:
			if !strings.Contains(got.body, "door-log-full") {
				t.Errorf("503 with %q, want door-log-full", got.body)
			}
		default:
			t.Errorf("answered %d", got.status)
		}
	}
	if waiting := d.service.doorLog.Stats().Records; taken != 3 || waiting != 3 {
		t.Errorf("%d answered 200, %d in the log, want 3 and 3", taken, waiting)
	}
	if d.service.Ready() == nil {
		t.Error("a full door says it is ready")
	}
}

// A record that JetStream refuses for good is set aside; the rest goes on.
func TestRecordTooLargeIsSetAside(t *testing.T) {
	d := open(t, func(c *config.Config) { c.Ingest.BodyLimit = 20 << 20 })
	large := `{"id":1,"x":"` + strings.Repeat("x", 17<<20) + `"}`
	small := `{"id":2}`
	for _, body := range []string{large, small} {
		if got := d.send(http.MethodPost, path, []byte(body), signed(body)); got.status != http.StatusOK {
			t.Fatalf("answered %d %s", got.status, got.body)
		}
	}
	if m := d.nats.Next(t, topology.Woo, subject.WebhookAll, 0); string(m.Data) != small {
		t.Errorf("the first delivery in WOO has %d bytes, want the small one", len(m.Data))
	}
	d.forwarded()
	aside, err := d.service.doorLog.Aside()
	if err != nil || len(aside) != 1 || !bytes.Contains(aside[0].Data, []byte(large[:40])) {
		t.Errorf("%d records aside, %v, want the large one", len(aside), err)
	}
	if a := d.alerted(event.AlertSetAside); a.Code != "record-too-large" || !strings.Contains(a.Details["subject"], ".main.order.updated.1") {
		t.Errorf("alert %+v", a)
	}
}

func TestBadConfigurationIsNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, c := range map[string]struct {
		adjust func(*config.Config)
		want   string
	}{
		"address taken": {func(c *config.Config) { c.Ingest.Listen = listener.Addr().String() }, "ingest.listen"},
		"bad CIDR":      {func(c *config.Config) { c.Ingest.AllowedSources = []string{"everyone"} }, "ingest.allowed_sources[0]"},
		"missing secret": {func(c *config.Config) {
			c.Stores = map[string]config.Store{"main": {Secrets: []config.Secret{config.SecretOf("env:NOT_SET_ANYWHERE")}}}
		}, "stores.main.webhook_secrets[0]"},
	} {
		server := natstest.Start(t)
		conf := config.Config{}
		conf.Ingest.Listen, conf.Ingest.DoorLog.Dir = "127.0.0.1:0", t.TempDir()
		conf.Fill()
		c.adjust(&conf)
		_, err := New(context.Background(), host.Env{Config: conf, Log: slog.New(slog.DiscardHandler), Conn: server.Conn, JS: server.JS})
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, doorlog.ErrFailed) {
			t.Errorf("%s: %v, want it to name %s", name, err, c.want)
		}
	}
}

// What the disk gives back damaged raises an alert.
func TestDamageIsAnAlert(t *testing.T) {
	d := open(t, nil)
	d.service.damaged(3, true)
	m := d.nats.Next(t, topology.Alerts, subject.Alert(event.AlertSetAside, ""), 0)
	a, err := codec.Decode[event.AlertRaisedV1](m.Data)
	if err != nil || a.Details["records"] != "3" || a.Details["lost"] != "true" {
		t.Errorf("%s, %v", m.Data, err)
	}
}
