package notifier

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is a webhook's far end.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	status  int // of the next answers; 0: 200
	header  http.Header
	arrived chan delivery
}

type delivery struct {
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{header: http.Header{}, arrived: make(chan delivery, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil || q.Method != http.MethodPost {
			t.Errorf("%s, %v", q.Method, err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for name, values := range r.header {
			w.Header()[name] = values
		}
		if r.status != 0 {
			w.WriteHeader(r.status)
		}
		r.arrived <- delivery{q.Header.Clone(), body}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int, header ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
	r.header = http.Header{}
	for i := 0; i < len(header); i += 2 {
		r.header.Set(header[i], header[i+1])
	}
}

// next waits for one delivery.
func (r *receiver) next(t *testing.T) delivery {
	t.Helper()
	select {
	case d := <-r.arrived:
		return d
	case <-time.After(20 * time.Second):
		t.Fatal("no webhook came")
		return delivery{}
	}
}

// secret gives a reference to a value, as the configuration holds it.
func secret(t *testing.T, value string) config.Secret {
	t.Helper()
	name := "NOTICE_" + strings.ToUpper(base64.RawURLEncoding.EncodeToString([]byte(value)))
	name = strings.ReplaceAll(name, "-", "_")
	t.Setenv(name, value)
	return config.SecretOf("env:" + name)
}

func webhookTo(t *testing.T, url, key string) *webhook {
	t.Helper()
	w, err := newWebhook("channels.ops", config.Channel{Kind: "webhook", URL: secret(t, url), Secret: secret(t, key)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var sample = digest.Notice{
	Cause: digest.Cause{Origin: digest.Failure, Name: "write", Code: "sku-unknown", Store: "main", Field: "item.sku", Value: `TEE "1" <é>`},
	Key:   "notice_failure_7_first", Part: digest.First, Count: 1, Open: 3, IDs: []string{"write.main.78"},
	Class: "terminal", Summary: "NetSuite has no item for a SKU", Rule: "want one record in NetSuite",
	First: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Last: time.Date(2026, 11, 23, 12, 1, 0, 0, time.UTC),
}

const sampleBody = `{"type":"notice.first","timestamp":"2026-11-23T12:01:00Z","data":{"title":"write failure: sku-unknown (store main)","origin":"failure","stage":"write",` +
	`"code":"sku-unknown","class":"terminal","store":"main","summary":"NetSuite has no item for a SKU","field":"item.sku","value":"TEE \"1\" <é>","rule":"want one record in NetSuite",` +
	`"count":1,"open":3,"failures":["write.main.78"],"commands":["orderstream failures show write.main.78"],"runbook":"deploy/runbooks/sku-unknown.md",` +
	`"first":"2026-11-23T12:00:00Z","last":"2026-11-23T12:01:00Z"}}`

// The library of the Standard Webhooks project accepts what we sign, with either form of secret, and nothing else.
func TestWebhookIsSigned(t *testing.T) {
	other, err := standardwebhooks.NewWebhookRaw([]byte("another secret"))
	if err != nil {
		t.Fatal(err)
	}
	prefixed, err := standardwebhooks.NewWebhook(signingSecret)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := standardwebhooks.NewWebhookRaw([]byte("plain text, 32 characters or so!"))
	if err != nil {
		t.Fatal(err)
	}
	for key, verifier := range map[string]*standardwebhooks.Webhook{signingSecret: prefixed, "plain text, 32 characters or so!": raw} {
		r := newReceiver(t)
		if err := webhookTo(t, r.URL, key).send(context.Background(), sample); err != nil {
			t.Fatal(err)
		}
		d := r.next(t)
		if err := verifier.Verify(d.body, d.header); err != nil {
			t.Errorf("the library refuses the signature: %v", err)
		}
		if other.Verify(d.body, d.header) == nil || verifier.Verify(append(d.body, ' '), d.header) == nil {
			t.Error("a wrong secret or a changed body passes")
		}
		if diff := cmp.Diff(sampleBody, strings.TrimSpace(string(d.body))); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		if d.header.Get("Content-Type") != "application/json" || d.header.Get("webhook-id") != sample.Key {
			t.Errorf("headers %v", d.header)
		}
	}
}

// A repeat of a notice carries the same id and the same bytes: the far end can tell.
func TestWebhookRepeatIsTheSame(t *testing.T) {
	r := newReceiver(t)
	w := webhookTo(t, r.URL, signingSecret)
	for range 2 {
		if err := w.send(context.Background(), sample); err != nil {
			t.Fatal(err)
		}
	}
	one, two := r.next(t), r.next(t)
	if string(one.body) != string(two.body) || one.header.Get("webhook-id") != two.header.Get("webhook-id") {
		t.Error("two tries of one notice differ")
	}
}

func TestWebhookAnswers(t *testing.T) {
	for status, want := range map[int]fault.Code{
		200: "", 201: "", 202: "", 204: "", 299: "",
		301: fault.ChannelRefused, 302: fault.ChannelRefused, 307: fault.ChannelRefused, 400: fault.ChannelRefused, 401: fault.ChannelRefused,
		403: fault.ChannelRefused, 404: fault.ChannelRefused, 410: fault.ChannelRefused, 413: fault.ChannelRefused, 422: fault.ChannelRefused,
		408: fault.ChannelUnavailable, 425: fault.ChannelUnavailable, 429: fault.ChannelUnavailable, 500: fault.ChannelUnavailable,
		502: fault.ChannelUnavailable, 503: fault.ChannelUnavailable, 504: fault.ChannelUnavailable,
	} {
		r := newReceiver(t)
		r.answer(status, "Retry-After", "7", "Location", r.URL+"/elsewhere")
		err := webhookTo(t, r.URL, signingSecret).send(context.Background(), sample)
		if (err == nil) != (want == "") || err != nil && fault.CodeOf(err) != want {
			t.Errorf("%d: %v, want code %q", status, err, want)
		}
		if want == fault.ChannelUnavailable && fault.AfterOf(err) != 7*time.Second {
			t.Errorf("%d: waits %v, the other side asked for 7 s", status, fault.AfterOf(err))
		}
		if err != nil && !strings.Contains(err.Error(), http.StatusText(status)) && !strings.Contains(err.Error(), `status = "`) {
			t.Errorf("%d: %v does not name the status", status, err)
		}
		if len(r.arrived) != 1 {
			t.Errorf("%d: %d requests, want one: a redirect is not followed", status, len(r.arrived))
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "30": 30 * time.Second, "65535": maxAfter, "99999999999999999999": 0, "-5": 0, "soon": 0,
		"Mon, 23 Nov 2026 12:01:30 GMT": 90 * time.Second, "Mon, 23 Nov 2026 11:00:00 GMT": 0, "Tue, 24 Nov 2026 12:00:00 GMT": maxAfter,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("Retry-After %q: %v, want %v", text, got, want)
		}
	}
}

// A webhook's address often is a secret itself: no error repeats it.
func TestWebhookErrorsHideTheAddress(t *testing.T) {
	r := newReceiver(t)
	address := r.URL + "/services/T000/tok3n"
	r.Close()
	err := webhookTo(t, address, signingSecret).send(context.Background(), sample)
	if fault.CodeOf(err) != fault.ChannelUnavailable || strings.Contains(err.Error(), "tok3n") {
		t.Errorf("%v", err)
	}
}
