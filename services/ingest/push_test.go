package ingest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/services/internal/config"
)

const pushPath = "/webhooks/netsuite/ns"

// openPush runs a door for account ns, whose secrets are "new secret" and "old secret"; account mute has none.
func openPush(t *testing.T) door {
	t.Helper()
	dir := t.TempDir()
	var secrets []config.Secret
	for _, secret := range []string{"new secret", "old secret"} {
		path := filepath.Join(dir, secret)
		if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, config.SecretOf("file:"+path))
	}
	return open(t, func(c *config.Config) {
		c.Accounts = map[string]config.Account{"ns": {PushSecrets: secrets}, "mute": {}}
	})
}

func pushed(body, secret, nonce string, at time.Time) map[string]string {
	timestamp := fmt.Sprint(at.Unix())
	return map[string]string{headerTimestamp: timestamp, headerNonce: nonce, headerSignature: signature.SignPush(timestamp, nonce, []byte(body), secret)}
}

const shippedNotice = `{"kind":"itemfulfillment","id":"5012","act":"create"}`

// A notice is stored before it is answered, with the record it names; whose secret is being replaced may push too.
func TestPushIsStored(t *testing.T) {
	d := openPush(t)
	for n, secret := range []string{"new secret", "old secret"} {
		header := pushed(shippedNotice, secret, fmt.Sprintf("nonce-0123456789-%d", n), time.Now())
		header[headerSignature] = strings.ToUpper(header[headerSignature]) // NetSuite's encoder writes capitals
		if got := d.send(http.MethodPost, pushPath, []byte(shippedNotice), header); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", secret, got.status, got.body)
		}
	}
	// A delivery of a shop beside it goes its own way: one batch holds one stream.
	for n := range 20 {
		order := fmt.Sprintf(`{"id":%d}`, n)
		if got := d.send(http.MethodPost, path, []byte(order), signed(order)); got.status != http.StatusOK {
			t.Fatal(got)
		}
		header := pushed(shippedNotice, "new secret", fmt.Sprintf("nonce-beside-%08d", n), time.Now())
		if got := d.send(http.MethodPost, pushPath, []byte(shippedNotice), header); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	d.forwarded()
	name := subject.Notice{Account: "ns", Kind: event.ChangeFulfilment, Key: "5012"}.String()
	if n := d.nats.Count(t, topology.NetSuiteChanges, name); n != 22 {
		t.Errorf("%d notices stored, want 22", n)
	}
	if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != 20 {
		t.Errorf("%d deliveries stored, want 20", n)
	}
	raw := d.nats.Next(t, topology.NetSuiteChanges, name, 0)
	e, err := codec.Decode[event.NetSuiteNoticedV1](raw.Data)
	if err != nil {
		t.Fatal(err)
	}
	if e.Type != "netsuite.v1.noticed" || e.Account != "ns" || e.Kind != event.ChangeFulfilment || e.Record.ID != "5012" || e.Act != "create" || e.ID != "netsuite-push:ns:nonce-0123456789-0" ||
		time.Since(e.Time) > time.Minute || raw.Header.Get(event.HeaderType) != e.Type {
		t.Errorf("stored %+v with %v", e, raw.Header)
	}
}

