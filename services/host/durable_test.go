package host

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/host/embednats"
)

// node is the monitoring address of a NATS server that says yes, no, or nothing.
type node struct {
	address string
	says    atomic.Pointer[string]
}

const (
	saysYes = `{"server_id":"N","config":{"max_memory":1,"sync_always":true}}`
	saysNo  = `{"server_id":"N","config":{"max_memory":1,"sync_interval":120000000000}}`
	isDead  = ""
)

func nodeThat(t *testing.T, says string) *node {
	t.Helper()
	n := &node{}
	n.says.Store(&says)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch says := *n.says.Load(); {
		case says == isDead:
			http.Error(w, "gone", http.StatusBadGateway)
		case r.URL.String() != "/jsz?config=1":
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, says)
		}
	}))
	t.Cleanup(server.Close)
	n.address = server.URL + "/"
	return n
}

// A majority of the nodes must be seen to fsync, and none seen not to. Who cannot be asked is no refusal for good.
func TestWhatNodesSay(t *testing.T) {
	const gone = "http://127.0.0.1:1"
	yes, no, dead := nodeThat(t, saysYes).address, nodeThat(t, saysNo).address, nodeThat(t, isDead).address
	for name, c := range map[string]struct {
		nodes []string
		ok    bool
		class fault.Class
		says  string // "": no error
	}{
		"one":                     {[]string{yes}, true, 0, ""},
		"three":                   {[]string{yes, yes, yes}, true, 0, ""},
		"one of three gone":       {[]string{yes, gone, yes}, true, fault.Transient, "127.0.0.1:1"},
		"one of three fails":      {[]string{yes, yes, dead}, true, fault.Transient, "502"},
		"two of three gone":       {[]string{yes, gone, dead}, false, fault.Transient, "does not answer"},
		"half of them gone":       {[]string{yes, gone}, false, fault.Transient, "does not answer"},
		"none answers":            {[]string{gone, gone, dead}, false, fault.Transient, "does not answer"},
		"one does not fsync":      {[]string{yes, no, yes}, false, fault.Terminal, `sync_interval of the node at ` + no},
		"no fsync, and one gone":  {[]string{gone, yes, no}, false, fault.Terminal, `sync_interval of the node at ` + no},
		"nobody to ask":           {nil, false, fault.Terminal, "nats.monitor must list"},
		"an answer of other kind": {[]string{nodeThat(t, "<html>").address}, false, fault.Transient, "does not answer"},
	} {
		ok, err := monitorsDurable(t.Context(), c.nodes)
		if ok != c.ok || (err != nil) != (c.says != "") || err != nil && (!strings.Contains(err.Error(), c.says) || fault.ClassOf(err) != c.class) {
			t.Errorf("%s: %v, %v (%s), want %v and %q (%s)", name, ok, err, fault.ClassOf(err), c.ok, c.says, c.class)
		}
	}
}

// watched is a server whose durability the nodes tell.
func watched(t *testing.T, nodes ...*node) Connector {
	t.Helper()
	inner := embedded(t, embednats.Options{Trust: true})
	var addresses []string
	for _, n := range nodes {
		addresses = append(addresses, n.address)
	}
	return func(ctx context.Context, c Config, log *slog.Logger) (Connection, error) {
		link, err := inner(ctx, c, log)
		link.Durable = func(ctx context.Context) (bool, error) { return monitorsDurable(ctx, addresses) }
		return link, err
	}
}

// proof is a unit that tells what it was given.
func proof(offline bool) (Unit, <-chan Env) {
	given := make(chan Env, 1)
	return Unit{Name: "door", Offline: offline, New: func(_ context.Context, env Env) (Service, error) {
		given <- env
		return stub{"door", &journal{}, nil}, nil
	}}, given
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("never: %s", what)
	}
}

func say(n *node, text string) { n.says.Store(&text) }

// degraded waits until /readyz would say so; "": nothing.
func degraded(t *testing.T, h *Host, says string) {
	t.Helper()
	tick, timeout := time.NewTicker(5*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		lines := strings.Join(h.Degraded(), "\n")
		if says == "" && lines == "" || says != "" && strings.Contains(lines, says) {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("degraded %q, never %q", lines, says)
		}
	}
}

// A unit that works offline stays up however long nobody can be asked, and goes on once somebody can.
func TestOfflineUnitOutlivesADeadMonitor(t *testing.T) {
	n := nodeThat(t, isDead)
	door, given := proof(true)
	h, err := Start(t.Context(), filled(), quiet, watched(t, n), door)
	if err != nil {
		t.Fatalf("start refused: %v", err)
	}
	defer func() { _ = h.Stop() }()
	env := <-given
	select {
	case <-env.Proven:
		t.Fatal("proven by nobody")
	case err := <-h.ended:
		t.Fatalf("ended: %v", err)
	default:
	}
	say(n, saysYes)
	await(t, "proven", env.Proven)
}

// Other units wait for a while, and say then what did not answer.
func TestStartWaitsForTheMonitor(t *testing.T) {
	n := nodeThat(t, isDead)
	asked := make(chan struct{}, 64)
	inner := watched(t, n)
	connect := func(ctx context.Context, c Config, log *slog.Logger) (Connection, error) {
		link, err := inner(ctx, c, log)
		durable := link.Durable
		link.Durable = func(ctx context.Context) (bool, error) { defer func() { asked <- struct{}{} }(); return durable(ctx) }
		return link, err
	}
	go func() { <-asked; say(n, saysYes) }()
	writer, given := proof(false)
	h, err := Start(t.Context(), filled(), quiet, connect, writer)
	if err != nil {
		t.Fatalf("start refused: %v", err)
	}
	await(t, "proven", (<-given).Proven)
	if err := h.Stop(); err != nil {
		t.Error(err)
	}
}

// A node that could not be asked at the start is asked later; what it says then stands in /readyz until it is mended.
func TestNodesAreAskedLater(t *testing.T) {
	late := nodeThat(t, isDead)
	writer, _ := proof(false)
	h, err := Start(t.Context(), filled(), quiet, watched(t, nodeThat(t, saysYes), nodeThat(t, saysYes), late), writer)
	if err != nil {
		t.Fatalf("start refused: %v", err)
	}
	defer func() { _ = h.Stop() }()
	degraded(t, h, "does not answer")
	say(late, saysNo)
	degraded(t, h, "sync_interval")
	say(late, saysYes)
	degraded(t, h, "")
	select {
	case err := <-h.ended:
		t.Errorf("ended: %v", err)
	default:
	}
}

// A door that began without a server stays open when the server turns out lossy: nothing leaves the door log until it
// is mended. A start with such a server in sight is refused.
func TestLossyServerIsWaitedForByAnOpenDoor(t *testing.T) {
	n := nodeThat(t, isDead)
	door, given := proof(true)
	h, err := Start(t.Context(), filled(), quiet, watched(t, n), door)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Stop() }()
	env := <-given
	say(n, saysNo)
	degraded(t, h, "sync_interval")
	select {
	case <-env.Proven:
		t.Error("proven although it is lossy")
	case err := <-h.ended:
		t.Errorf("ended: %v", err)
	default:
	}
	say(n, saysYes)
	await(t, "proven", env.Proven)
	say(n, saysNo)
	if _, err := Start(t.Context(), filled(), quiet, watched(t, n), door); fault.CodeOf(err) != fault.ServerNotDurable {
		t.Errorf("start with a lossy server: %v, want %s", err, fault.ServerNotDurable)
	}
}
