// Package host runs one or many services in a process: configuration, logs, telemetry, the NATS connection,
// health, and the order of start and stop. A service is a Unit; its main is one line.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/telemetry"
)

// Config is orderstream.yaml.
type Config = config.Config

// Unit is a service as a value.
type Unit struct {
	Name string
	// Offline units work without JetStream: a process of such units starts while the server is away, and
	// proves the server once it is there.
	Offline bool
	// Uses are the parts of the configuration whose secrets and files the unit needs. They are read before anything is
	// opened, those of all units, so that all mistakes are reported at once.
	Uses []config.Part
	// New builds the service: it opens what it needs and binds its listeners, so that a port 0 is known
	// before anything runs. What it opened is released by Run's end.
	New func(ctx context.Context, env Env) (Service, error)
}

// Service is a built unit.
type Service interface {
	// Run works until ctx ends, then drains within the host's deadline.
	Run(ctx context.Context) error
	// Ready says nil, or why the service cannot do its work right now.
	Ready() error
}

// Addressed is a service that listens.
type Addressed interface{ Address() string }

// Degradable is a service that can work around a trouble, e.g. take deliveries while JetStream is away.
// It stays ready; Degraded says what it works around, or "".
type Degradable interface{ Degraded() string }

// Env is what the host gives a unit.
type Env struct {
	Config Config
	Log    *slog.Logger
	Conn   *nats.Conn
	JS     jetstream.JetStream
	// Proven is closed once the server is known to keep what it acknowledges and to have the topology. Only
	// an Offline unit ever finds it open.
	Proven <-chan struct{}
}

// Connection is a link to JetStream.
type Connection struct {
	Conn *nats.Conn
	// Open makes a further connection. Every unit has its own: the server works on the requests of one connection
	// one after the other, so a read that waits for the disk would hold up what other units publish.
	Open func(name string) (*nats.Conn, error)
	// Durable tells whether the server's settings keep an acknowledged message through a power cut. An error of code
	// server-not-durable says that they do not, and what to change; any other, who could not be asked: with ok, enough
	// others have said yes.
	Durable func(ctx context.Context) (ok bool, err error)
	Close   func()
}

// Connector opens the link: Dial for a server elsewhere, the all-in-one's for one in the process.
type Connector func(ctx context.Context, c Config, log *slog.Logger) (Connection, error)

// stopDeadline is how long one unit may take to drain.
const stopDeadline = 20 * time.Second

// Host is a running set of units.
type Host struct {
	env       Env
	units     []running
	telemetry *telemetry.Providers
	prover    *prover
	health    *health
	closers   []func()
	ended     chan error
}

type running struct {
	name    string
	service Service
	cancel  context.CancelFunc
	done    chan struct{}
}

// Start builds the units in the given order (list them downstream first) and runs them.
func Start(ctx context.Context, c Config, log *slog.Logger, connect Connector, units ...Unit) (*Host, error) {
	tuneCollector()
	h := &Host{ended: make(chan error, len(units)+1)}
	if err := h.open(ctx, c, log, connect, units); err != nil {
		h.close()
		return nil, err
	}
	for i := range h.units {
		h.run(&h.units[i])
	}
	return h, nil
}

// collectAt is the growth of the heap, in percent, at which garbage is collected. What services keep is small (some
// 20 MB) and what an order allocates dies at once, so that Go's 100 would collect many times a second.
const collectAt = 400

// tuneCollector leaves the choice to GOGC where it is set; GOMEMLIMIT counts in any case.
func tuneCollector() {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(collectAt)
	}
}

func (h *Host) open(ctx context.Context, c Config, log *slog.Logger, connect Connector, units []Unit) (err error) {
	if err := c.Probe(uses(units)...); err != nil {
		return fault.New(fault.ConfigurationWrong, "", fault.Because(err))
	}
	if h.telemetry, err = telemetry.Start(ctx, telemetry.Options{Service: serviceName(units), OTLP: c.Telemetry.OTLP}); err != nil {
		return err
	}
	h.onClose(func() {
		flush, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = h.telemetry.Shutdown(flush)
	})
	link, err := connect(ctx, c, log)
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	h.onClose(link.Close)
	js, err := newJetStream(link.Conn)
	if err != nil {
		return fmt.Errorf("JetStream: %w", err)
	}
	proven := make(chan struct{})
	h.env = Env{Config: c, Log: log, Conn: link.Conn, JS: js, Proven: proven}
	if err := h.prove(ctx, link, units, proven); err != nil {
		return err
	}
	if err := h.build(ctx, link, units); err != nil {
		return err
	}
	h.health, err = startHealth(c.Health.Listen, h)
	if err == nil {
		h.onClose(h.health.stop)
	}
	return err
}

