package alert

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

func raiser(js jetstream.JetStream) *Raiser { return New(js, slog.New(slog.DiscardHandler), "ingest") }

func (r *Raiser) forged(store string) {
	r.Raise(event.AlertSignature, store, fault.SignatureMismatch, "a signature does not fit", map[string]string{"source": "203.0.113.7"})
}

// sent lists what is in ALERTS.
func sent(t *testing.T, server natstest.Server) []event.AlertRaisedV1 {
	t.Helper()
	var list []event.AlertRaisedV1
	for n := range server.Count(t, topology.Alerts, subject.AlertAll) {
		m := server.Next(t, topology.Alerts, subject.AlertAll, uint64(n))
		a, err := codec.Decode[event.AlertRaisedV1](m.Data)
		if err != nil || m.Subject != subject.Alert(a.Kind, a.Store) || m.Header.Get(jetstream.MsgIDHeader) != a.ID || a.ID == "" {
			t.Errorf("%s %v: %+v, %v", m.Subject, m.Header, a, err)
		}
		list = append(list, a)
	}
	return list
}

// The first occurrence is sent at once; what follows within the window is one message with its count.
func TestRepeatsBecomeOne(t *testing.T) {
	server := natstest.Start(t)
	r := raiser(server.JS)
	r.forged("main")
	r.flush(t.Context())
	for range 5 {
		r.forged("main")
		r.flush(t.Context())
	}
	want := event.AlertRaisedV1{
		Envelope: event.Envelope{Type: "alert.v1.raised", Store: "main"}, Kind: "signature", Code: "signature-mismatch", Summary: "a signature does not fit",
		Service: "ingest", Count: 1, Details: map[string]string{"source": "203.0.113.7"},
	}
	ignore := cmpopts.IgnoreFields(event.Envelope{}, "ID", "Time")
	if diff := cmp.Diff([]event.AlertRaisedV1{want}, sent(t, server), ignore); diff != "" {
		t.Errorf("within the window (-want +got):\n%s", diff)
	}
	now := time.Now()
	if early := r.due(now.Add(Window / 2)); len(early) != 0 {
		t.Errorf("before the window's end: %+v", early)
	}
	want.Count = 5
	if diff := cmp.Diff([]event.AlertRaisedV1{want}, r.due(now.Add(Window)), ignore); diff != "" {
		t.Errorf("after the window (-want +got):\n%s", diff)
	}
	if again := r.due(now.Add(3 * Window)); len(again) != 0 || len(r.pending) != 0 {
		t.Errorf("%+v, %d topics are remembered: want nothing left of a quiet one", again, len(r.pending))
	}
}

// Kinds, stores and codes do not wait for one another.
func TestTopicsAreSeparate(t *testing.T) {
	server := natstest.Start(t)
	r := raiser(server.JS)
	r.forged("main")
	r.forged("legacy")
	r.Raise(event.AlertDoorLog, "", fault.DoorLogFull, "full", nil)
	r.Raise(event.AlertNoPermission, "main", fault.WebhookNoPermission, "no permission", nil)
	r.Raise(event.AlertNoPermission, "main", fault.DeliveryUndecodable, "another error", nil)
	r.flush(t.Context())
	topics := map[string]int{}
	for _, a := range sent(t, server) {
		topics[a.Kind+" "+a.Store+" "+a.Code] = a.Count
	}
	if diff := cmp.Diff(map[string]int{
		"signature main signature-mismatch": 1, "signature legacy signature-mismatch": 1, "door-log  door-log-full": 1,
		"no-permission main webhook-no-permission": 1, "no-permission main delivery-undecodable": 1,
	}, topics); diff != "" {
		t.Error(diff)
	}
}

// What JetStream cannot take is kept, counted together with what comes meanwhile, and sent a little later.
func TestJetStreamAway(t *testing.T) {
	server := natstest.Start(t)
	r := raiser(server.JS)
	r.forged("main")
	r.forged("main")
	away, cancel := context.WithCancel(t.Context())
	cancel()
	r.flush(away)
	if len(sent(t, server)) != 0 {
		t.Fatal("sent in spite of it")
	}
	r.forged("main")
	now := time.Now()
	if soon := r.due(now); len(soon) != 0 {
		t.Errorf("tried again at once: %+v", soon)
	}
	due := r.due(now.Add(6 * time.Second))
	if len(due) != 1 || due[0].Count != 3 || due[0].Code != "signature-mismatch" {
		t.Fatalf("due %+v, want one alert that counts 3", due)
	}
	r.forged("main") // between the try and its failure
	r.giveBack(due[0])
	if due = r.due(now.Add(12 * time.Second)); len(due) != 1 || due[0].Count != 4 || due[0].Summary == "" {
		t.Errorf("due %+v, want it kept whole when it fails again", due)
	}
}

// Whatever is raised while messages are sent, nothing is lost and nothing counted twice.
func TestEveryOccurrenceCounts(t *testing.T) {
	server := natstest.Start(t)
	r := raiser(server.JS)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				r.forged("main")
				r.flush(t.Context())
			}
		})
	}
	all.Wait()
	total := 0
	for _, a := range append(sent(t, server), r.due(time.Now().Add(Window))...) {
		total += a.Count
	}
	if total != 800 {
		t.Errorf("%d occurrences, want 800", total)
	}
}

// Run sends the first at once, ends with its context, and Raise waits for nobody.
func TestRun(t *testing.T) {
	server := natstest.Start(t)
	r := raiser(server.JS)
	for range 1000 {
		r.forged("main") // nobody sends yet
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	server.Next(t, topology.Alerts, subject.Alert(event.AlertSignature, "main"), 0)
	r.forged("legacy")
	server.Next(t, topology.Alerts, subject.Alert(event.AlertSignature, "legacy"), 0)
	stop()
	<-ended
	if got := sent(t, server); got[0].Count != 1000 {
		t.Errorf("the first message counts %d, want 1000", got[0].Count)
	}
}

func TestRaiseLogs(t *testing.T) {
	var out bytes.Buffer
	r := New(natstest.Start(t).JS, slog.New(slog.NewTextHandler(&out, nil)), "ingest")
	r.forged("main")
	for _, word := range []string{"level=WARN", "kind=signature", "store=main", "code=signature-mismatch"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("log %q, want %s", out.String(), word)
		}
	}
}

// A flood, which nobody has to sign for, writes one line per window: a log must not fill the disk of the door log.
func TestAFloodIsOneLine(t *testing.T) {
	var out bytes.Buffer
	r := New(natstest.Start(t).JS, slog.New(slog.NewTextHandler(&out, nil)), "ingest")
	now := time.Now()
	r.now = func() time.Time { return now }
	for range 1000 {
		r.forged("main")
	}
	r.forged("legacy")
	if lines := strings.Count(out.String(), "\n"); lines != 2 {
		t.Errorf("%d lines, want one per store", lines)
	}
	r.due(now)
	now = now.Add(Window - time.Second)
	r.forged("main")
	if lines := strings.Count(out.String(), "\n"); lines != 2 {
		t.Errorf("%d lines within the window, want 2", lines)
	}
	out.Reset()
	now = now.Add(2 * time.Second)
	r.forged("main")
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "repeats=1000") {
		t.Errorf("after the window %q, want one line that counts what was not written", text)
	}
}
