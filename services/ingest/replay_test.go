package ingest

import (
	"net/http"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// A notice that is captured and sent to a process that knows no nonces yet is stored once, for as long as its time is
// accepted.
func TestReplayedPushIsStoredOnce(t *testing.T) {
	d := openPush(t)
	header := pushed(shippedNotice, "new secret", "nonce-0123456789-replayed", time.Now())
	for range 2 {
		if got := d.send(http.MethodPost, pushPath, []byte(shippedNotice), header); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		d.service.pushers["ns"].nonces = newNonces(pushNonces) // as after a restart, or at another door
	}
	d.forwarded()
	if n := d.nats.Count(t, topology.NetSuiteChanges, subject.Notice{Account: "ns", Kind: event.ChangeFulfilment, Key: "5012"}.String()); n != 1 {
		t.Errorf("%d notices are stored, want one", n)
	}
	stream, err := d.nats.JS.Stream(natstest.Context(t), topology.NetSuiteChanges)
	if err != nil {
		t.Fatal(err)
	}
	if window := stream.CachedInfo().Config.Duplicates; window <= 2*pushWindow {
		t.Errorf("message ids are known for %s, a notice is accepted for %s", window, 2*pushWindow)
	}
}
