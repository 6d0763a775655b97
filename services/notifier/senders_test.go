package notifier

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
)

func names(list []named) (names []string) {
	for _, s := range list {
		names = append(names, s.name)
	}
	return names
}

func TestChannelsInUse(t *testing.T) {
	url, key := secret(t, "https://hooks.example/x"), secret(t, signingSecret)
	mail := config.Channel{Kind: "email", SMTP: "mail.example:587", From: "a@b.example", To: []string{"c@d.example", "e@f.example"}}
	channels := map[string]config.Channel{"screen": {Kind: "log"}, "hook": {Kind: "webhook", URL: url, Secret: key}, "mail": mail}
	for name, c := range map[string]struct {
		config config.Config
		want   []string
	}{
		"none: the log":     {config.Config{}, []string{"log"}},
		"all, when unnamed": {config.Config{Channels: channels}, []string{"hook", "mail-1", "mail-2", "screen"}},
		"only the named":    {config.Config{Channels: channels, Notifier: config.Notifier{Channels: []string{"screen"}}}, []string{"screen"}},
	} {
		list, err := senders(c.config, slog.New(slog.DiscardHandler))
		if diff := cmp.Diff(c.want, names(list)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// Each mistake names its path, its value (never a secret's) and the rule; all of them are told at once.
func TestMistakesInChannels(t *testing.T) {
	url, key := secret(t, "https://hooks.example/tok3n"), secret(t, signingSecret)
	mail := config.Channel{Kind: "email", SMTP: "mail.example:587", From: "a@b.example", To: []string{"c@d.example"}}
	with := func(set func(c *config.Channel)) config.Channel { c := mail; set(&c); return c }
	for name, c := range map[string]struct {
		channel config.Channel
		want    []string
	}{
		"kind":               {config.Channel{Kind: "pager"}, []string{`channels.x.kind = "pager": want webhook, email or log`}},
		"no address":         {config.Channel{Kind: "webhook", Secret: key}, []string{`channels.x.url = "": want a secret that can be read`}},
		"address not set":    {config.Channel{Kind: "webhook", URL: config.SecretOf("env:NOWHERE"), Secret: key}, []string{`channels.x.url = "env:NOWHERE"`, "not set"}},
		"empty address":      {config.Channel{Kind: "webhook", URL: secret(t, ""), Secret: key}, []string{`channels.x.url = "env:NOTICE_"`, "the secret is empty"}},
		"address not http":   {config.Channel{Kind: "webhook", URL: secret(t, "ftp://hooks.example/tok3n"), Secret: key}, []string{"channels.x.url = ", "want the reference of an http or https address"}},
		"address not a URL":  {config.Channel{Kind: "webhook", URL: secret(t, "http://[tok3n"), Secret: key}, []string{"channels.x.url = ", "want the reference of an http or https address"}},
		"secret not base64":  {config.Channel{Kind: "webhook", URL: url, Secret: secret(t, "whsec_tok3n!")}, []string{"channels.x.secret = ", "want base64 behind whsec_"}},
		"secret missing":     {config.Channel{Kind: "webhook", URL: url}, []string{`channels.x.secret = ""`}},
		"both of a webhook":  {config.Channel{Kind: "webhook"}, []string{"channels.x.url", "channels.x.secret"}},
		"no port":            {with(func(c *config.Channel) { c.SMTP = "mail.example" }), []string{`channels.x.smtp = "mail.example": want host:port`}},
		"port of a word":     {with(func(c *config.Channel) { c.SMTP = "mail.example:smtp" }), []string{`channels.x.smtp = "mail.example:smtp": want host:port`}},
		"port too large":     {with(func(c *config.Channel) { c.SMTP = "mail.example:65536" }), []string{`channels.x.smtp = "mail.example:65536": want host:port`}},
		"port 0":             {with(func(c *config.Channel) { c.SMTP = "mail.example:0" }), []string{`channels.x.smtp = "mail.example:0": want host:port`}},
		"no host":            {with(func(c *config.Channel) { c.SMTP = ":25" }), []string{`channels.x.smtp = ":25": want host:port`}},
		"policy":             {with(func(c *config.Channel) { c.TLS = "maybe" }), []string{`channels.x.tls = "maybe": want mandatory, opportunistic or none`}},
		"nobody":             {with(func(c *config.Channel) { c.To = nil }), []string{`channels.x.to = "": want at least one address`}},
		"not an address":     {with(func(c *config.Channel) { c.To = []string{"c@d.example", "ops"} }), []string{`channels.x.to.1 = "ops": want an e-mail address`}},
		"sender":             {with(func(c *config.Channel) { c.From = "orders" }), []string{`channels.x.from = "orders": want an e-mail address`}},
		"password not there": {with(func(c *config.Channel) { c.Username, c.Password = "u", config.SecretOf("file:/nowhere") }), []string{`channels.x.password = "file:/nowhere"`}},
		"all of an e-mail": {config.Channel{Kind: "email", TLS: "maybe", Username: "u"}, []string{
			"channels.x.smtp", "channels.x.tls", "channels.x.password", "channels.x.from", "channels.x.to"}},
	} {
		list, err := senders(config.Config{Channels: map[string]config.Channel{"x": c.channel, "y": {Kind: "log"}}}, slog.New(slog.DiscardHandler))
		if fault.CodeOf(err) != fault.ConfigurationWrong {
			t.Errorf("%s: %v, %v", name, names(list), err)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v does not say %s", name, err, part)
			}
		}
		if strings.Contains(err.Error(), "tok3n") {
			t.Errorf("%s: the secret is in %v", name, err)
		}
	}
}

func TestMistakesOfSeveralChannelsAtOnce(t *testing.T) {
	_, err := senders(config.Config{Channels: map[string]config.Channel{"a": {Kind: "pager"}, "b": {Kind: "fax"}}}, slog.New(slog.DiscardHandler))
	for _, path := range []string{"channels.a.kind", "channels.b.kind"} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name %s", err, path)
		}
	}
}

// The log says everything a person needs, one entry a notice, whatever the values hold.
func TestJournal(t *testing.T) {
	var out bytes.Buffer
	n := sample
	n.Value = "TEE\nlevel=ERROR forged"
	if err := (journal{slog.New(slog.NewJSONHandler(&out, nil))}).send(context.Background(), n); err != nil {
		t.Fatal(err)
	}
	entry, err := codec.Decode[map[string]any](out.Bytes())
	if err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%v in %s", err, out.String())
	}
	delete(entry, "time")
	want := map[string]any{
		"level": "WARN", "msg": "notice: write failure: sku-unknown (store main)", "notice": "notice_failure_7_first", "part": "first", "origin": "failure", "name": "write",
		"code": "sku-unknown", "class": "terminal", "store": "main", "summary": "NetSuite has no item for a SKU", "field": "item.sku", "value": "TEE\nlevel=ERROR forged",
		"rule": "want one record in NetSuite", "count": 1.0, "open": 3.0, "failures": "[write.main.78]", "runbook": "deploy/runbooks/sku-unknown.md",
	}
	if diff := cmp.Diff(want, entry); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
