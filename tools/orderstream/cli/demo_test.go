package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// patience is how long the demo may take to show an order in NetSuite.
const patience = time.Minute

// running is the command at work in the test's process.
type running struct {
	t     *testing.T
	facts demo.Facts
	lines chan string
	code  chan int
	errs  *bytes.Buffer
	stop  context.CancelFunc
}

// startDemo runs `orderstream demo --json` on ports of its own and reads the line that says where it is.
func startDemo(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in, out := io.Pipe()
	r := &running{t: t, lines: make(chan string, 1024), code: make(chan int, 1), errs: &bytes.Buffer{}, stop: cancel}
	args = append([]string{"demo", "--json", "--data", t.TempDir()}, args...)
	for _, listen := range []string{"ingest", "console", "netsuite", "shop", "nats"} {
		args = append(args, "--"+listen+"-listen", "127.0.0.1:0")
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code := run(ctx, args, out, r.errs)
		_ = out.Close()
		r.code <- code
	}()
	go r.read(in)
	t.Cleanup(func() { cancel(); <-ended })
	if err := json.Unmarshal([]byte(r.line("the addresses", func(string) bool { return true })), &r.facts); err != nil {
		t.Fatal(err)
	}
	return r
}

// read takes every line, so that the command never waits for its reader.
func (r *running) read(in io.Reader) {
	defer close(r.lines)
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		r.lines <- scanner.Text()
	}
}

// line waits for a line.
func (r *running) line(what string, is func(line string) bool) string {
	r.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, open := <-r.lines:
			if !open {
				r.t.Fatalf("%s: the command ended: %s", what, r.errs)
			}
			if is(line) {
				return line
			}
		case <-late:
			r.t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// ended waits for the exit code.
func (r *running) ended() int {
	r.t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-time.After(patience):
		r.t.Fatalf("the command runs on after %v", patience)
		return -1
	}
}

// outcome waits for what became of an order; order "" is any.
func (r *running) outcome(order, kind string) event.SyncRecordedV1 {
	r.t.Helper()
	var o event.SyncRecordedV1
	r.line("an order "+order+" "+kind, func(line string) bool {
		o = event.SyncRecordedV1{}
		return json.Unmarshal([]byte(line), &o) == nil && o.Type == "sync.v1.recorded" && o.Kind == kind && (order == "" || o.Order == order)
	})
	return o
}

// says runs a verb against the demo and gives what it prints.
func (r *running) says(want int, args ...string) string {
	r.t.Helper()
	var out, errs bytes.Buffer
	args = append(args, "--nats", r.facts.NATS, "--config", r.facts.Config)
	if code := run(r.t.Context(), args, &out, &errs); code != want {
		r.t.Errorf("%v ends with %d, want %d: %s%s", args, code, want, &out, &errs)
	}
	return out.String() + errs.String()
}

func (r *running) holds(text string, want ...string) {
	r.t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			r.t.Errorf("no %q in\n%s", w, text)
		}
	}
}

// post sends JSON to a double's control.
func (r *running) post(url string, body any) {
	r.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.Post(url, "application/json", bytes.NewReader(data))
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		r.t.Fatalf("%s answers %d: %s", url, response.StatusCode, text)
	}
}

// unknown delivers an order of an item that NetSuite lacks.
func (r *running) unknown(order string) {
	r.t.Helper()
	all, err := capture.All()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == "order.created-simple" {
			body := bytes.Replace(c.Body, []byte(`{"id":36,`), []byte(`{"id":`+order+`,`), 1)
			body = bytes.Replace(body, []byte(`"sku":"TEE-001"`), []byte(`"sku":"TEE-999"`), 1)
			r.post(r.facts.Shop+"/sim/load", map[string]any{"store": "main", "order": json.RawMessage(body)})
			r.post(r.facts.Shop+"/sim/deliver", map[string]string{"store": "main", "topic": "order.created", "body": string(body)})
			return
		}
	}
	r.t.Fatal("no capture")
}

