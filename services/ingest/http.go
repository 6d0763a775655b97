package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
	"github.com/orderstream/orderstream/services/internal/telemetry"
)

const (
	headerBuffer = 16 << 10         // bytes of one request's head; more is answered 431
	readTimeout  = 30 * time.Second // of one whole request
	streamWait   = 45 * time.Second // ingest.ack: stream; WooCommerce gives up at 60 s
)

// Answers. None is a redirect: WooCommerce counts 301 and 302 as success and does not follow them.
type answer struct {
	Error string `json:"error"`
	Rule  string `json:"rule"`
}

func refuse(c *fiber.Ctx, status int, code fault.Code, rule string) error {
	return c.Status(status).JSON(answer{string(code), rule})
}

func (s *Service) routes() *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true, BodyLimit: s.config.BodyLimit, ReadBufferSize: headerBuffer,
		ReadTimeout: readTimeout, ErrorHandler: s.failed, Concurrency: s.config.MaxConnections, DisablePreParseMultipartForm: true,
	})
	app.Server().HeaderReceived = s.bodies.admit
	app.Use(func(c *fiber.Ctx) error {
		defer s.bodies.release(&c.Context().Request.Header)
		return c.Next()
	})
	host.Mount(app, s.Ready, func() []string {
		if line := s.Degraded(); line != "" {
			return []string{line}
		}
		return nil
	})
	app.Post("/webhooks/woocommerce/:store", s.measured("shop", "store", func(key string) bool { _, known := s.stores[key]; return known }), s.receive)
	app.All("/webhooks/woocommerce/:store", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderAllow, fiber.MethodPost)
		return refuse(c, fiber.StatusMethodNotAllowed, fault.RequestRefused, "deliveries are POSTed")
	})
	app.Post("/webhooks/netsuite/:account", s.measured("netsuite", "account", func(key string) bool { _, known := s.pushers[key]; return known }), s.push)
	app.All("/webhooks/netsuite/:account", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderAllow, fiber.MethodPost)
		return refuse(c, fiber.StatusMethodNotAllowed, fault.RequestRefused, "notices are POSTed")
	})
	app.Use(func(c *fiber.Ctx) error {
		return refuse(c, fiber.StatusNotFound, fault.RequestRefused, "want POST /webhooks/woocommerce/<store> or /webhooks/netsuite/<account>, without a trailing slash")
	})
	return app
}

// failed answers what the server refuses before a handler runs, e.g. a body over the limit (413).
func (s *Service) failed(c *fiber.Ctx, err error) error {
	status, code, rule := fiber.StatusInternalServerError, fault.RequestRefused, err.Error()
	var known *fiber.Error
	if errors.As(err, &known) {
		status = known.Code
	}
	if s.bodies.release(&c.Context().Request.Header) {
		status, code, rule = fiber.StatusServiceUnavailable, fault.DoorBusy, "too many large bodies are on their way (ingest.max_bodies)"
	}
	s.meters.answers.Add(context.Background(), 1, s.meters.attributes(counted{status: status}))
	return refuse(c, status, code, rule)
}

func (s *Service) receive(c *fiber.Ctx) error {
	store := strings.Clone(c.Params("store"))
	secrets, known := s.stores[store]
	switch {
	case !s.sourceAllowed(c):
		return refuse(c, fiber.StatusForbidden, fault.SignatureMismatch, "the address is not in ingest.allowed_sources")
	case !known:
		return refuse(c, fiber.StatusNotFound, fault.RequestRefused, fmt.Sprintf("no store %.60q is configured", store))
	}
	// Raw: c.Body() would undo Content-Encoding, however large that becomes, before anybody has proven who he is.
	body, given := c.BodyRaw(), c.Get("X-WC-Webhook-Signature")
	if given == "" && isPing(c.Get(fiber.HeaderContentType), body) {
		return c.SendStatus(fiber.StatusOK)
	}
	if !secrets.Valid(body, given) {
		return s.unsigned(c, store, given)
	}
	return s.keep(c, facts(store, func(name string) string { return c.Get(name) }, body, s.clock()), body)
}

func (s *Service) unsigned(c *fiber.Ctx, store, given string) error {
	rule := "the signature must fit one of the store's webhook secrets"
	if given == "" {
		rule = "a delivery must carry X-WC-Webhook-Signature"
	}
	s.alerts.Raise(event.AlertSignature, store, fault.SignatureMismatch,
		"deliveries with a bad signature are refused; after seven in a row WooCommerce disables the webhook", map[string]string{"rule": rule, "topic": clean(c.Get("X-WC-Webhook-Topic"))})
	return refuse(c, fiber.StatusUnauthorized, fault.SignatureMismatch, rule)
}

// keep answers 200 only once the delivery is durable. Invariant 1: ack after storage.
func (s *Service) keep(c *fiber.Ctx, w event.WebhookReceivedV1, body []byte) error {
	// A context of our own: fiber's is reused after the handler.
	ctx, span := telemetry.Tracer().Start(context.Background(), "ingest", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("orderstream.store", w.Store), attribute.String("orderstream.topic", w.Topic), attribute.String("orderstream.object", w.ObjectID)))
	defer span.End()
	return s.store(ctx, c, seal(w, telemetry.Traceparent(ctx), body))
}

// store keeps a record of the door log and answers.
func (s *Service) store(ctx context.Context, c *fiber.Ctx, record []byte) error {
	sequence, err := s.doorLog.Append(record)
	if err != nil {
		return s.closed(c, err)
	}
	if s.config.Ack == "stream" {
		wait, cancel := context.WithTimeout(ctx, s.streamWait)
		defer cancel()
		if err := s.forwarder.wait(wait, sequence); err != nil {
			return refuse(c, fiber.StatusServiceUnavailable, fault.StreamUnavailable, "ingest.ack is stream and JetStream has not confirmed the delivery")
		}
	}
	return c.SendStatus(fiber.StatusOK)
}

func (s *Service) closed(c *fiber.Ctx, err error) error {
	code := fault.DoorLogFailed
	if errors.Is(err, doorlog.ErrFull) {
		code = fault.DoorLogFull
	}
	s.log.Error("delivery refused", "code", code, "error", err)
	s.alerts.Raise(event.AlertDoorLog, "", code, "the door log refuses deliveries: "+code.Summary(), nil)
	return refuse(c, fiber.StatusServiceUnavailable, code, "the delivery could not be stored")
}

// isPing recognises the unsigned form that WooCommerce posts when a webhook is made or moved.
func isPing(contentType string, body []byte) bool {
	form := strings.HasPrefix(strings.ToLower(contentType), fiber.MIMEApplicationForm)
	id, ok := bytes.CutPrefix(body, []byte("webhook_id="))
	return form && ok && len(id) <= 20 && digits(id)
}

func (s *Service) sourceAllowed(c *fiber.Ctx) bool {
	if len(s.allowed) == 0 {
		return true
	}
	peer, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return false
	}
	// Every line: a proxy may add its own behind one that the sender made up.
	forwarded := bytes.Join(c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), []byte(","))
	return contains(s.allowed, s.source(peer.Unmap(), string(forwarded)))
}

// source walks X-Forwarded-For from the right as long as the hops are trusted proxies.
func (s *Service) source(peer netip.Addr, forwarded string) netip.Addr {
	hops := strings.Split(forwarded, ",")
	for i := len(hops) - 1; i >= 0 && contains(s.proxies, peer); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return peer
		}
		peer = hop.Unmap()
	}
	return peer
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}
