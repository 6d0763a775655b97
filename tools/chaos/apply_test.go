package chaos

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/ingest/signature"
	netsuitewriter "github.com/orderstream/orderstream/services/netsuite-writer"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// transformerDir names the folder for a test binary that plays a transformer.
const transformerDir = "CHAOS_TRANSFORMER_DIR"

// candidate is the shipped document with another memo of orders and another phone of customers.
var candidate = bytes.Replace(
	bytes.Replace(mapping.Default, []byte(`"WooCommerce order " + order.number`), []byte(`"Woo " + order.number`), 1),
	[]byte("phone: order.customer.phone"), []byte(`phone: '"tel " + order.customer.phone'`), 1)

// applying is a world of which one service runs in a process of its own, to be killed while a plan is applied.
type applying struct {
	world.World
	t    *testing.T
	role string // that of the process
	unit process

	plan   replay.Plan
	before int // requests in the double's log when applying begins
}

const (
	slots    = 5         // requests in flight at NetSuite
	underWay = 2 * slots // states that a replay published and that have no outcome: who is killed has written them or not
)

func newApplying(t *testing.T, role string, unit host.Unit) *applying {
	t.Helper()
	others := slices.DeleteFunc(demo.Units(), func(u host.Unit) bool { return u.Name == unit.Name })
	a := &applying{t: t, World: world.Start(t, demo.Options{Mute: true, Slots: slots, Units: others, Adjust: world.Unwatched})}
	a.role = role + "=" + a.configured()
	a.start()
	all := world.Captures(t)
	a.Load(all)
	for _, c := range all {
		a.Post(c)
	}
	a.Settle()
	return a
}

// configured writes the world's configuration for another process, and gives its folder.
func (a *applying) configured() string {
	a.t.Helper()
	data, err := os.ReadFile(a.Facts.Config)
	a.must(err)
	var file map[string]any
	a.must(yaml.Unmarshal(data, &file))
	file["nats"] = map[string]any{"url": a.Facts.NATS, "durability": "unproven"}
	account := file["accounts"].(map[string]any)[demo.Account].(map[string]any)
	account["late"], account["watch"] = "2s", map[string]string{"poll": "off", "stock": "off"} // as the world's
	data, err = yaml.Marshal(file)
	a.must(err)
	dir := a.t.TempDir()
	a.must(os.WriteFile(filepath.Join(dir, "orderstream.yaml"), data, 0o600))
	return dir
}

func (a *applying) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// start runs the service's process, or the next one of it.
func (a *applying) start() {
	a.t.Helper()
	a.unit = launch(a.t, a.role, func(demo.Facts) (world.World, error) { return world.World{}, nil })
}

// planned makes and keeps a plan of all that there is.
func (a *applying) planned() {
	a.t.Helper()
	m, err := mapping.Compile(candidate)
	a.must(err)
	a.plan, err = replay.Make(a.t.Context(), a.JS, m, replay.Request{}, nil)
	a.must(err)
	a.must(replay.Save(a.t.Context(), a.JS, a.plan, candidate))
	a.before = len(a.log())
}

type request struct{ Method, Path string }

func (a *applying) log() []request {
	return world.Get[[]request](a.World, a.Facts.NetSuite+"/sim/log")
}

// written counts the writes of each record since applying began, but those of live orders apart: sales orders by externalId,
// customers by id.
func (a *applying) written() (plan, live map[string]int) {
	plan, live = map[string]int{}, map[string]int{}
	for _, e := range a.log()[a.before:] {
		if e.Method != http.MethodPut && e.Method != http.MethodPatch && e.Method != http.MethodPost || strings.Contains(e.Path, "/suiteql") || strings.Contains(e.Path, "/token") {
			continue
		}
		_, name, _ := strings.Cut(e.Path, "/record/v1/")
		name, _, _ = strings.Cut(name, "?")
		if strings.Contains(name, "-main-90") {
			live[name]++
		} else {
			plan[name]++
		}
	}
	return plan, live
}

// approved lists what the plan says is written.
func (a *applying) approved() (list []string) {
	a.t.Helper()
	ids := a.customers()
	for c, err := range a.plan.Changes() {
		a.must(err)
		switch {
		case c.Effect.Writes():
			list = append(list, "salesOrder/eid:wc-so-"+c.Store+"-"+c.Order)
		case c.Effect == replay.EffectRevise && ids["wc-cust-"+c.Store+"-"+c.Customer] != "":
			list = append(list, "customer/"+ids["wc-cust-"+c.Store+"-"+c.Customer])
		}
	}
	slices.Sort(list)
	return list
}

// customers gives NetSuite's ids by externalId.
func (a *applying) customers() map[string]string {
	ids := map[string]string{}
	for _, c := range world.Get[[]struct{ ID, ExternalID string }](a.World, a.Facts.NetSuite+"/sim/state?type=customer") {
		ids[c.ExternalID] = c.ID
	}
	return ids
}

// records counts NetSuite's records by kind.
func (a *applying) records() map[string]int {
	counts := map[string]int{}
	for kind, list := range world.Get[map[string][]any](a.World, a.Facts.NetSuite+"/sim/state") {
		counts[kind] = len(list)
	}
	return counts
}

// order delivers a live order that is in no plan.
func (a *applying) order(id string) {
	a.t.Helper()
	made := a.made(id)
	a.Load([]capture.Delivery{made})
	if status := a.Post(made); status != http.StatusOK {
		a.t.Fatalf("order %s answered %d", id, status)
	}
}