// prove checks the server before anything relies on it: at once, or, for units that work offline, as soon as it is there.
func (h *Host) prove(ctx context.Context, link Connection, units []Unit, proven chan struct{}) error {
	h.prover = &prover{config: h.env.Config, link: link, js: h.env.JS, log: h.env.Log, proven: proven}
	offline := !slices.ContainsFunc(units, func(u Unit) bool { return !u.Offline })
	if err := h.prover.start(ctx, offline); err != nil {
		return err
	}
	background, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	h.onClose(func() { cancel(); <-done })
	go func() { defer close(done); h.prover.run(background) }()
	return nil
}

// uses are the parts that any of the units needs.
func uses(units []Unit) []config.Part {
	var parts []config.Part
	for _, unit := range units {
		parts = append(parts, unit.Uses...)
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

// envOf gives a unit its log and its own connection.
func (h *Host) envOf(link Connection, unit Unit) (Env, error) {
	env := h.env
	env.Log = env.Log.With("service", unit.Name)
	conn, err := link.Open(unit.Name)
	if err != nil {
		return Env{}, err
	}
	h.onClose(conn.Close)
	env.Conn = conn
	env.JS, err = newJetStream(conn)
	return env, err
}

func (h *Host) build(ctx context.Context, link Connection, units []Unit) error {
	for _, unit := range units {
		env, err := h.envOf(link, unit)
		if err != nil {
			return fmt.Errorf("%s: connect to NATS: %w", unit.Name, err)
		}
		service, err := unit.New(ctx, env)
		if err != nil {
			return fmt.Errorf("%s: %w", unit.Name, err)
		}
		h.units = append(h.units, running{name: unit.Name, service: service, done: make(chan struct{})})
	}
	return nil
}

// run starts a unit; its end, wanted or not, ends the process.
func (h *Host) run(u *running) {
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel = cancel
	go func() {
		defer close(u.done)
		err := u.service.Run(ctx)
		if err == nil && ctx.Err() == nil {
			err = errors.New("ended by itself")
		}
		if err != nil {
			h.ended <- fmt.Errorf("%s: %w", u.name, err)
		}
	}()
}

// Wait returns when ctx ends (nil) or a unit ends (its error).
func (h *Host) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-h.ended:
		return err
	}
}

// Stop drains the units in reverse order of their list, upstream first, each within its deadline, then
// closes connection and telemetry. Invariant 7: stop anywhere.
func (h *Host) Stop() error {
	var problems []error
	for i := len(h.units) - 1; i >= 0; i-- {
		problems = append(problems, h.units[i].stop())
	}
	h.close()
	return errors.Join(problems...)
}

func (u *running) stop() error {
	if u.cancel == nil {
		return nil
	}
	u.cancel()
	timer := time.NewTimer(stopDeadline)
	defer timer.Stop()
	select {
	case <-u.done:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: not drained within %v", u.name, stopDeadline)
	}
}

// Ready says nil when every unit is ready, or names those that are not.
func (h *Host) Ready() error {
	var problems []error
	for i := range h.units {
		if err := h.units[i].service.Ready(); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", h.units[i].name, err))
		}
	}
	return errors.Join(problems...)
}

// Degraded lists, one line each, what units work around at the moment.
func (h *Host) Degraded() []string {
	var lines []string
	if line := h.prover.degraded(); line != "" {
		lines = append(lines, line)
	}
	for i := range h.units {
		if d, ok := h.units[i].service.(Degradable); ok && d.Degraded() != "" {
			lines = append(lines, h.units[i].name+": "+d.Degraded())
		}
	}
	return lines
}

// Addresses gives where each listening unit listens, by unit name; "health" is the host's own.
func (h *Host) Addresses() map[string]string {
	addresses := map[string]string{}
	for _, u := range h.units {
		if a, ok := u.service.(Addressed); ok {
			addresses[u.name] = a.Address()
		}
	}
	if h.health != nil && h.health.address != "" {
		addresses["health"] = h.health.address
	}
	return addresses
}

func (h *Host) onClose(f func()) { h.closers = append(h.closers, f) }

func (h *Host) close() {
	for i := len(h.closers) - 1; i >= 0; i-- {
		h.closers[i]()
	}
	h.closers = nil
}

func serviceName(units []Unit) string {
	if len(units) == 1 {
		return units[0].Name
	}
	return "orderstream"
}

// Topology is what a configuration needs of JetStream.
func Topology(c Config) topology.Topology {
	accounts := make([]string, 0, len(c.Accounts))
	for key := range c.Accounts {
		accounts = append(accounts, key)
	}
	return topology.Of(topology.Params{Replicas: c.NATS.Replicas, Accounts: accounts, Retention: c.NATS.Retention.Std(), MaxBytes: c.NATS.MaxBytes})
}
