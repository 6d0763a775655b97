package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// shoppers brings accounts of customers, each with an order that makes his record and a change that is told of.
func shoppers(t *testing.T, w world.World, ids ...int) {
	t.Helper()
	for _, id := range ids {
		mail := fmt.Sprintf("jane%d@example.com", id)
		w.Post(changed(t, "order.created-registered", `{"id":42,`, fmt.Sprintf(`{"id":%d,`, 100+id), `"number":"42"`, fmt.Sprintf(`"number":"%d"`, 100+id),
			`"customer_id":2`, fmt.Sprintf(`"customer_id":%d`, id), "jane@example.com", mail))
	}
	w.Settle()
	for _, id := range ids {
		w.Post(changed(t, "customer.updated", `{"id":2,`, fmt.Sprintf(`{"id":%d,`, id), "jane@example.com", fmt.Sprintf("jane%d@example.com", id)))
	}
	w.Settle()
}

// revised lists the records of customers that NetSuite was asked to change, by internal id, as often as it was asked.
func revised(w world.World) (list []string) {
	for _, e := range world.Get[[]struct{ Method, Path string }](w, w.Facts.NetSuite+"/sim/log") {
		if _, id, found := strings.Cut(e.Path, "/customer/"); found && (e.Method == http.MethodPatch || e.Method == http.MethodPut) {
			list = append(list, id)
		}
	}
	return list
}

// What a plan shows of customers is what is written: each record once, behind what was shown of orders, and of nobody whose
// account changed since. Asked again, nothing differs. Invariant 2.
func TestReplayWritesCustomers(t *testing.T) {
	t.Parallel()
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	w.Load(world.Captures(t))
	shoppers(t, w, 11, 12, 13, 14)
	ctx := context.Background()
	document := bytes.Replace(mapping.Default, []byte("phone: order.customer.phone"), []byte(`phone: '"tel " + order.customer.phone'`), 1)
	before := w.NetSuite.Stats().Requests
	p := plan(t, w, document)
	if err := replay.Save(ctx, w.JS, p, document); err != nil {
		t.Fatal(err)
	}
	if w.NetSuite.Stats().Requests != before || p.Changed != 4 || p.Customers != (replay.Counts{Looked: 4, Changed: 4}) || p.Cost.Revises != 4 {
		t.Fatalf("orders %+v, customers %+v, cost %+v, troubles %v; want four of each, and no request", p.Counts, p.Customers, p.Cost, p.Troubles)
	}
	w.Post(changed(t, "customer.updated", `{"id":2,`, `{"id":13,`, "jane@example.com", "jane13@example.com", `"date_modified_gmt":"2026-11-23T03:15:21"`, `"date_modified_gmt":"2026-12-01T00:00:00"`, `"first_name":"Jane"`, `"first_name":"June"`))
	w.Settle()

	orders, customers := len(written(w)), len(revised(w))
	done, err := replay.Apply(ctx, w.JS, p.Hash, "me", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	if done.State != replay.StateDone || done.Published != 7 || len(done.Left) != 1 || done.Left[0].Customer != "13" {
		t.Errorf("%+v, want all but customer 13 published", done)
	}
	var wantOrders, wantCustomers []string
	records := customersOf(w)
	for _, id := range []string{"11", "12", "13", "14"} {
		record, phone := records["wc-cust-main-"+id], "tel +1 415 555 9999"
		wantOrders = append(wantOrders, "main-1"+id)
		if id == "13" {
			phone = "+1 415 555 9999"
		} else {
			wantCustomers = append(wantCustomers, record.ID)
		}
		if record.Phone != phone {
			t.Errorf("customer %s has phone %q, want %q", id, record.Phone, phone)
		}
	}
	for _, c := range []struct{ got, want []string }{{written(w)[orders:], wantOrders}, {revised(w)[customers:], wantCustomers}} {
		slices.Sort(c.got)
		slices.Sort(c.want)
		if !slices.Equal(c.got, c.want) {
			t.Errorf("written %v, want %v", c.got, c.want)
		}
	}
	if again := plan(t, w, document); again.Customers != (replay.Counts{Looked: 4, Changed: 1, Same: 3}) {
		t.Errorf("customers %+v, want only the one that was left out to differ", again.Customers)
	}
	for words, want := range map[string]string{
		"customer derive main/11": `"same": true`, "customer explain main/11": `"field": "customer_record.fields.phone"`, "customer derive main/13 --at " + p.Revision: `"same": false`,
	} {
		running, out, errs := command(t, w, words)
		if err := running.Wait(); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %s %s; want %s", words, err, out, errs, want)
		}
	}
	proof, err := operate.Prove(ctx, w.JS, nil)
	if err != nil || !proof.Holds() || proof.Customers.States != 4 || len(proof.Customers.Revisions) != 2 {
		t.Errorf("%+v, %v: want the customers of both revisions proven", proof.Customers, err)
	}
}

