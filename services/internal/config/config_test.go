package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const good = `
nats: {url: "nats://127.0.0.1:4222", retention: 30d}
stores:
  main: {url: "https://shop.example/", webhook_secrets: ["env:HOOK"], account: ns, time_zone: America/New_York, start: "2026-11-23T00:00:00Z"}
accounts:
  ns: {account_id: 1234567_SB1, client_id: c, certificate_id: k, private_key: "file:/run/key.pem"}
`

const tba = `{consumer_key: "env:A", consumer_secret: "env:B", token_id: "env:C", token_secret: "env:D"}`

func TestLogins(t *testing.T) {
	machine := `client_id: c, certificate_id: k, private_key: "file:/run/key.pem"`
	c, err := Parse([]byte(strings.Replace(good, machine, "tba: "+tba, 1)), nil)
	if err != nil || c.Accounts["ns"].TBA == nil || c.Accounts["ns"].TBA.TokenSecret.String() != "env:D" {
		t.Errorf("tba alone: %+v, %v", c.Accounts["ns"].TBA, err)
	}
	c, err = Parse([]byte(strings.Replace(good, machine, machine+`, next: {certificate_id: n, private_key: "env:K", algorithm: PS512}`, 1)), nil)
	if want := (Certificate{ID: "n", PrivateKey: SecretOf("env:K"), Algorithm: "PS512"}); err != nil || c.Accounts["ns"].Next == nil || *c.Accounts["ns"].Next != want {
		t.Errorf("a next certificate: %+v, %v", c.Accounts["ns"].Next, err)
	}
}

func TestDefaults(t *testing.T) {
	c, err := Parse([]byte(good), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(c.NATS.Retention.Std(), c.Ingest.BodyLimit, c.Ingest.Ack, c.Stores["main"].Mapping, c.Accounts["ns"].Concurrency, c.Accounts["ns"].URL, c.NATS.Durability, c.Mappings["default"].File)
	want := "720h0m0s 8388608 log default 0 https://1234567-sb1.suitetalk.api.netsuite.com proven default\n"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if !c.Stores["main"].Start.Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("start %v", c.Stores["main"].Start)
	}
}

func TestEnvironmentOverrides(t *testing.T) {
	c, err := Parse([]byte(good), []string{"ORDERSTREAM_INGEST_BODY__LIMIT=100000", "ORDERSTREAM_NATS_URL=nats://other:4222", "HOME=/x", "ORDERSTREAM_STORES_MAIN_WRITE__BACK=note"})
	if err != nil || c.Ingest.BodyLimit != 100000 || c.NATS.URL != "nats://other:4222" || c.Stores["main"].WriteBack != "note" {
		t.Errorf("%d %s %s, %v", c.Ingest.BodyLimit, c.NATS.URL, c.Stores["main"].WriteBack, err)
	}
}

// Every mistake names its path and its rule; several are reported at once.
func TestMistakesAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		replace, with string
		want          []string
	}{
		"unknown name":       {"nats: {", "natz: {", []string{"natz"}},
		"wrong type":         {"retention: 30d", "retention: [1]", []string{"nats.retention"}},
		"bad duration":       {"30d", "soon", []string{"nats.retention"}},
		"secret written out": {`"env:HOOK"`, `"whsec_live_123"`, []string{"stores.main.webhook_secrets.0"}},
		"unknown account":    {"account: ns", "account: other", []string{"stores.main.account", `"other"`, "accounts"}},
		"unknown zone":       {"America/New_York", "Mars/Base", []string{"stores.main.time_zone", "Mars/Base"}},
		"no room for a body": {"stores:", "ingest: {max_bodies: 65536}\nstores:", []string{"ingest.max_bodies", "65536", "ingest.body_limit"}},
		"share above all":    {"time_zone: America/New_York", "stock: {share: {weight: 3, total: 2}}", []string{"stores.main.stock.share.weight", "3"}},
		"half a unit":        {"time_zone: America/New_York", "stock: {buffer: 0.5}", []string{"stores.main.stock.buffer"}},
		"margin of nothing":  {"time_zone: America/New_York", "stock: {items: [{buffer: 1}]}", []string{"stores.main.stock.items.0"}},
		"missing field":      {"client_id: c, ", "", []string{"accounts.ns", "client_id"}},
		"no login":           {`client_id: c, certificate_id: k, private_key: "file:/run/key.pem"`, "url: \"https://x\"", []string{"accounts.ns.client_id", "accounts.ns.certificate_id", "accounts.ns.private_key", "or tba"}},
		"two logins":         {"client_id: c,", "client_id: c, tba: " + tba + ",", []string{"accounts.ns.client_id", "without tba"}},
		"half a TBA":         {"client_id: c,", "client_id: c, tba: {consumer_key: \"env:A\"},", []string{"accounts.ns.tba", "consumer_secret", "token_id", "token_secret"}},
		"half a certificate": {"client_id: c,", "client_id: c, next: {certificate_id: n},", []string{"accounts.ns.next", "private_key"}},
		"next beside TBA":    {`client_id: c, certificate_id: k, private_key: "file:/run/key.pem"`, "tba: " + tba + ", next: {certificate_id: n, private_key: \"env:K\"}", []string{"accounts.ns.next.certificate_id", `"n"`, "without tba"}},
		"retry":              {"client_id: c,", "client_id: c, retry: {first: 2m, first_probe: 1m},", []string{"accounts.ns.retry.first", `"2m0s"`, "at most retry.last", "accounts.ns.retry.first_probe"}},
		"two at once":        {"account: ns, time_zone: America/New_York", "account: x, time_zone: y", []string{"stores.main.account", "stores.main.time_zone"}},
		"not YAML":           {"stores:", "stores: [", []string{"line"}},
	} {
		_, err := Parse([]byte(strings.Replace(good, c.replace, c.with, 1)), nil)
		for _, part := range c.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want it to name %s", name, err, part)
			}
		}
		if name == "secret written out" && strings.Contains(fmt.Sprint(err), "live_123") {
			t.Errorf("the message repeats the secret: %v", err)
		}
	}
}

func TestSecretsAreFetchedAndNeverPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("A_SECRET", "other")
	for reference, want := range map[string]string{"file:" + path: "s3cret", "env:A_SECRET": "other"} {
		s := SecretOf(reference)
		value, err := s.Value()
		if err != nil || value != want {
			t.Errorf("%s: %q, %v", reference, value, err)
		}
		if printed := fmt.Sprintf("%v %+v %s %#v", s, s, s, s); strings.Contains(printed, want) {
			t.Errorf("printed: %s", printed)
		}
	}
	for _, reference := range []string{"env:NOT_SET_ANYWHERE", "file:/does/not/exist", ""} {
		if _, err := SecretOf(reference).Value(); err == nil {
			t.Errorf("%q gives a value", reference)
		}
	}
}
