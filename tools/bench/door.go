package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/host/embednats"
	"github.com/orderstream/orderstream/services/ingest"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// door is something that takes deliveries at an address.
type door struct {
	address string
	settle  func(ctx context.Context, n int) error // waits until n deliveries are in JetStream
	stop    func() error
}

// durable is the ingest service itself: door log with group fsync, forwarding to an embedded JetStream that
// fsyncs each message, all in this process.
func durable(ctx context.Context, dir string) (door, error) {
	config, err := doorConfig(dir)
	if err != nil {
		return door{}, err
	}
	var conn *nats.Conn
	connect := func(_ context.Context, _ host.Config, log *slog.Logger) (host.Connection, error) {
		link, _, err := demo.Embedded(embednats.Options{Dir: dir, SyncAlways: true}, log)
		conn = link.Conn
		return link, err
	}
	h, err := host.Start(ctx, config, slog.New(slog.DiscardHandler), connect, ingest.Unit)
	if err != nil {
		return door{}, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return door{}, errors.Join(err, h.Stop())
	}
	return door{h.Addresses()["ingest"], func(ctx context.Context, n int) error { return stored(ctx, js, n) }, h.Stop}, nil
}

func doorConfig(dir string) (host.Config, error) {
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(capture.Secret), 0o600); err != nil {
		return host.Config{}, err
	}
	data, err := yaml.Marshal(map[string]any{
		"ingest":   map[string]any{"listen": "127.0.0.1:0", "door_log": map[string]any{"dir": filepath.Join(dir, "door-log")}},
		"stores":   map[string]any{"main": map[string]any{"url": "http://127.0.0.1:1", "webhook_secrets": []string{"file:" + secret}, "account": "demo"}},
		"accounts": map[string]any{"demo": map[string]any{"account_id": "1", "client_id": "c", "certificate_id": "k", "private_key": "file:" + secret}},
	})
	if err != nil {
		return host.Config{}, err
	}
	path := filepath.Join(dir, "orderstream.yaml")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return host.Config{}, err
	}
	return host.Load(path, nil)
}

// stored waits until WOO holds n messages.
func stored(ctx context.Context, js jetstream.JetStream, n int) error {
	return until(ctx, func() (bool, error) {
		stream, err := js.Stream(ctx, topology.Woo)
		if err != nil {
			return false, err
		}
		return stream.CachedInfo().State.Msgs >= uint64(n), nil
	})
}

// until asks every few milliseconds.
func until(ctx context.Context, done func() (bool, error)) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bare is the same HTTP server with the same signature check, and no storage.
func bare() (door, error) {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, StrictRouting: true, CaseSensitive: true, BodyLimit: 8 << 20, ReadBufferSize: 16 << 10})
	secrets := signature.NewSecrets(capture.Secret)
	app.Post("/webhooks/woocommerce/:store", func(c *fiber.Ctx) error {
		if !secrets.Valid(c.Body(), c.Get("X-WC-Webhook-Signature")) {
			return c.SendStatus(fiber.StatusUnauthorized)
		}
		return c.SendStatus(fiber.StatusOK)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return door{}, err
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	return door{listener.Addr().String(), func(context.Context, int) error { return nil }, func() error { return errors.Join(app.Shutdown(), <-served) }}, nil
}

// allocations runs f and gives what each of n requests allocated in this process, client included (it
// allocates nothing per request).
func allocations(n int, f func() error) (objects, bytes float64, err error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	err = f()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n), err
}

// scratch gives a folder for one measurement.
func scratch() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp("", "orderstream-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("folder for the measurement: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