// Whoever cannot sign, replays, or is late is refused with the rule he breaks, and nothing is stored.
func TestPushIsRefused(t *testing.T) {
	d := openPush(t)
	now := time.Now()
	const nonce = "nonce-0123456789"
	good := pushed(shippedNotice, "new secret", nonce, now)
	if got := d.send(http.MethodPost, pushPath, []byte(shippedNotice), good); got.status != http.StatusOK {
		t.Fatal(got)
	}
	without := func(name string) map[string]string {
		header := pushed(shippedNotice, "new secret", nonce+"-fresh", now)
		delete(header, name)
		return header
	}
	cases := []struct {
		name, path, body string
		header           map[string]string
		status           int
		says             string
	}{
		{"replayed", pushPath, shippedNotice, good, 401, "used before"},
		{"another secret", pushPath, shippedNotice, pushed(shippedNotice, "wrong", nonce+"1", now), 401, "push_secrets"},
		{"another body", pushPath, strings.Replace(shippedNotice, "5012", "5013", 1), pushed(shippedNotice, "new secret", nonce+"2", now), 401, "push_secrets"},
		{"a shop's secret", pushPath, shippedNotice, pushed(shippedNotice, capture.Secret, nonce+"3", now), 401, "push_secrets"},
		{"late", pushPath, shippedNotice, pushed(shippedNotice, "new secret", nonce+"4", now.Add(-pushWindow-2*time.Second)), 401, "within 5m0s"},
		{"early", pushPath, shippedNotice, pushed(shippedNotice, "new secret", nonce+"5", now.Add(pushWindow+10*time.Second)), 401, "within 5m0s"},
		{"a short nonce", pushPath, shippedNotice, pushed(shippedNotice, "new secret", "short", now), 401, "16 to 64"},
		{"no signature", pushPath, shippedNotice, without(headerSignature), 401, headerSignature},
		{"no nonce", pushPath, shippedNotice, without(headerNonce), 401, "push_secrets"},
		{"no timestamp", pushPath, shippedNotice, without(headerTimestamp), 401, "push_secrets"},
		{"an account that may not push", "/webhooks/netsuite/mute", shippedNotice, good, 404, `"mute`},
		{"an unknown account", "/webhooks/netsuite/other", shippedNotice, good, 404, "other"},
		{"too long", pushPath, strings.Repeat("x", pushBody+1), good, 413, "4096"},
		{"no JSON", pushPath, "hello", pushed("hello", "new secret", nonce+"6", now), 400, "body: want"},
		{"an unknown kind", pushPath, `{"kind":"customer","id":"1","act":"edit"}`, pushed(`{"kind":"customer","id":"1","act":"edit"}`, "new secret", nonce+"7", now), 400, "kind = "},
		{"no internal id", pushPath, `{"kind":"invoice","id":"1 OR 1","act":"edit"}`, pushed(`{"kind":"invoice","id":"1 OR 1","act":"edit"}`, "new secret", nonce+"8", now), 400, "id = "},
		{"an unknown act", pushPath, `{"kind":"invoice","id":"1","act":"view"}`, pushed(`{"kind":"invoice","id":"1","act":"view"}`, "new secret", nonce+"9", now), 400, "act = "},
	}
	for _, c := range cases {
		got := d.send(http.MethodPost, c.path, []byte(c.body), c.header)
		if got.status != c.status || !strings.Contains(strings.ReplaceAll(got.body, `\"`, `"`), c.says) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, got.status, got.body, c.status, c.says)
		}
	}
	if got := d.send(http.MethodGet, pushPath, nil, nil); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d, Allow %q", got.status, got.header.Get("Allow"))
	}
	d.forwarded()
	if n := d.nats.Count(t, topology.NetSuiteChanges, subject.NetSuiteAll); n != 1 {
		t.Errorf("%d notices stored, want one", n)
	}
	alert := d.nats.Next(t, topology.Alerts, subject.AlertAll, 0)
	raised, err := codec.Decode[event.AlertRaisedV1](alert.Data)
	if err != nil || raised.Kind != event.AlertSignature || raised.Details["account"] != "ns" {
		t.Errorf("alert %+v %v", raised, err)
	}
}

// A notice that could not be read may be sent again, mended, with the same nonce; one that was stored may not.
func TestNoncesAreBoundedAndForgotten(t *testing.T) {
	now := time.Now()
	n := newNonces(3)
	for _, nonce := range []string{"a", "b", "c"} {
		if !n.take(nonce, now.Add(pushWindow), now) || n.take(nonce, now.Add(pushWindow), now) {
			t.Errorf("%s: want it taken once", nonce)
		}
	}
	n.forget("b")
	if !n.take("b", now.Add(pushWindow), now) {
		t.Error("b was forgotten and is refused")
	}
	if !n.take("d", now.Add(pushWindow), now) || n.order.Len() > 3 || len(n.until) != n.order.Len() {
		t.Errorf("%d remembered, want 3 at most", n.order.Len())
	}
	later := now.Add(2*pushWindow + time.Second)
	if !n.take("e", later.Add(pushWindow), later) || n.order.Len() != 1 {
		t.Errorf("%d remembered after the window, want one", n.order.Len())
	}
}

// The vector that the script of deploy/netsuite is held against too.
func TestPushSignatureVector(t *testing.T) {
	const want = "26e0b60f3423f26bc81d819279f0a777681322469cf439465d9d8522a18cd1f0"
	if got := signature.SignPush("1795403459", "6f1c9e2a-0b7d-4c55-9d1e-8a2f3b4c5d6e", []byte(`{"kind":"itemFulfillment","id":"5012","act":"create"}`), "push-secret-0001"); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}
