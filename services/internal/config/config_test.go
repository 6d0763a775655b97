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

// Prices are the shop's unless the store names a price level.
func TestPrices(t *testing.T) {
	if c, err := Parse([]byte(good), nil); err != nil || c.Stores["main"].Prices != nil {
		t.Errorf("%+v, %v; want none", c.Stores["main"].Prices, err)
	}
	named := strings.Replace(good, "account: ns", `account: ns, prices: {level: "1", sale_level: "05", currency: JPY}`, 1)
	if c, err := Parse([]byte(named), nil); err != nil || *c.Stores["main"].Prices != (Prices{Level: "1", SaleLevel: "05", Currency: "JPY"}) {
		t.Errorf("%+v, %v", c.Stores["main"].Prices, err)
	}
}

// Each fact has an owner though the file names none, and the file may name any.
func TestOwners(t *testing.T) {
	for owner, want := range map[string]Owner{
		"": {Status: ByNetSuite, Tracking: ByNetSuite, Refunds: ByBoth, Stock: ByNetSuite, Customer: ByShop, Payment: ByShop},
		"status: shop, tracking: shop, refunds: netsuite, stock: shop, customer: netsuite, payment: netsuite": {
			Status: ByShop, Tracking: ByShop, Refunds: ByNetSuite, Stock: ByShop, Customer: ByNetSuite, Payment: ByNetSuite,
		},
	} {
		c, err := Parse([]byte(strings.Replace(good, "account: ns", "account: ns, back: {owner: {"+owner+"}, gift_cards: [voucher]}", 1)), nil)
		if got := c.Stores["main"].Back; err != nil || got.Owner != want || len(got.GiftCards) != 1 {
			t.Errorf("%q: %+v, %v; want %+v", owner, got, err, want)
		}
	}
}

func TestEnvironmentOverrides(t *testing.T) {
	c, err := Parse([]byte(good), []string{"ORDERSTREAM_INGEST_BODY__LIMIT=100000", "ORDERSTREAM_NATS_URL=nats://other:4222", "HOME=/x", "ORDERSTREAM_STORES_MAIN_WRITE__BACK=note"})
	if err != nil || c.Ingest.BodyLimit != 100000 || c.NATS.URL != "nats://other:4222" || c.Stores["main"].WriteBack != "note" {
		t.Errorf("%d %s %s, %v", c.Ingest.BodyLimit, c.NATS.URL, c.Stores["main"].WriteBack, err)
	}
}

// The schema says what a variable's text is, so that an id of digits stays text; keys are found in any case.
func TestEnvironmentIsTypedByTheSchema(t *testing.T) {
	withKit := strings.Replace(good, "client_id: c,", "client_id: c, kits: {Bundle-1: {ABC: 1}},", 1)
	c, err := Parse([]byte(strings.ReplaceAll(withKit, "main:", "my-shop:")), []string{
		"ORDERSTREAM_ACCOUNTS_NS_ACCOUNT__ID=1234567", "ORDERSTREAM_ACCOUNTS_NS_CLIENT__ID=0042", "ORDERSTREAM_ACCOUNTS_NS_CONCURRENCY=7",
		"ORDERSTREAM_STORES_MY__SHOP_BACK_STATUS_F=completed", "ORDERSTREAM_STORES_MY__SHOP_STOCK_LOCATIONS=[1, 02]",
		"ORDERSTREAM_ACCOUNTS_NS_KITS_BUNDLE__1_ABC=3", "ORDERSTREAM_INGEST_ALLOWED__SOURCES=[203.0.113.0/24]",
	})
	if err != nil {
		t.Fatal(err)
	}
	account, store := c.Accounts["ns"], c.Stores["my-shop"]
	got := fmt.Sprintln(account.AccountID, account.ClientID, account.Concurrency, store.Back.Status, store.Stock.Locations, account.Kits, c.Ingest.AllowedSources)
	want := "1234567 0042 7 map[F:completed] [1 02] map[Bundle-1:map[ABC:3]] [203.0.113.0/24]\n"
	if got != want || len(c.Stores) != 1 {
		t.Errorf("%s\nwant %s", got, want)
	}
	for variable, part := range map[string]string{
		"ORDERSTREAM_INGEST_BODY__LIMIT=8MiB": "ingest.body_limit", "ORDERSTREAM_NATS_REPLICAS=4": "nats.replicas", "ORDERSTREAM_NATZ_URL=x": "natz",
		"ORDERSTREAM_STORES_MAIN_BACK_STATUS_Z=completed": "stores.main.back.status.z",
	} {
		if _, err := Parse([]byte(good), []string{variable}); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v, want it to name %s", variable, err, part)
		}
	}
}

