package ingest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// door is a running service on a real JetStream.
type door struct {
	t       *testing.T
	nats    natstest.Server
	service *Service
	url     string
	ended   <-chan error // how Run ended
}

func open(t *testing.T, adjust func(*config.Config)) door {
	t.Helper()
	d, stop := start(t, slog.DiscardHandler, adjust, nil)
	t.Cleanup(func() {
		stop()
		if err := <-d.ended; err != nil {
			t.Error(err)
		}
	})
	return d
}

// start runs a door whose door log may lie on another disk; the test waits for its end.
func start(t *testing.T, log slog.Handler, adjust func(*config.Config), disk func(*doorlog.Options)) (door, context.CancelFunc) {
	t.Helper()
	return startOn(t, natstest.Start(t), log, adjust, disk)
}

func startOn(t *testing.T, server natstest.Server, log slog.Handler, adjust func(*config.Config), disk func(*doorlog.Options)) (door, context.CancelFunc) {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(capture.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	store := config.Store{Secrets: []config.Secret{config.SecretOf("file:" + secret)}}
	c := config.Config{Stores: map[string]config.Store{"main": store, "legacy": store, "v104": store}}
	c.Ingest.Listen, c.Ingest.DoorLog.Dir = "127.0.0.1:0", filepath.Join(dir, "door-log")
	c.Fill()
	c.Ingest.DoorLog.WarnFree, c.Ingest.DoorLog.MinFree = 0, 0
	if adjust != nil {
		adjust(&c)
	}
	proven := make(chan struct{})
	close(proven)
	env := host.Env{Config: c, Log: slog.New(log), Conn: server.Conn, JS: server.JS, Proven: proven}
	options := logOptions(env)
	if disk != nil {
		disk(&options)
	}
	service, err := build(env, options)
	if err != nil {
		t.Fatal(err)
	}
	service.failGrace = 2 * time.Second
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Run(ctx) }()
	return door{t, server, service, "http://" + service.Address(), ended}, stop
}

type answered struct {
	status int
	header http.Header
	body   string
}

func (d door) send(method, path string, body []byte, header map[string]string) answered {
	d.t.Helper()
	request, err := http.NewRequestWithContext(natstest.Context(d.t), method, d.url+path, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answered{response.StatusCode, response.Header, string(text)}
}

func (d door) capture(c capture.Delivery) answered {
	d.t.Helper()
	header := map[string]string{}
	for _, line := range c.Header {
		if !slices.Contains([]string{"Host", "Content-Length", "Connection", "Accept-Encoding"}, line[0]) {
			header[line[0]] = line[1]
		}
	}
	return d.send(http.MethodPost, c.Path, c.Body, header)
}

func signed(body string) map[string]string {
	return map[string]string{"X-WC-Webhook-Signature": signature.Sign([]byte(body), capture.Secret), "X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Resource": "order", "X-WC-Webhook-Event": "updated"}
}

const path = "/webhooks/woocommerce/main"

// forwarded waits until the door log is empty.
func (d door) forwarded() {
	d.t.Helper()
	ctx := natstest.Context(d.t)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for d.service.doorLog.Stats().Records > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			d.t.Fatalf("%d deliveries never left the door log", d.service.doorLog.Stats().Records)
		}
	}
}