// mostInFlight is how many requests were in flight at most when one for such a path came, since a time.
func mostInFlight(w world.World, path string, since time.Time) (most int) {
	for _, e := range world.Get[[]struct {
		Time     time.Time
		Path     string
		InFlight int
	}](w, w.Facts.NetSuite+"/sim/log") {
		if strings.Contains(e.Path, path) && e.Time.After(since) {
			most = max(most, e.InFlight)
		}
	}
	return most
}

// A replay of customers has few of them under way, although no outcome tells when one is done: paused, it stops soon, and goes
// on where it was.
func TestAReplayOfCustomersStopsSoon(t *testing.T) {
	t.Parallel()
	const n = 40
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	w.Load(world.Captures(t))
	ids, names := []int{}, []string{}
	for id := 11; id < 11+n; id++ {
		ids, names = append(ids, id), append(names, fmt.Sprint(id))
	}
	shoppers(t, w, ids...)
	ctx := context.Background()
	document := bytes.Replace(mapping.Default, []byte("phone: order.customer.phone"), []byte(`phone: '"tel " + order.customer.phone'`), 1)
	candidate, err := mapping.Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	p, err := replay.Make(ctx, w.JS, candidate, replay.Request{Customers: names}, nil)
	if err != nil || p.All() != n || p.Looked != 0 {
		t.Fatalf("%+v, %v: want %d customers and no order", p.Customers, err, n)
	}
	if err := replay.Save(ctx, w.JS, p, document); err != nil {
		t.Fatal(err)
	}
	setFaults(t, w, `{"latencyMs":100}`)
	before, begunAt := len(revised(w)), time.Now()
	ended := make(chan error, 1)
	var stopped replay.Progress
	go func() {
		var err error
		stopped, err = replay.Apply(ctx, w.JS, p.Hash, "me", "", nil)
		ended <- err
	}()
	w.Until("five are written", func() bool { return len(revised(w))-before >= 5 })
	if _, err := replay.Control(ctx, w.JS, p.Hash, replay.StatePaused, "me", ""); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	begun := len(revised(w)) - before
	if ahead := stopped.Published - begun; stopped.State != replay.StatePaused || ahead > 2*p.Cost.Slots {
		t.Errorf("%+v: %d published, %d of them begun; want at most twice the slots under way", stopped, stopped.Published, begun)
	}
	done, err := replay.Apply(ctx, w.JS, p.Hash, "me", "", nil)
	if err != nil || done.State != replay.StateDone || done.Published != n {
		t.Fatalf("%+v, %v", done, err)
	}
	w.Settle()
	all := revised(w)[before:]
	slices.Sort(all)
	if once := slices.Compact(slices.Clone(all)); len(all) != n || len(once) != n {
		t.Errorf("%d writes of %d records, want one of each of %d", len(all), len(once), n)
	}
	if most := mostInFlight(w, "/customer/", begunAt); most >= p.Cost.Slots {
		t.Errorf("%d requests in flight of %d, want a slot left to live orders", most, p.Cost.Slots)
	}
}