// Every mistake names its path and its rule; several are reported at once.
func TestMistakesAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		replace, with string
		want          []string
	}{
		"unknown name":       {"nats: {", "natz: {", []string{"natz"}},
		"one of":             {"retention: 30d", "durability: perhaps", []string{`nats.durability = "perhaps": `, "'proven', 'unproven'"}},
		"one of numbers":     {"retention: 30d", "replicas: 4", []string{"nats.replicas = 4: ", "1, 3, 5"}},
		"not a number":       {"stores:", "ingest: {body_limit: 8MiB}\nstores:", []string{`ingest.body_limit = "8MiB": `, "want integer"}},
		"a pattern":          {"30d", "soon", []string{`nats.retention = "soon": `}},
		"a name":             {"time_zone: America/New_York", "back: {status: {f: completed}}", []string{"stores.main.back.status.f: ", "^[A-H]$"}},
		"a list as text":     {`["env:HOOK"]`, "whsec_live_123", []string{"stores.main.webhook_secrets: ", "want array"}},
		"a number as secret": {`["env:HOOK"]`, "[live_123, 99887766]", []string{"stores.main.webhook_secrets.0: ", "stores.main.webhook_secrets.1: "}},
		"no CIDR":            {"stores:", "ingest: {allowed_sources: [10.0.0.0/8, everyone], trusted_proxies: [10.0.0.1]}\nstores:", []string{`ingest.allowed_sources.1 = "everyone": want a CIDR`, "ingest.trusted_proxies.0"}},
		"schema and rules":   {"account: ns, time_zone: America/New_York", "account: x, time_zone: y, write_back: [], stock: {buffer: 0.5}", []string{"stores.main.account", "stores.main.time_zone", "stores.main.write_back", "stores.main.stock.buffer = 0.5"}},
		"half of a section":  {"retention: 30d}", "retention: 30d}\ningest: [1]", []string{"ingest: got array, want object"}},
		"wrong type":         {"retention: 30d", "retention: [1]", []string{"nats.retention"}},
		"bad duration":       {"30d", "soon", []string{"nats.retention"}},
		"secret written out": {`"env:HOOK"`, `"whsec_live_123"`, []string{"stores.main.webhook_secrets.0"}},
		"unknown account":    {"account: ns", "account: other", []string{"stores.main.account", `"other"`, "accounts"}},
		"unknown zone":       {"America/New_York", "Mars/Base", []string{"stores.main.time_zone", "Mars/Base"}},
		"no room for a body": {"stores:", "ingest: {max_bodies: 65536}\nstores:", []string{"ingest.max_bodies", "65536", "ingest.body_limit"}},
		"share above all":    {"time_zone: America/New_York", "stock: {share: {weight: 3, total: 2}}", []string{"stores.main.stock.share.weight", "3"}},
		"half a unit":        {"time_zone: America/New_York", "stock: {buffer: 0.5}", []string{"stores.main.stock.buffer"}},
		"owner of a state":   {"time_zone: America/New_York", "back: {owner: {status: both}}", []string{"stores.main.back.owner.status"}},
		"margin of nothing":  {"time_zone: America/New_York", "stock: {items: [{buffer: 1}]}", []string{"stores.main.stock.items.0"}},
		"price of no level":  {"time_zone: America/New_York", "prices: {currency: USD}", []string{"stores.main.prices.level: is missing"}},
		"price of a name":    {"time_zone: America/New_York", "prices: {level: Base Price, currency: USD}", []string{"stores.main.prices.level = \"Base Price\""}},
		"unknown currency":   {"time_zone: America/New_York", "prices: {level: \"1\", currency: XXA}", []string{`stores.main.prices.currency = "XXA"`, "ISO 4217"}},
		"sale at the price":  {"time_zone: America/New_York", "prices: {level: \"1\", sale_level: \"1\", currency: USD}", []string{`stores.main.prices.sale_level = "1"`, "another level"}},
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
		if text := fmt.Sprint(err); strings.Contains(text, "live_123") || strings.Contains(text, "99887766") {
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
