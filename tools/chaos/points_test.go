package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// point is a place on an order's way; reached tells how often it has been passed.
type point struct {
	name    string
	reached func(ctx context.Context, r *killing) (uint64, error)
	crowd   bool // the door is kept busy: the point lies between a delivery's arrival and WOO
}

func stored(stream string) point {
	return point{name: "stored in " + stream, reached: func(ctx context.Context, r *killing) (uint64, error) {
		s, err := r.p.JS.Stream(ctx, stream)
		if err != nil {
			return 0, err
		}
		return s.CachedInfo().State.LastSeq, nil
	}}
}

// asked counts the requests a double has begun to answer.
func asked(name string, base func(demo.Facts) string, method, path string) point {
	return point{name: name, reached: func(_ context.Context, r *killing) (uint64, error) {
		return r.p.Requests(base(r.p.Facts), method, path)
	}}
}

func netsuite(f demo.Facts) string { return f.NetSuite }
func shop(f demo.Facts) string     { return f.Shop }

// logged counts the looks that found deliveries in the door log, on their way to WOO.
func logged() point {
	return point{"in the door log", func(ctx context.Context, r *killing) (uint64, error) {
		waiting, err := r.p.Waiting(ctx)
		if waiting > 0 {
			r.looks++
		}
		return r.looks, err
	}, true}
}

// answered counts answers: with the first ones given, the others are between their arrival and theirs.
func answered() point {
	return point{"deliveries unanswered", func(_ context.Context, r *killing) (uint64, error) { return r.answers.Load(), nil }, true}
}

var points = []point{
	answered(), logged(), stored(topology.Woo), stored(topology.Orders), stored(topology.Desired), stored(topology.Outcomes), stored(topology.ShopOutcomes),
	asked("sales order being written", netsuite, "PUT", "/salesOrder/"), asked("deposit being made", netsuite, "PUT", "/customerDeposit/"),
	asked("customer being made", netsuite, "PUT", "/customer/"), asked("being looked up or read back", netsuite, "POST", "/suiteql"),
	asked("shop being told", shop, "PUT", "/orders/"), stored(topology.Customers),
}

// killing is the all-in-one that is killed again and again on the same data.
type killing struct {
	t       *testing.T
	dir     string
	p       process
	all     []capture.Delivery
	rest    []capture.Delivery // to be delivered still
	copies  []world.Copy
	name    string // of the customer, as the newest change has it
	looks   uint64
	answers atomic.Uint64
	cut     atomic.Uint64 // deliveries that had reached the door and got no answer
}

// batch takes captures for a round, and adds what passes every point: new orders, and a change of a customer.
func (r *killing) batch(round int) []capture.Delivery {
	n := min(max(len(r.rest)/(rounds()-round), 1), len(r.rest))
	batch := append([]capture.Delivery(nil), r.rest[:n]...)
	r.rest = r.rest[n:]
	for i := range 1 + round/len(points) {
		batch = append(batch, r.order(fmt.Sprint(9000+10*round+i)))
	}
	return append(batch, r.shopper(round))
}

// order is a new order, as the first one captured; the shop has it too.
func (r *killing) order(id string) capture.Delivery {
	made := world.Copy{Of: "36", Order: id, Email: "guest" + id + "@example.com"}
	c := r.changed("order.created-simple", `{"id":36,`, `{"id":`+id+`,`, `"number":"36"`, `"number":"`+id+`"`, "sam.rivera343200@example.com", made.Email)
	r.copies = append(r.copies, made)
	r.p.Load([]capture.Delivery{c})
	return c
}

// shopper is a change of a customer's first name, newer than every earlier one.
func (r *killing) shopper(round int) capture.Delivery {
	r.name = fmt.Sprint("Jane", round)
	return r.changed("customer.updated", `"date_modified_gmt":"2026-11-23T03:15:21"`, fmt.Sprintf(`"date_modified_gmt":"2026-11-24T00:00:%02d"`, round), `"first_name":"Jane"`, `"first_name":"`+r.name+`"`)
}

