// Package ingest is the door: it verifies a delivery's signature on the raw body, stores the bytes durably
// and answers. It parses nothing beyond what the subject needs; everything odd that is signed is stored and
// answered 200 too, because WooCommerce disables a webhook for good at the seventh failure in a row.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/nats-io/nats.go"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/services/internal/alert"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/pause"
)

// Unit is the service.
var Unit = host.Unit{Name: "ingest", Offline: true, Uses: []config.Part{config.Door}, New: func(ctx context.Context, env host.Env) (host.Service, error) { return New(ctx, env) }}

// Service is a running door.
type Service struct {
	config    config.Ingest
	log       *slog.Logger
	stores    map[string]signature.Secrets
	pushers   map[string]*pusher // by account
	allowed   []netip.Prefix
	proxies   []netip.Prefix
	doorLog   *doorlog.Log
	forwarder *forwarder
	alerts    *alert.Raiser
	bodies    *bodies
	meters    *meters

	streamWait time.Duration // for JetStream's confirmation, with ingest.ack: stream
	failGrace  time.Duration // between the door log's failure and the door's end
	app        *fiber.App
	listener   net.Listener
	clock      func() time.Time
}

// New opens the door log and binds the listener.
func New(_ context.Context, env host.Env) (*Service, error) { return build(env, logOptions(env)) }

func logOptions(env host.Env) doorlog.Options {
	d := env.Config.Ingest.DoorLog
	return doorlog.Options{Dir: d.Dir, MaxRecords: d.MaxRecords, MaxBytes: d.MaxBytes, WarnFree: uint64(d.WarnFree), MinFree: uint64(d.MinFree), Log: env.Log}
}

func build(env host.Env, options doorlog.Options) (_ *Service, err error) {
	s := &Service{streamWait: streamWait, failGrace: failGrace, config: env.Config.Ingest, log: env.Log, clock: time.Now, alerts: alert.New(env.JS, env.Log, "ingest")}
	if s.stores, err = secrets(env.Config.Stores); err != nil {
		return nil, err
	}
	if s.pushers, err = pushers(env.Config.Accounts); err != nil {
		return nil, err
	}
	if s.allowed, err = prefixes("ingest.allowed_sources", s.config.AllowedSources); err != nil {
		return nil, err
	}
	if s.proxies, err = prefixes("ingest.trusted_proxies", s.config.TrustedProxies); err != nil {
		return nil, err
	}
	options.Damaged = s.damaged
	if s.doorLog, err = doorlog.Open(options); err != nil {
		return nil, err
	}
	if s.meters, err = newMeters(s.doorLog); err != nil {
		return nil, errors.Join(err, s.doorLog.Close())
	}
	s.forwarder = newForwarder(s.doorLog, env.JS, env.Log, s.alerts)
	s.forwarder.proven, s.forwarder.limit, s.forwarder.back = env.Proven, env.Conn.MaxPayload, env.Conn.StatusChanged(nats.CONNECTED)
	s.bodies = newBodies(s.config.MaxBodies, s.config.BodyLimit)
	s.app = s.routes()
	if s.listener, err = listen(s.config, env.Log); err != nil {
		return nil, errors.Join(err, s.doorLog.Close())
	}
	return s, nil
}

func secrets(stores map[string]config.Store) (map[string]signature.Secrets, error) {
	all := map[string]signature.Secrets{}
	var problems []error
	for key, store := range stores {
		var values []string
		for i, secret := range store.Secrets {
			value, err := readSecret(fmt.Sprintf("stores.%s.webhook_secrets[%d]", key, i), secret)
			problems = append(problems, err)
			values = append(values, value)
		}
		all[key] = signature.NewSecrets(values...)
	}
	return all, errors.Join(problems...)
}

func readSecret(path string, secret config.Secret) (string, error) {
	value, err := secret.Value()
	if err == nil && value == "" {
		err = errors.New("the secret is empty")
	}
	if err != nil {
		return "", fault.New(fault.ConfigurationWrong, "want a secret that can be read", fault.Field(path, secret.String()), fault.Because(err))
	}
	return value, nil
}

func prefixes(path string, texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for i, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fault.New(fault.ConfigurationWrong, "want a CIDR such as 203.0.113.0/24", fault.Field(fmt.Sprintf("%s[%d]", path, i), text))
		}
		list = append(list, prefix)
	}
	return list, nil
}

// Address is where the door listens.
func (s *Service) Address() string { return s.listener.Addr().String() }

// Ready says whether deliveries are taken. JetStream being away does not close the door.
func (s *Service) Ready() error {
	stats := s.doorLog.Stats()
	if stats.State == doorlog.StateFailed || stats.State == doorlog.StateFull {
		return fmt.Errorf("door log %s: deliveries are refused with 503", stats.State)
	}
	return nil
}

// Degraded says what the door works around.
func (s *Service) Degraded() string {
	stats := s.doorLog.Stats()
	var lines []string
	if s.forwarder.away() {
		lines = append(lines, fmt.Sprintf("JetStream is away; %d deliveries wait in the door log", stats.Records))
	}
	if stats.State == doorlog.StateWarn {
		lines = append(lines, "the door log is nearly full")
	}
	if stats.Aside > 0 {
		lines = append(lines, fmt.Sprintf("%d deliveries lie aside in the door log", stats.Aside))
	}
	return strings.Join(lines, "; ")
}

// damaged raises an alert: what the shop was promised needs a person.
func (s *Service) damaged(records int, lost bool) {
	s.alerts.Raise(event.AlertSetAside, "", fault.DoorLogFailed, "the disk gave back records of the door log damaged; they lie aside and must be taken from the shop again",
		map[string]string{"records": strconv.Itoa(records), "lost": strconv.FormatBool(lost)})
}

// Run serves until ctx ends, then stops listening, forwards what can be forwarded and closes the log.
func (s *Service) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.Background())
	defer cancel()
	alerted, forwarded, watched, served := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { defer close(alerted); s.alerts.Run(work) }()
	go func() { defer close(forwarded); s.forwarder.run(work) }()
	go func() { defer close(watched); s.watch(work) }()
	go func() { served <- s.app.Listener(s.listener) }()
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-served:
	case <-s.doorLog.Failed():
		// Only opening it again helps, which whoever supervises the process does; the shop is answered 503 meanwhile, and
		// the alert leaves.
		pause.For(ctx, s.failGrace)
	}
	if err := s.app.ShutdownWithTimeout(stopServing); err != nil {
		s.log.Warn("some connections were cut", "error", err)
	}
	s.forwarder.drain(stopForwarding)
	cancel()
	<-forwarded
	<-alerted
	<-watched
	return errors.Join(failure, s.doorLog.Close())
}

const (
	stopServing    = 5 * time.Second
	stopForwarding = 5 * time.Second
	failGrace      = 5 * time.Second
)
