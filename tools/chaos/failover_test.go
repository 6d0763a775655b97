package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/services/transformer/parse"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// writerDir names the folder for a test binary that plays a netsuite-writer.
const writerDir = "CHAOS_WRITER_DIR"

// playUnit runs one service by the configuration in a folder, until it is killed.
func playUnit(dir string, unit host.Unit) int {
	config, err := host.Load(filepath.Join(dir, "orderstream.yaml"), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return host.ExitConfiguration
	}
	h, err := host.Start(context.Background(), config, host.NewLogger(config, os.Stderr), host.Dial, unit)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return host.ExitEnvironment
	}
	fmt.Println(`{}`)
	if err := h.Wait(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return host.ExitFailed
}

// rig is one account with a NetSuite double, and JetStream, in the test's process.
type rig struct {
	world.World
	t        *testing.T
	dir      string
	netsuite *netsuitesim.Server
	js       jetstream.JetStream
	mapping  *mapping.Mapping
	state    event.OrderStateV1
	sequence uint64            // of ORDERS, counted by the rig
	wanted   map[string]uint64 // by order, the newest position in DESIRED
	wishes   []wish            // in their order
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), wanted: map[string]uint64{}}
	made, err := netsuitesim.GenerateCredentials()
	r.must(err)
	r.netsuite, err = netsuitesim.New(netsuitesim.Config{Listen: "127.0.0.1:0", ClientID: made.ClientID, CertificateID: made.CertificateID, PublicKeyPEM: made.PublicKeyPEM})
	r.must(err)
	r.netsuite.Start()
	t.Cleanup(func() { _ = r.netsuite.Close(context.Background()) })
	address := freePort(t)
	server := startNATS(t, filepath.Join(r.dir, "nats"), address)
	t.Cleanup(server.Stop)
	key := filepath.Join(r.dir, "key.pem")
	r.must(os.WriteFile(key, made.PrivateKeyPEM, 0o600))
	data, err := yaml.Marshal(map[string]any{
		"nats":   map[string]any{"url": "nats://" + address, "durability": "unproven"},
		"stores": map[string]any{"main": map[string]any{"url": "http://127.0.0.1:1", "webhook_secrets": []string{"file:" + key}, "account": "demo"}},
		"accounts": map[string]any{"demo": map[string]any{
			"account_id": demo.AccountID, "url": r.netsuite.URL(), "client_id": made.ClientID, "certificate_id": made.CertificateID, "private_key": "file:" + key, "timeout": requestTimeout.String(), "late": "2s", // NetSuite's double ends what it was asked within slowWrite
		}},
	})
	r.must(err)
	r.must(os.WriteFile(filepath.Join(r.dir, "orderstream.yaml"), data, 0o600))
	conn, err := nats.Connect("nats://" + address)
	r.must(err)
	t.Cleanup(conn.Close)
	r.js, err = jetstream.New(conn)
	r.must(err)
	r.World, err = world.Attach(t, demo.Facts{NATS: "nats://" + address, NetSuite: r.netsuite.URL()})
	r.must(err)
	r.mapping, err = mapping.Compile(mapping.Default)
	r.must(err)
	r.state = captured(t)
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func captured(t *testing.T) event.OrderStateV1 {
	t.Helper()
	for _, c := range world.Captures(t) {
		if c.Name != "order.created-simple" {
			continue
		}
		result, err := parse.Read(parse.Delivery{Sequence: 1, Body: c.Body, Facts: event.WebhookReceivedV1{Store: "main", Topic: "order.created", Resource: "order", Event: "created"}})
		if err != nil || result.Order == nil {
			t.Fatalf("%v, %v", result, err)
		}
		return *result.Order
	}
	t.Fatal("no capture")
	return event.OrderStateV1{}
}

func (r *rig) writer() process {
	r.t.Helper()
	return launch(r.t, writerDir+"="+r.dir, func(demo.Facts) (world.World, error) { return world.World{}, nil })
}

