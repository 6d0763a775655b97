package ingest

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/telemetry"
)

// The headers of a notice from NetSuite. The signature covers timestamp, nonce and body, joined by dots.
const (
	headerTimestamp = "X-Orderstream-Timestamp" // seconds since 1970, UTC
	headerNonce     = "X-Orderstream-Nonce"     // 16 to 64 letters, digits, "-" or "_"; never used twice
	headerSignature = "X-Orderstream-Signature" // hex
)

const (
	pushBody   = 4 << 10         // bytes: a notice names a record, and no more
	pushWindow = 5 * time.Minute // between the script's clock and ours
	pushNonces = 100_000         // remembered per account; beyond, message ids tell a repeat
)

// pusher is a NetSuite account that may push.
type pusher struct {
	secrets signature.Push
	nonces  *nonces
}

func pushers(accounts map[string]config.Account) (map[string]*pusher, error) {
	all := map[string]*pusher{}
	var problems []error
	for key, account := range accounts {
		var values []string
		for i, secret := range account.PushSecrets {
			value, err := readSecret(fmt.Sprintf("accounts.%s.push_secrets[%d]", key, i), secret)
			problems = append(problems, err)
			values = append(values, value)
		}
		if len(values) > 0 {
			all[key] = &pusher{signature.NewPush(values...), newNonces(pushNonces)}
		}
	}
	return all, errors.Join(problems...)
}

// notice is the body of a push.
type notice struct {
	Kind string `json:"kind"` // NetSuite's record type, whatever its case
	ID   string `json:"id"`   // internal
	Act  string `json:"act"`  // create, edit, delete
}

// push takes a notice from NetSuite. Like a delivery it is answered 200 only once it is durable (Invariant 1).
func (s *Service) push(c *fiber.Ctx) error {
	account := strings.Clone(c.Params("account"))
	p, known := s.pushers[account]
	body := c.BodyRaw()
	switch {
	case !s.sourceAllowed(c):
		return refuse(c, fiber.StatusForbidden, fault.SignatureMismatch, "the address is not in ingest.allowed_sources")
	case !known:
		return refuse(c, fiber.StatusNotFound, fault.RequestRefused, fmt.Sprintf("no account %.60q with push_secrets is configured", account))
	case len(body) > pushBody:
		return refuse(c, fiber.StatusRequestEntityTooLarge, fault.RequestRefused, fmt.Sprintf("a notice has at most %d bytes", pushBody))
	}
	timestamp, nonce := strings.Clone(c.Get(headerTimestamp)), strings.Clone(c.Get(headerNonce))
	if rule := p.refuses(timestamp, nonce, body, c.Get(headerSignature), s.clock()); rule != "" {
		s.alerts.Raise(event.AlertSignature, "", fault.SignatureMismatch, "pushes from NetSuite are refused; changes are found by polls only",
			map[string]string{"account": account, "rule": rule})
		return refuse(c, fiber.StatusUnauthorized, fault.SignatureMismatch, rule)
	}
	e, err := noticed(account, nonce, timestamp, body)
	if err != nil {
		p.nonces.forget(nonce)
		return refuse(c, fiber.StatusBadRequest, fault.RequestRefused, err.Error())
	}
	if err := s.keepNotice(c, e); err != nil || c.Response().StatusCode() != fiber.StatusOK {
		p.nonces.forget(nonce) // it was not stored: the same request may come again
		return err
	}
	return nil
}

// refuses gives the rule that a notice breaks, or "". Who knows no secret learns nothing about clock and nonces.
func (p *pusher) refuses(timestamp, nonce string, body []byte, given string, now time.Time) string {
	if given == "" {
		return "a notice must carry " + headerSignature
	}
	if !p.secrets.Valid(timestamp, nonce, body, given) {
		return "the signature must fit one of the account's push_secrets"
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return headerTimestamp + " must be in seconds since 1970"
	}
	if apart := now.Sub(time.Unix(seconds, 0)); apart > pushWindow || apart < -pushWindow {
		return fmt.Sprintf("%s must be within %s of this clock, and is %s behind it", headerTimestamp, pushWindow, apart.Round(time.Second))
	}
	if !nonceFits(nonce) {
		return headerNonce + ` must be 16 to 64 letters, digits, "-" or "_"`
	}
	if !p.nonces.take(nonce, time.Unix(seconds, 0).Add(pushWindow), now) {
		return headerNonce + " was used before"
	}
	return ""
}

