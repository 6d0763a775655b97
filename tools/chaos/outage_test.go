package chaos

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/host/embednats"
	"github.com/orderstream/orderstream/services/ingest"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// doorDir names the folder for a test binary that plays ingest alone.
const doorDir = "CHAOS_DOOR_DIR"

// playDoor runs ingest against the NATS server its configuration names, until it is killed.
func playDoor(dir string) int {
	path := filepath.Join(dir, "orderstream.yaml")
	config, err := host.Load(path, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return host.ExitConfiguration
	}
	h, err := host.Start(context.Background(), config, host.NewLogger(config, os.Stderr), host.Dial, ingest.Unit)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return host.ExitEnvironment
	}
	fmt.Printf(`{"ingest":"http://%s"}`+"\n", h.Addresses()["ingest"])
	if err := h.Wait(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return host.ExitFailed
}

// freePort finds an address for a server that must come back at the same one.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func doorConfig(t *testing.T, dir, natsAddress string) {
	t.Helper()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(capture.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
	store := map[string]any{"url": "http://127.0.0.1:1", "webhook_secrets": []string{"file:" + secret}, "account": "demo"}
	data, err := yaml.Marshal(map[string]any{
		"nats":     map[string]any{"url": "nats://" + natsAddress, "durability": "unproven"},
		"ingest":   map[string]any{"listen": "127.0.0.1:0", "door_log": map[string]any{"dir": filepath.Join(dir, "door-log")}},
		"stores":   map[string]any{"main": store, "legacy": store, "v104": store},
		"accounts": map[string]any{"demo": map[string]any{"account_id": "1", "client_id": "c", "certificate_id": "k", "private_key": "file:" + secret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "orderstream.yaml"), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func startNATS(t *testing.T, dir, address string) *embednats.Server {
	t.Helper()
	server, err := embednats.Start(embednats.Options{Dir: dir, Listen: address, Trust: true})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// With JetStream gone, every delivery is answered 200, outlives a SIGKILL of ingest, and arrives in order once,
// when JetStream is back. Invariant 1.
func TestDoorStaysOpenWithoutJetStream(t *testing.T) {
	dir, address := t.TempDir(), freePort(t)
	doorConfig(t, dir, address)
	natsDir := filepath.Join(dir, "nats")
	server := startNATS(t, natsDir, address)
	all := slices.DeleteFunc(world.Captures(t), func(c capture.Delivery) bool { return !c.Valid })
	third := len(all) / 3

	door := spawnDoor(t, dir)
	door.postAll(t, all[:third])
	server.Stop()
	door.postAll(t, all[third:2*third])
	door.kill()
	door = spawnDoor(t, dir) // starts without a server
	door.postAll(t, all[2*third:])
	door.kill()
	door = spawnDoor(t, dir)
	door.postAll(t, all[:5]) // the same deliveries again: stored once
	server = startNATS(t, natsDir, address)
	t.Cleanup(server.Stop)

	got := waitFor(t, address, len(all))
	want := make([]string, len(all))
	for i, c := range all {
		want[i] = c.Get("X-WC-Webhook-Topic") + " " + string(c.Body)
	}
	if !slices.Equal(got, want) {
		t.Errorf("WOO holds %d deliveries, want the %d accepted ones, each once, in their order", len(got), len(want))
	}
}

func spawnDoor(t *testing.T, dir string) process {
	t.Helper()
	return launch(t, doorDir+"="+dir, func(facts demo.Facts) (world.World, error) { return world.World{Facts: facts}, nil })
}

func (p process) postAll(t *testing.T, deliveries []capture.Delivery) {
	t.Helper()
	for _, c := range deliveries {
		status, err := p.TryPost(c)
		if err != nil || status != 200 {
			t.Fatalf("%s: answered %d, %v, want 200\n%s", c.Name, status, err, p.errs)
		}
	}
}

// waitFor reads WOO until it holds n deliveries and the door has nothing more to bring.
func waitFor(t *testing.T, address string, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	conn, err := nats.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.OrderedConsumer(ctx, topology.Woo, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for wait := 30 * time.Second; ; wait = 500 * time.Millisecond {
		if len(got) < n {
			wait = 30 * time.Second
		}
		m, err := consumer.Next(jetstream.FetchMaxWait(wait))
		if err != nil {
			return got // nothing more came
		}
		got = append(got, strings.Join(m.Headers()["Orderstream-Topic"], "")+" "+string(m.Data()))
	}
}
