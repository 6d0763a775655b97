package host

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/host/embednats"
	"github.com/orderstream/orderstream/services/internal/config"
)

// journal notes what units do, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

type stub struct {
	name    string
	journal *journal
	fails   chan error
}

func (s stub) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		s.journal.note("stop " + s.name)
		return nil
	case err := <-s.fails:
		return err
	}
}

func (s stub) Ready() error {
	if s.name == "sick" {
		return errors.New("cannot work")
	}
	return nil
}

func unit(name string, j *journal, fails chan error) Unit {
	return Unit{Name: name, New: func(context.Context, Env) (Service, error) {
		j.note("new " + name)
		return stub{name, j, fails}, nil
	}}
}

func embedded(t *testing.T, options embednats.Options) Connector {
	t.Helper()
	options.Dir = t.TempDir()
	return func(_ context.Context, _ Config, log *slog.Logger) (Connection, error) {
		server, err := embednats.Start(options)
		if err != nil {
			return Connection{}, err
		}
		open := func(string) (*nats.Conn, error) { return server.Connect(ConnOptions(log)...) }
		conn, err := open("host")
		return Connection{Conn: conn, Open: open, Durable: func(context.Context) (bool, error) { return Durability(server.Durable()) }, Close: func() { conn.Close(); server.Stop() }}, err
	}
}

func filled() Config {
	var c Config
	c.Fill()
	return c
}

var quiet = slog.New(slog.DiscardHandler)

func TestStartDownstreamFirstStopInReverse(t *testing.T) {
	j := &journal{}
	h, err := Start(context.Background(), filled(), quiet, embedded(t, embednats.Options{Trust: true}), unit("writer", j, nil), unit("sick", j, nil), unit("ingest", j, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Ready(); err == nil || !strings.Contains(err.Error(), "sick: cannot work") {
		t.Errorf("ready: %v, want it to name the sick unit", err)
	}
	if err := h.Stop(); err != nil {
		t.Error(err)
	}
	want := []string{"new writer", "new sick", "new ingest", "stop ingest", "stop sick", "stop writer"}
	if !slices.Equal(j.lines, want) {
		t.Errorf("%v\nwant %v", j.lines, want)
	}
}

// What any unit cannot use is told before anything is opened, all of it at once.
func TestMistakesOfAllUnitsAreOneRefusal(t *testing.T) {
	c := filled()
	c.Stores = map[string]config.Store{"main": {Secrets: []config.Secret{config.SecretOf("env:NOT_SET_ANYWHERE")}}}
	c.Accounts = map[string]config.Account{"ns": {PrivateKey: config.SecretOf("file:/does/not/exist")}}
	opened := errors.New("connected")
	connect := func(context.Context, Config, *slog.Logger) (Connection, error) { return Connection{}, opened }
	door, writer := unit("ingest", &journal{}, nil), unit("writer", &journal{}, nil)
	door.Uses, writer.Uses = []config.Part{config.Door}, []config.Part{config.Logins}
	_, err := Start(context.Background(), c, quiet, connect, writer, door)
	if fault.CodeOf(err) != fault.ConfigurationWrong || !strings.Contains(err.Error(), "stores.main.webhook_secrets.0") || !strings.Contains(err.Error(), "accounts.ns.private_key") {
		t.Errorf("%v, want the mistakes of both units", err)
	}
	writer.Uses = nil
	if _, err := Start(context.Background(), c, quiet, connect, writer); !errors.Is(err, opened) {
		t.Errorf("%v, want secrets of other units left alone", err)
	}
}

func TestAUnitThatEndsEndsTheProcess(t *testing.T) {
	fails := make(chan error, 1)
	h, err := Start(context.Background(), filled(), quiet, embedded(t, embednats.Options{Trust: true}), unit("writer", &journal{}, fails))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Stop() }()
	fails <- errors.New("broken")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.Wait(ctx); err == nil || !strings.Contains(err.Error(), "writer: broken") {
		t.Errorf("wait: %v, want the unit and its error", err)
	}
}

// Invariant 1: a server that may lose what it acknowledged is refused, with what to change.
func TestAServerThatIsNotDurableIsRefused(t *testing.T) {
	_, err := Start(context.Background(), filled(), quiet, embedded(t, embednats.Options{}), unit("writer", &journal{}, nil))
	if fault.CodeOf(err) != fault.ServerNotDurable || !strings.Contains(err.Error(), "sync_interval") {
		t.Errorf("%v, want %s naming sync_interval", err, fault.ServerNotDurable)
	}
	for name, c := range map[string]Config{"durable": filled(), "told in plain words": func() Config { c := filled(); c.NATS.Durability = "unproven"; return c }()} {
		h, err := Start(context.Background(), c, quiet, embedded(t, embednats.Options{SyncAlways: name == "durable"}), unit("writer", &journal{}, nil))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// A unit that works offline starts while the server is away.
func TestOfflineUnitStartsWithoutAServer(t *testing.T) {
	away := func(_ context.Context, _ Config, log *slog.Logger) (Connection, error) {
		open := func(string) (*nats.Conn, error) { return nats.Connect("nats://127.0.0.1:1", ConnOptions(log)...) }
		conn, err := open("host")
		return Connection{Conn: conn, Open: open, Durable: func(context.Context) (bool, error) { return true, nil }, Close: conn.Close}, err
	}
	door := unit("ingest", &journal{}, nil)
	door.Offline = true
	h, err := Start(context.Background(), filled(), quiet, away, door)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Stop(); err != nil {
		t.Error(err)
	}
}