// changed gives a capture with some bytes of its body replaced, signed again.
func (r *killing) changed(name string, replace ...string) capture.Delivery {
	r.t.Helper()
	for _, c := range r.all {
		if c.Name != name {
			continue
		}
		if len(replace) > 0 && !bytes.Contains(c.Body, []byte(replace[0])) {
			r.t.Fatalf("%s: no %s", name, replace[0])
		}
		c.Body = []byte(strings.NewReplacer(replace...).Replace(string(c.Body)))
		c.Header = append([][2]string(nil), c.Header...)
		for i := range c.Header {
			if c.Header[i][0] == "X-WC-Webhook-Signature" {
				c.Header[i][1] = signature.Sign(c.Body, capture.Secret)
			}
		}
		return c
	}
	r.t.Fatalf("no capture %s", name)
	return capture.Delivery{}
}

// kill delivers a batch and kills the process when a point has been passed `later` times since, which the round must see.
// The deliveries that were not answered 200 are delivered again later: a shop does not repeat them, this test does, in place of
// the sweep that finds them.
func (r *killing) kill(at point, later uint64, batch []capture.Delivery) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	cut := r.cut.Load()
	before, err := at.reached(ctx, r)
	if err != nil {
		r.t.Fatal(err)
	}
	var posting sync.WaitGroup
	var mu sync.Mutex
	var lost []capture.Delivery
	for _, c := range batch {
		posting.Go(func() {
			if !r.post(c) {
				mu.Lock()
				lost = append(lost, c)
				mu.Unlock()
			}
		})
	}
	if at.crowd {
		r.crowd(ctx, &posting, batch[len(batch)-1])
	}
	passed := r.watch(ctx, at, before+later)
	r.p.kill()
	posting.Wait()
	cut = r.cut.Load() - cut
	r.t.Logf("killed: %s, passed %d times of %d; %d of %d deliveries to be sent again, %d cut off at the door", at.name, passed-before, later, len(lost), len(batch), cut)
	if passed < before+later {
		r.t.Errorf("%s: passed %d times, want %d before the kill", at.name, passed-before, later)
	}
	if at.crowd && cut == 0 {
		r.t.Errorf("%s: every delivery was answered, want some cut off at the door", at.name)
	}
	r.rest = append(lost, r.rest...)
}

// post tells whether a delivery was answered; a refusal of the open door is none.
func (r *killing) post(c capture.Delivery) bool {
	status, err := r.p.TryPost(c)
	switch {
	case err != nil && !errors.Is(err, syscall.ECONNREFUSED):
		r.cut.Add(1)
		return false
	case err != nil, status >= 500:
		return false
	}
	r.answers.Add(1)
	return true
}

const crowd = 8

// crowd repeats a delivery from many sides until the door is gone.
func (r *killing) crowd(ctx context.Context, posting *sync.WaitGroup, c capture.Delivery) {
	for range crowd {
		posting.Go(func() {
			for ctx.Err() == nil && r.post(c) {
			}
		})
	}
}

// watch returns when the point has been passed often enough, or ctx has ended.
func (r *killing) watch(ctx context.Context, at point, want uint64) uint64 {
	ticker := time.NewTicker(500 * time.Microsecond)
	defer ticker.Stop()
	for {
		now, err := at.reached(ctx, r)
		if err != nil || now >= want {
			return now
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return now
		}
	}
}

// checkFailures proves that no kill leaves work for a person.
func (r *killing) checkFailures() {
	r.t.Helper()
	open, err := operate.Failures(r.t.Context(), r.p.JS, false)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range open {
		r.t.Errorf("parked: %s %s", f.Name, f.Entry.Fault.Message)
	}
}

// checkShopper proves that the newest change of the customer reaches NetSuite.
func (r *killing) checkShopper() {
	r.t.Helper()
	r.p.Until("the customer is called "+r.name, func() bool {
		list := world.Get[[]struct{ ExternalID, FirstName string }](r.p.World, r.p.Facts.NetSuite+"/sim/state?type=customer")
		return slices.ContainsFunc(list, func(c struct{ ExternalID, FirstName string }) bool {
			return c.ExternalID == "wc-cust-main-2" && c.FirstName == r.name
		})
	})
}
