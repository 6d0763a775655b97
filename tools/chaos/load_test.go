package chaos

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/services/ingest/signature"
)

// outageEnv says for how long JetStream is away under load, e.g. "60s"; 6 s without it.
const outageEnv = "CHAOS_OUTAGE"

const (
	senders   = 16
	perSender = 25 // deliveries a second of one sender, at most
)

// load posts deliveries from several senders at once, each about an order of its own, one after the other.
type load struct {
	door     atomic.Pointer[string] // where ingest listens now
	accepted [senders]int           // deliveries answered 200
	refused  atomic.Int64           // answers other than 200
	client   http.Client
}

func (l *load) at(url string) { l.door.Store(&url) }

// run sends until ctx ends. A delivery that got no answer, because ingest was killed, is sent again: only an
// answer of 200 promises anything.
func (l *load) run(ctx context.Context) {
	var running sync.WaitGroup
	for sender := range senders {
		running.Go(func() {
			pace := time.NewTicker(time.Second / perSender)
			defer pace.Stop()
			for ctx.Err() == nil {
				<-pace.C
				switch status, err := l.post(sender, l.accepted[sender]); {
				case err != nil:
				case status == http.StatusOK:
					l.accepted[sender]++
				default:
					l.refused.Add(1)
				}
			}
		})
	}
	running.Wait()
}

func (l *load) post(sender, number int) (int, error) {
	body := []byte(fmt.Sprintf(`{"id":%d,"status":"processing","number":%d,"note":"%s"}`, sender+1, number, strings.Repeat("x", 4<<10)))
	request, err := http.NewRequest(http.MethodPost, *l.door.Load()+"/webhooks/woocommerce/main", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-WC-Webhook-Topic": "order.updated", "X-WC-Webhook-Resource": "order", "X-WC-Webhook-Event": "updated",
		"X-WC-Webhook-ID": "1", "X-WC-Webhook-Delivery-ID": "one-for-all", "X-WC-Webhook-Signature": signature.Sign(body, capture.Secret),
	} {
		request.Header.Set(name, value)
	}
	response, err := l.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, nil
}

// Invariant 1 under load: JetStream goes away and comes back while many senders post, and ingest is SIGKILLed in the
// middle. No delivery is refused, none that was answered 200 is lost, each arrives once and in the order of its
// sender.
func TestDoorUnderLoadWhileJetStreamIsAway(t *testing.T) {
	away := 6 * time.Second
	if text := os.Getenv(outageEnv); text != "" {
		var err error
		if away, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", outageEnv, err)
		}
	}
	dir, address := t.TempDir(), freePort(t)
	doorConfig(t, dir, address)
	natsDir := filepath.Join(dir, "nats")
	server := startNATS(t, natsDir, address)
	door := spawnDoor(t, dir)

	var l load
	l.at(door.Facts.Ingest)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sending sync.WaitGroup
	sending.Go(func() { l.run(ctx) })
	lasts := func(d time.Duration) { <-time.After(d) }

	lasts(time.Second)
	server.Stop()
	lasts(away / 2)
	door.kill()
	door = spawnDoor(t, dir)
	l.at(door.Facts.Ingest)
	lasts(away / 2)
	server = startNATS(t, natsDir, address)
	t.Cleanup(server.Stop)
	lasts(time.Second)
	stop()
	sending.Wait()

	var want [senders]int
	total := 0
	for sender, n := range l.accepted {
		want[sender] = n
		total += n
	}
	if l.refused.Load() > 0 {
		t.Errorf("%d deliveries were refused", l.refused.Load())
	}
	if least := senders * perSender * int(away/time.Second) / 4; total < least {
		t.Errorf("%d deliveries were accepted, want at least %d for a load", total, least)
	}
	checkOrder(t, waitFor(t, address, total), want)
	t.Logf("JetStream away for %v: %d deliveries accepted", away, total)
}

// checkOrder holds what WOO has against what each sender was promised.
func checkOrder(t *testing.T, got []string, want [senders]int) {
	t.Helper()
	var next [senders]int
	for _, line := range got {
		var sender, number int
		if _, err := fmt.Sscanf(line, `order.updated {"id":%d,"status":"processing","number":%d,`, &sender, &number); err != nil {
			t.Fatalf("%.80s: %v", line, err)
		}
		if next[sender-1] != number {
			t.Fatalf("sender %d: delivery %d follows, want %d: lost, doubled or out of order", sender, number, next[sender-1])
		}
		next[sender-1]++
	}
	for sender, n := range want {
		// The one whose answer was cut off by the kill or by the end may be stored too.
		if next[sender] != n && next[sender] != n+1 {
			t.Errorf("sender %d: %d deliveries in WOO, want the %d accepted", sender+1, next[sender], n)
		}
	}
}
