package notifier

import (
	"context"
	"io"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

func emailsTo(t *testing.T, m *mailbox, set func(c *config.Channel)) []*email {
	t.Helper()
	c := config.Channel{Kind: "email", SMTP: m.address, From: "orders@shop.example", To: []string{"ops@shop.example"}}
	if set != nil {
		set(&c)
	}
	list, err := newEmails("channels.mail", c)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// read takes a letter apart as a mail reader does.
func read(t *testing.T, l letter) (mail.Header, string) {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(l.text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, l.text)
	}
	body := message.Body
	if message.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	message.Header["Subject"] = []string{subject}
	return message.Header, strings.ReplaceAll(string(text), "\r\n", "\n")
}

const sampleMail = `NetSuite has no item for a SKU

Code:     sku-unknown
Class:    terminal
Store:    main
Field:    item.sku
Value:    TEE "1" <é>
Rule:     want one record in NetSuite
Count:    1
Open:     3
First:    2026-11-23T12:00:00Z
Last:     2026-11-23T12:01:00Z
Runbook:  deploy/runbooks/sku-unknown.md

  orderstream failures show write.main.78
`

func TestEmailOverTLSWithLogin(t *testing.T) {
	m := newMailbox(t, func(m *mailbox) { m.login = "orders s3cret" })
	e := emailsTo(t, m, func(c *config.Channel) { c.Username, c.Password = "orders", secret(t, "s3cret") })[0]
	if err := e.send(context.Background(), sample); err != nil {
		t.Fatal(err)
	}
	l := m.next(t)
	if !l.secure || l.login != "orders s3cret" || l.from != "orders@shop.example" || !slices.Equal(l.to, []string{"ops@shop.example"}) {
		t.Errorf("secure %v, login %q, from %s to %v", l.secure, l.login, l.from, l.to)
	}
	header, body := read(t, l)
	if diff := cmp.Diff(sampleMail, body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"Subject": "[orderstream] write failure: sku-unknown (store main)", "Message-Id": "<notice_failure_7_first@orderstream.invalid>",
		"Auto-Submitted": "auto-generated", "Date": "Mon, 23 Nov 2026 12:01:00 +0000", "To": "<ops@shop.example>", "From": "<orders@shop.example>",
	} {
		if header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, header.Get(name), want)
		}
	}
}

// Unless told otherwise nothing goes over a line that can be listened to, the password least of all.
func TestEmailNeedsTLS(t *testing.T) {
	for name, config := range map[string]func(m *mailbox){
		"no STARTTLS":           func(m *mailbox) { m.tls = nil },
		"a foreign certificate": func(m *mailbox) { m.tls = stranger },
	} {
		m := newMailbox(t, func(m *mailbox) { m.login = "orders s3cret"; config(m) })
		err := emailsTo(t, m, login(t))[0].send(context.Background(), sample)
		if fault.CodeOf(err) != fault.ChannelUnavailable || len(m.arrived) != 0 || m.saw("AUTH") || m.saw("MAIL") {
			t.Errorf("%s: %v, %d letters, commands %v", name, err, len(m.arrived), m.commands)
		}
	}
}

func login(t *testing.T) func(c *config.Channel) {
	return func(c *config.Channel) { c.Username, c.Password = "orders", secret(t, "s3cret") }
}

func TestEmailWithoutTLSWhenToldSo(t *testing.T) {
	m := newMailbox(t, func(m *mailbox) { m.tls = nil })
	for _, policy := range []string{"none", "opportunistic"} {
		if err := emailsTo(t, m, func(c *config.Channel) { c.TLS = policy })[0].send(context.Background(), sample); err != nil {
			t.Errorf("%s: %v", policy, err)
		}
		m.next(t)
	}
}

func TestMailAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		on, reply string
		want      fault.Code
	}{
		"unknown recipient":    {"ops@shop.example", "550 5.1.1 no such user", fault.ChannelRefused},
		"greylisted recipient": {"ops@shop.example", "450 4.2.0 try again later", fault.ChannelUnavailable},
		"sender refused":       {"MAIL", "553 5.1.8 sender refused", fault.ChannelRefused},
		"message refused":      {"DATA", "554 5.6.0 refused", fault.ChannelRefused},
		"disk full":            {"MAIL", "452 4.3.1 no room", fault.ChannelUnavailable},
		"wrong password":       {"AUTH", "535 5.7.8 credentials invalid", fault.ChannelUnavailable},
		"greeting refused":     {"EHLO", "421 4.3.2 closing", fault.ChannelUnavailable},
	} {
		m := newMailbox(t, func(m *mailbox) { m.login, m.refuse[c.on] = "orders s3cret", c.reply })
		err := emailsTo(t, m, login(t))[0].send(context.Background(), sample)
		if fault.CodeOf(err) != c.want || len(m.arrived) != 0 {
			t.Errorf("%s: %v, %d letters: want %s and none", name, err, len(m.arrived), c.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the password is in %v", name, err)
		}
	}
}

// One address that is refused keeps nobody else from being told.
func TestEmailPerAddress(t *testing.T) {
	m := newMailbox(t, func(m *mailbox) { m.refuse["gone@shop.example"] = "550 5.1.1 no such user" })
	list := emailsTo(t, m, func(c *config.Channel) { c.To = []string{"ann@shop.example", "gone@shop.example", "bob@shop.example"} })
	var refused int
	for _, e := range list {
		if fault.CodeOf(e.send(context.Background(), sample)) == fault.ChannelRefused {
			refused++
		}
	}
	if refused != 1 || len(m.arrived) != 2 {
		t.Fatalf("%d refused, %d told", refused, len(m.arrived))
	}
	if one, two := m.next(t), m.next(t); one.to[0] != "ann@shop.example" || two.to[0] != "bob@shop.example" || len(one.to)+len(two.to) != 2 {
		t.Errorf("told %v and %v", one.to, two.to)
	}
}

// Whatever stands in a notice stays where it stands: it adds no header, no recipient and no second message.
func TestMailInjection(t *testing.T) {
	evil := "x\r\nBcc: victim@evil.example\r\nSubject: you won\r\n\r\n<script>\r\n.\r\nMAIL FROM:<a@evil.example>\r\nRCPT TO:<victim@evil.example>\r\nDATA\r\n"
	m := newMailbox(t, nil)
	plain := emailsTo(t, m, nil)[0]
	if err := plain.send(context.Background(), sample); err != nil {
		t.Fatal(err)
	}
	want, _ := read(t, m.next(t))
	for n, notice := range []digest.Notice{
		{Cause: digest.Cause{Name: evil}}, {Cause: digest.Cause{Code: evil}}, {Cause: digest.Cause{Store: evil}},
		{Cause: digest.Cause{Field: evil, Value: evil}}, {Summary: evil, Rule: evil, Class: evil}, {IDs: []string{evil}}, {Key: evil},
	} {
		if err := plain.send(context.Background(), notice); err != nil {
			continue // refusing it is as good
		}
		l := m.next(t)
		header, _ := read(t, l)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(header))); diff != "" {
			t.Errorf("notice %d: header names (-want +got):\n%s", n, diff)
		}
		if !slices.Equal(l.to, []string{"ops@shop.example"}) || header.Get("To") != want.Get("To") || len(header["Subject"]) != 1 || len(m.arrived) != 0 {
			t.Errorf("notice %d: to %v, header %v, %d more letters", n, l.to, header, len(m.arrived))
		}
	}
}