// want publishes a desired state of an order with a note, as map does; of a newer one some money was given back.
func (r *rig) want(order, note string) {
	r.t.Helper()
	r.wishes = append(r.wishes, wish{order, note})
	r.sequence++
	state := r.state
	if note == "newer" {
		state.Refunds = []event.Refund{{ID: "7", Total: money.MustParse("-5.00"), Reason: "late", Detail: &event.RefundDetail{LocalDate: "2026-11-24"}}}
	}
	state.Order, state.Number, state.CustomerNote = order, order, note
	state.Customer.Email = "guest" + order + "@example.com" // a customer of its own: it is looked up
	desired, err := r.mapping.Map(state, mapping.Context{Account: "demo", Sequence: r.sequence, Published: 1})
	r.must(err)
	desired.Source.Replaces = r.wanted[order]
	data, err := codec.Encode(desired)
	r.must(err)
	ack, err := r.js.Publish(r.t.Context(), subject.Desired{Kind: "order", Account: "demo", Store: "main", Key: order}.String(), data)
	r.must(err)
	r.wanted[order] = ack.Sequence
}

// notes gives the customer notes NetSuite holds, by externalId; two sales orders of one id are told apart.
func (r *rig) notes() map[string]string {
	r.t.Helper()
	data, err := r.netsuite.State("salesOrder")
	r.must(err)
	var list []struct {
		ExternalID string `json:"externalId"`
		Note       string `json:"custbody_wc_customer_note"`
	}
	r.must(json.NewDecoder(bytes.NewReader(data)).Decode(&list))
	notes := map[string]string{}
	for _, so := range list {
		notes[so.ExternalID] += so.Note
	}
	return notes
}

// until waits for something, and gives how long it took.
func (r *rig) until(what string, within time.Duration, done func() bool) time.Duration {
	r.t.Helper()
	started := time.Now()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		if <-ticker.C; time.Since(started) > within {
			r.t.Fatalf("%s: not within %v", what, within)
		}
	}
	return time.Since(started)
}

// holdBack gives the first writer an order whose customer it looks up, and stops it there: the write is in its hands.
func (r *rig) holdBack(first process, order string, how syscall.Signal) {
	r.t.Helper()
	r.must(r.netsuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{{Kind: "latency", LatencyMs: 1500, Match: netsuitesim.Match{PathContains: "/query/"}}}}))
	r.netsuite.ResetUsage()
	r.want(order, "older")
	r.until("the first writer asks", 20*time.Second, func() bool { return r.netsuite.Stats().MaxSlots > 0 })
	r.must(first.command.Process.Signal(how))
	r.must(r.netsuite.SetFaults(netsuitesim.Faults{}))
}

const (
	takeover       = 10 * time.Second
	slowWrite      = 14 * time.Second                // longer than a takeover
	requestTimeout = 25 * time.Second                // of a writer
	givenUp        = requestTimeout + 20*time.Second // after which nothing is under way any more
)

// A writer that is killed is followed by its standby within ten seconds; nothing is doubled.
func TestStandbyTakesOverFromAKilledWriter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.started()
	r.holdBack(first, "2", syscall.SIGKILL)
	r.want("3", "newer")
	took := r.until("the standby writes", takeover, func() bool { n := r.notes(); return n["wc-so-main-2"] == "older" && n["wc-so-main-3"] == "newer" })
	t.Logf("taken over after %v", took.Round(time.Millisecond))
	r.settled(givenUp)
	r.checkBooks(0, 0)
}

