package operate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/operate"
)

// concluded stores the outcome of a desired state, as the writer does.
func (p *plant) concluded(d event.DesiredOrderV1, with *event.DesiredWith, changes ...func(*event.DesiredTaken)) {
	p.t.Helper()
	o := event.SyncRecordedV1{
		Envelope: event.Envelope{Type: "sync.v1.recorded", ID: fmt.Sprint("sync:", time.Now().UnixNano()), Store: d.Store, Time: time.Now().UTC()},
		Account:  d.Account, Order: d.Order, Number: d.Number, Kind: event.OutcomeSynced, Calls: []event.Call{},
		Desired: event.DesiredTaken{Orders: d.Source.Sequence, Hash: d.Hash, Mapping: d.Source.Mapping, Revision: d.Source.Revision, With: with},
	}
	for _, change := range changes {
		change(&o.Desired)
	}
	m, err := publish.JSON(topology.Outcomes, subject.Sync{Account: o.Account, Store: o.Store, Order: o.Order}.String(), o.Envelope, o)
	if err != nil {
		p.t.Fatal(err)
	}
	p.store(m)
}

func given(d event.DesiredOrderV1) *event.DesiredWith {
	return &event.DesiredWith{Adoption: d.SalesOrder.AdoptedBy(), Inputs: d.Inputs}
}

// past is what a proof says of the outcomes.
func (p *plant) past() (operate.Derivation, bool) {
	p.t.Helper()
	proof, err := operate.Prove(natstest.Context(p.t), p.JS, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return proof.Past, proof.Holds()
}

// States that DESIRED holds no longer are proven by the hash in their outcomes, with the adoption fields and the look-ups of
// then. An outcome that does not name these is no difference; neither is one whose event is gone. Invariant 6.
func TestThePastIsProven(t *testing.T) {
	p := newStockPlant(t)
	p.stock("TEE-001", 0, 5)
	p.transformer()
	p.deliver(1001)
	first := p.mapped(1001, 0)
	p.deliver(1001, edited(1)...)
	second := p.mapped(1001, first.Source.Sequence)
	p.concluded(first, given(first))
	p.concluded(second, given(second))
	was, holds := p.past()
	if !holds || was.States != 2 || was.Stored != was.Derived || was.Revisions[first.Source.Revision] != 2 || first.Hash == second.Hash {
		t.Fatalf("holds %v: %+v, want the states of both outcomes", holds, was)
	}
	p.concluded(first, nil)
	p.concluded(first, given(first), func(d *event.DesiredTaken) { d.Orders = 4711 })
	now, holds := p.past()
	if !holds || now.Unprovable != 1 || now.Gone != 1 || now.States != 2 || now.Stored != was.Stored {
		t.Errorf("holds %v: %+v, want one that cannot be proven and one whose event is gone", holds, now)
	}
	elsewhere := given(first)
	elsewhere.Inputs = nil
	p.concluded(first, elsewhere)
	p.concluded(first, given(first), func(d *event.DesiredTaken) { d.Hash = second.Hash })
	p.concluded(second, given(second), func(d *event.DesiredTaken) { d.Revision = "ffffffffffff" })
	now, holds = p.past()
	at := fmt.Sprintf("main/1001 at %s from ORDERS %d", first.Source.Revision, first.Source.Sequence)
	if holds || now.Differing != 3 || len(now.Different) != 3 || !slices.Equal(now.Different[:2], []string{at, at}) || !strings.Contains(now.Different[2], "no such mapping revision") {
		t.Errorf("holds %v: %+v, want other inputs, another hash and a revision that nobody kept told", holds, now)
	}
}

// More states that differ than are named are counted, and more than a page is read.
func TestAProofNamesTheFirstDifferences(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.deliver(1000)
	d := p.mapped(1000, 0)
	const outcomes = 1100
	for i := range outcomes {
		d.Order = fmt.Sprint(i) // OUTCOMES keeps few of one order
		p.concluded(d, given(d), func(d *event.DesiredTaken) { d.Hash = "of another state" })
	}
	if now, holds := p.past(); holds || now.Differing != outcomes || now.States != outcomes || len(now.Different) != 1000 {
		t.Errorf("holds %v: %d states, %d differ, %d are named", holds, now.States, now.Differing, len(now.Different))
	}
}