func (a *applying) made(id string) capture.Delivery {
	a.t.Helper()
	for _, c := range world.Captures(a.t) {
		if c.Name != "order.created-simple" {
			continue
		}
		body := strings.NewReplacer(`{"id":36,`, `{"id":`+id+`,`, `"number":"36"`, `"number":"`+id+`"`).Replace(string(c.Body))
		c.Body, c.Header = []byte(body), slices.Clone(c.Header)
		for i := range c.Header {
			if c.Header[i][0] == "X-WC-Webhook-Signature" {
				c.Header[i][1] = signature.Sign(c.Body, capture.Secret)
			}
		}
		return c
	}
	a.t.Fatal("no capture")
	return capture.Delivery{}
}

// A service that is killed in the middle of an apply, while live orders come, is started again, and nobody says the apply once
// more: it ends by itself, what is written is what was approved beside the live orders, and nothing of it is there twice.
// Invariants 2, 4 and 7.
func TestAServiceIsKilledDuringAnApply(t *testing.T) {
	for name, c := range map[string]struct {
		role      string
		unit      host.Unit
		meanwhile func(a *applying, written func() int)
	}{
		// Without its writer nothing is written, and the apply waits.
		"the writer": {writerDir, netsuitewriter.Unit, func(a *applying, _ func() int) { a.order("9004") }},
		// An apply needs no transformer.
		"the transformer": {transformerDir, transformer.Unit, func(a *applying, written func() int) {
			at := written()
			a.order("9004")
			a.Until("the apply goes on", func() bool { return written() >= at+5 })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApplying(t, c.role, c.unit)
			a.planned()
			approved, records := a.approved(), a.records()
			if len(approved) < 30 || !slices.ContainsFunc(approved, func(name string) bool { return strings.HasPrefix(name, "customer/") }) {
				t.Fatalf("approved: %v, want enough to be killed in between, customers among them", approved)
			}
			a.must(a.NetSuite.SetFaults(netsuitesim.Faults{LatencyMs: 60}))
			ended := make(chan error, 1)
			var done replay.Progress
			go func() {
				var err error
				done, err = replay.Apply(t.Context(), a.JS, a.plan.Hash, "me", "", nil)
				ended <- err
			}()
			written := func() int { plan, _ := a.written(); return len(plan) }
			a.Until("ten are written", func() bool { return written() >= 10 })
			for _, id := range []string{"9001", "9002", "9003"} {
				a.order(id)
			}
			a.unit.kill()
			killed := written()
			c.meanwhile(a, written)
			select {
			case err := <-ended:
				t.Fatalf("the apply ended before the service was back: %+v, %v", done, err)
			default:
			}
			a.start()
			a.must(<-ended)
			a.Settle()
			if done.State != replay.StateDone || done.Published != a.plan.All() || len(done.Left) != 0 {
				t.Errorf("%+v, want all of %d published", done, a.plan.All())
			}
			a.check(approved, records)
			t.Logf("%d of %d written when %s was killed", killed, len(approved), name)
		})
	}
}

// check proves that what was written is what was approved, and the live orders.
func (a *applying) check(approved []string, records map[string]int) {
	a.t.Helper()
	plan, live := a.written()
	if got := slices.Sorted(maps.Keys(plan)); !slices.Equal(got, approved) {
		a.t.Errorf("written %v\nwant    %v", got, approved)
	}
	again := 0
	for name, times := range plan {
		again += times - 1
		if times > 2 {
			a.t.Errorf("%s was written %d times", name, times)
		}
	}
	if again > underWay {
		a.t.Errorf("%d of %d were written twice, want those under way at most", again, len(plan))
	}
	now := a.records()
	for kind := range now {
		want := records[kind]
		if kind == "salesOrder" || kind == "customerDeposit" {
			want += len(lives)
		}
		if now[kind] != want {
			a.t.Errorf("%d records of %s, want %d", now[kind], kind, want)
		}
	}
	for _, id := range lives {
		if live["salesOrder/eid:wc-so-main-"+id] == 0 {
			a.t.Errorf("the live order %s was not written: %v", id, live)
		}
	}
	a.checkHeld(approved)
}

// lives are the live orders.
var lives = []string{"9001", "9002", "9003", "9004"}

// checkHeld proves that NetSuite holds what was approved, that the desired states are derived again, and that nobody is asked.
func (a *applying) checkHeld(approved []string) {
	a.t.Helper()
	for id, so := range a.SalesOrders() {
		_, of := slices.BinarySearch(approved, "salesOrder/eid:"+id)
		if of != strings.HasPrefix(so.Memo, "Woo ") {
			a.t.Errorf("%s: memo %q", id, so.Memo)
		}
	}
	for _, c := range world.Get[[]struct{ ID, Phone string }](a.World, a.Facts.NetSuite+"/sim/state?type=customer") {
		if _, of := slices.BinarySearch(approved, "customer/"+c.ID); of != strings.HasPrefix(c.Phone, "tel ") {
			a.t.Errorf("customer %s: phone %q", c.ID, c.Phone)
		}
	}
	proof, err := operate.Prove(a.t.Context(), a.JS, nil)
	if err != nil || !proof.Holds() {
		a.t.Errorf("%+v, %v: want every desired state proven", fmt.Sprint(proof.Different, proof.Customers.Different), err)
	}
}