// A writer that is frozen with an older state in its hands overwrites nothing newer when it wakes. Invariant 4.
func TestFrozenWriterOverwritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.started()
	r.holdBack(first, "2", syscall.SIGSTOP)
	r.want("2", "newer")
	took := r.until("the standby writes", takeover, func() bool { return r.notes()["wc-so-main-2"] == "newer" })
	t.Logf("taken over after %v", took.Round(time.Millisecond))
	r.must(first.command.Process.Signal(syscall.SIGCONT))
	// What it held back would be there within moments: three seconds are a hundred times that.
	deadline := time.NewTimer(3 * time.Second)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for waking := true; waking; {
		select {
		case <-ticker.C:
		case <-deadline.C:
			waking = false
		}
		if note := r.notes()["wc-so-main-2"]; note != "newer" {
			t.Fatalf("the writer that woke wrote %q over the newer state", note)
		}
	}
	r.settled(givenUp)
	r.checkBooks(-1, 0) // the older state is never written
}

// A write that is under way when its writer is killed or frozen, and that NetSuite works on after the standby wrote a newer
// state: the newer one is there in the end. Invariant 4.
func TestAWriteUnderWayOverwritesNothingForGood(t *testing.T) {
	// A writer that wakes tells by itself; of one that is dead the other waits until nothing can come any more.
	within := map[syscall.Signal]time.Duration{syscall.SIGKILL: givenUp, syscall.SIGSTOP: requestTimeout}
	for name, how := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "frozen": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			first := r.started()
			slow := netsuitesim.Rule{Kind: "latency", LatencyMs: int(slowWrite.Milliseconds()), Count: 1, Match: netsuitesim.Match{Method: "PUT", PathContains: "salesorder/"}}
			r.must(r.netsuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{slow}}))
			r.want("2", "older")
			r.until("the write is under way", 20*time.Second, func() bool { rules := r.netsuite.Faults().Rules; return len(rules) == 0 || rules[0].Count == 0 })
			r.must(first.command.Process.Signal(how))
			r.want("2", "newer")
			r.until("the standby writes", takeover, func() bool { return r.notes()["wc-so-main-2"] == "newer" })
			r.until("the older write comes late", slowWrite, func() bool { return r.notes()["wc-so-main-2"] == "older" })
			if how == syscall.SIGSTOP {
				r.must(first.command.Process.Signal(syscall.SIGCONT))
			}
			took := r.until("the newer state is written again", within[how], func() bool { return r.notes()["wc-so-main-2"] == "newer" })
			t.Logf("put right after %v", took.Round(time.Millisecond))
			r.settled(givenUp)
			r.checkBooks(1, 2)
		})
	}
}

// A state that another writer recorded, while the one before is killed amid the same write, is in NetSuite's hands all the
// same: behind a newer state it comes late, and the newer one is written once more.
func TestAWriteUnderWayOfARecordedState(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.started()
	slow := netsuitesim.Rule{Kind: "latency", LatencyMs: int(slowWrite.Milliseconds()), Count: 1, Match: netsuitesim.Match{Method: "PUT", PathContains: "salesorder/"}}
	r.must(r.netsuite.SetFaults(netsuitesim.Faults{Rules: []netsuitesim.Rule{slow}}))
	r.want("2", "older")
	r.until("the write is under way", 20*time.Second, func() bool { rules := r.netsuite.Faults().Rules; return len(rules) == 0 || rules[0].Count == 0 })
	r.must(first.command.Process.Signal(syscall.SIGKILL))
	r.until("the standby writes the same", takeover, func() bool { return r.notes()["wc-so-main-2"] == "older" })
	r.want("2", "newer")
	r.until("the standby writes the newer state", takeover, func() bool { return r.notes()["wc-so-main-2"] == "newer" })
	r.until("the older write comes late", slowWrite, func() bool { return r.notes()["wc-so-main-2"] == "older" })
	r.until("the newer state is written again", givenUp, func() bool { return r.notes()["wc-so-main-2"] == "newer" })
	r.settled(givenUp)
	r.checkBooks(2, 2)
}

// started runs two writers and gives the one that works first.
func (r *rig) started() process {
	r.t.Helper()
	first := r.writer()
	r.want("1", "first")
	r.until("the first writer writes", 20*time.Second, func() bool { return r.notes()["wc-so-main-1"] == "first" })
	r.writer()
	return first
}