// Orders flow by themselves, are shown by the command while they do, and a stop is no failure.
func TestDemoRuns(t *testing.T) {
	r := startDemo(t)
	synced := r.outcome("", event.OutcomeSynced)
	r.line("the counters", func(line string) bool {
		return strings.Contains(line, `"type":"counters"`) && strings.Contains(line, `"outcomes"`)
	})

	shown := r.says(host.ExitDrained, "order", "show", "main/"+synced.Order)
	r.holds(shown, "order "+synced.Order+" of store main", "order.created, origin webhook", "order.v1.placed", "mapping default revision", "PUT", "/salesOrder/eid:", "sales order "+synced.Ledger.SalesOrder.TranID)
	r.holds(r.says(host.ExitFailed, "order", "show", "main/999999"), "no such order")
	r.holds(r.says(host.ExitDrained, "check"), "is sound: 1 stores, 1 accounts, 1 mappings")
	r.holds(r.says(host.ExitDrained, "topology"), "stream    WOO", "consumer  WOO/parse", "bucket    ")

	var kept demo.Facts
	data, err := os.ReadFile(filepath.Join(filepath.Dir(r.facts.Config), "demo.json"))
	if err != nil || json.Unmarshal(data, &kept) != nil || kept.Ingest != r.facts.Ingest {
		t.Errorf("demo.json says %s, %v, want the addresses", data, err)
	}
	r.stop()
	if code := r.ended(); code != host.ExitDrained {
		t.Errorf("ended with %d after a stop: %s", code, r.errs)
	}
}

// Parked work is listed with its cause, handled again, or dismissed with a reason.
func TestFailuresOfTheDemo(t *testing.T) {
	r := startDemo(t, "--traffic", "off")
	r.holds(r.says(host.ExitDrained, "failures", "list"), "nothing is parked")
	for _, order := range []string{"901", "902"} {
		r.unknown(order)
		r.outcome(order, event.OutcomeParked)
	}
	r.failure("write.main.901", event.FailureParked)
	r.failure("write.main.902", event.FailureParked)
	r.holds(r.says(host.ExitDrained, "failures", "list"), "write.main.901", "write.main.902", "sku-unknown", `"TEE-999"`)
	r.holds(r.says(host.ExitDrained, "failures", "show", "write.main.901"), "write.main.901 is parked", "sku-unknown (terminal)", "deploy/runbooks/sku-unknown.md")
	r.holds(r.says(host.ExitFailed, "failures", "show", "write.main.903"), "no such failure")

	r.holds(r.says(host.ExitFailed, "failures", "dismiss", "write.main.902"), "needs a reason")
	r.holds(r.says(host.ExitDrained, "failures", "dismiss", "write.main.902", "--note", "a test order"), "write.main.902 is dismissed", "a test order")

	r.post(r.facts.NetSuite+"/sim/items", map[string]string{"sku": "TEE-999", "basePrice": "20.00"})
	r.holds(r.says(host.ExitDrained, "failures", "retry", "write.main.901"), "write.main.901 is retried")
	if o := r.outcome("901", event.OutcomeSynced); o.Ledger.SalesOrder.Total.String() != "28.14" {
		t.Errorf("total %s after the retry, want 28.14", o.Ledger.SalesOrder.Total)
	}
	r.failure("write.main.901", event.FailureResolved)
	r.holds(r.says(host.ExitDrained, "failures", "list"), "nothing is parked")
	r.holds(r.says(host.ExitDrained, "failures", "list", "--all"), "resolved", "dismissed")
}

// failure waits until a failure shows a state: it is derived from the outcome, a moment later.
func (r *running) failure(id, state string) {
	r.t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(patience); ; <-ticker.C {
		var out, errs bytes.Buffer
		code := run(r.t.Context(), []string{"failures", "show", id, "--nats", r.facts.NATS}, &out, &errs)
		if code == host.ExitDrained && strings.Contains(out.String(), id+" is "+state) {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s never %s: %s%s", id, state, &out, &errs)
		}
	}
}

// A service that ends, ends the demo: nothing pretends to run.
func TestDemoEndsWithAService(t *testing.T) {
	r := startDemo(t)
	r.outcome("", event.OutcomeSynced) // the transformer waits for deliveries now: it hears at once
	conn, err := nats.Connect(r.facts.NATS)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteConsumer(t.Context(), topology.Woo, topology.ConsumerParse); err != nil {
		t.Fatal(err)
	}
	if code := r.ended(); code != host.ExitFailed {
		t.Errorf("ended with %d, want %d", code, host.ExitFailed)
	}
	r.holds(r.errs.String(), "transformer: consume", "WOO/parse")
}