func nonceFits(nonce string) bool {
	strange := strings.IndexFunc(nonce, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
	return strange < 0 && len(nonce) >= 16 && len(nonce) <= 64
}

// noticed reads a signed notice. The nonce is the message's id: one request is stored once.
func noticed(account, nonce, timestamp string, body []byte) (event.NetSuiteNoticedV1, error) {
	n, err := codec.Decode[notice](body)
	if err != nil {
		return event.NetSuiteNoticedV1{}, fmt.Errorf(`body: want {"kind": …, "id": …, "act": …}: %w`, err)
	}
	kind := ""
	for _, known := range event.ChangeKinds() {
		if strings.EqualFold(n.Kind, known) {
			kind = known
		}
	}
	switch {
	case kind == "":
		return event.NetSuiteNoticedV1{}, fmt.Errorf("kind = %.40q: want one of %s", n.Kind, strings.Join(event.ChangeKinds(), ", "))
	case !digits([]byte(n.ID)) || len(n.ID) > 18:
		return event.NetSuiteNoticedV1{}, fmt.Errorf("id = %.40q: want an internal id, in digits", n.ID)
	case n.Act != "create" && n.Act != "edit" && n.Act != "delete":
		return event.NetSuiteNoticedV1{}, fmt.Errorf("act = %.40q: want create, edit or delete", n.Act)
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	return event.NetSuiteNoticedV1{
		Envelope: event.Envelope{Type: "netsuite.v1.noticed", ID: "netsuite-push:" + account + ":" + nonce, Time: time.Unix(seconds, 0).UTC()},
		Account:  account, Kind: kind, Record: event.RecordID{ID: n.ID}, Act: n.Act,
	}, err
}

func (s *Service) keepNotice(c *fiber.Ctx, e event.NetSuiteNoticedV1) error {
	// A context of our own: fiber's is reused after the handler.
	ctx, span := telemetry.Tracer().Start(context.Background(), "ingest push", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("orderstream.account", e.Account), attribute.String("orderstream.kind", e.Kind), attribute.String("orderstream.record", e.Record.ID)))
	defer span.End()
	body, err := codec.Encode(e)
	if err != nil {
		return err
	}
	name := subject.Notice{Account: e.Account, Kind: e.Kind, Key: e.Record.ID}.String()
	head := []string{name, e.ID, event.HeaderType, e.Type, event.HeaderTraceparent, telemetry.Traceparent(ctx)}
	if head[len(head)-1] == "" {
		head = head[:len(head)-2]
	}
	return s.store(ctx, c, pack(head, body))
}

// nonces remembers what was used within the window, at most so many.
type nonces struct {
	limit int

	mu    sync.Mutex
	until map[string]*list.Element
	order *list.List // of used, the oldest first
}

type used struct {
	nonce string
	until time.Time
}

func newNonces(limit int) *nonces {
	return &nonces{limit: limit, until: map[string]*list.Element{}, order: list.New()}
}

// take remembers a nonce until its request would be too old anyway; false when it was used.
func (n *nonces) take(nonce string, until, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for first := n.order.Front(); first != nil; first = n.order.Front() {
		if now.Before(first.Value.(used).until) && n.order.Len() < n.limit {
			break
		}
		n.drop(first)
	}
	if _, before := n.until[nonce]; before {
		return false
	}
	n.until[nonce] = n.order.PushBack(used{nonce, until})
	return true
}

func (n *nonces) forget(nonce string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e := n.until[nonce]; e != nil {
		n.drop(e)
	}
}

func (n *nonces) drop(e *list.Element) { delete(n.until, n.order.Remove(e).(used).nonce) }
