package operate_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/shadow"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

func (p *plant) shade(rule operate.ShadowRule) {
	p.t.Helper()
	if _, err := operate.StartShadow(natstest.Context(p.t), p.JS, "", second, rule, "kim", "try it"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plant) shadow() operate.Shadow {
	p.t.Helper()
	list, err := operate.Shadows(natstest.Context(p.t), p.JS)
	if err != nil || len(list) != 1 {
		p.t.Fatalf("%+v, %v: want one shadow", list, err)
	}
	return list[0]
}

func (p *plant) deliverAll(first, n int) {
	p.t.Helper()
	for id := first; id < first+n; id++ {
		p.deliver(id)
	}
}

var bothFields = []string{"sales_order.fields.memo", "sales_order.lines[].fields.custcol_wc_line_id"}

// A shadow counts each live order state once, with three transformers and whoever of them goes, and none of what it makes
// reaches DESIRED.
func TestAShadowCountsAndWritesNothing(t *testing.T) {
	p := newPlant(t)
	_, stop := p.transformer()
	p.deliverAll(900, 10) // before the shadow: not counted
	p.desired(10)
	p.shade(operate.ShadowRule{})
	p.deliverAll(1000, 30)
	p.until("the first thirty are counted", func() bool { return p.shadow().Looked == 30 })
	p.transformer()
	p.transformer()
	stop() // the holder
	p.deliverAll(2000, 30)
	p.until("another transformer goes on", func() bool { return p.shadow().Looked >= 60 })
	s := p.shadow()
	if s.Looked != 60 || s.Differ() != 60 || s.Trouble != 0 || s.State != shadow.Running || len(s.Groups) != 2 {
		t.Errorf("%+v: want sixty that differ in two fields", s)
	}
	for i, g := range s.Groups {
		if g.Field != bothFields[i] || g.Orders != 60 || len(g.Examples) == 0 {
			t.Errorf("group %+v, want %s of sixty", g, bothFields[i])
		}
	}
	for _, m := range p.desired(70) {
		if held := p.again(m); held.Source.Revision == s.Revision {
			t.Errorf("order %s is mapped with the shadow", held.Order)
		}
	}
	stream, err := p.JS.Stream(natstest.Context(t), topology.Desired)
	if err != nil || stream.CachedInfo().State.LastSeq != 70 {
		t.Errorf("DESIRED saw %d states, %v: want those of the active revision, seventy", stream.CachedInfo().State.LastSeq, err)
	}
	if _, err := operate.StopShadow(natstest.Context(t), p.JS, "default", "kim", "seen enough"); err != nil {
		t.Fatal(err)
	}
	if _, err := operate.StopShadow(natstest.Context(t), p.JS, "default", "kim", ""); !errors.Is(err, shadow.ErrNone) {
		t.Errorf("stopped twice: %v", err)
	}
	if s := p.shadow(); s.State != shadow.Stopped || s.Looked != 60 {
		t.Errorf("%+v: want it stopped, with its counts", s)
	}
	told := ""
	for _, act := range (streams{p.Server, t, time.Now()}).acts() {
		told += fmt.Sprintf("%s by %s: %s → %s; ", act.Act, act.By, act.Before["state"], act.After["state"])
	}
	if want := "shadowed by kim: none → running; shadowed by kim: running → stopped; "; told != want {
		t.Errorf("audit %q, want %q", told, want)
	}
}

// A shadow whose differences are all expected is promoted by its rule, and every transformer follows.
func TestAShadowIsPromotedByItsRule(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.transformer()
	p.shade(operate.ShadowRule{After: 20, Fields: bothFields})
	p.deliverAll(1000, 19)
	p.until("nineteen are counted", func() bool { return p.shadow().Looked == 19 })
	if s := p.shadow(); s.State != shadow.Running {
		t.Errorf("%s after %d of 20", s.State, s.Looked)
	}
	p.deliver(2000)
	p.until("it is promoted", func() bool { return p.shadow().State == shadow.Promoted })
	p.until("both transformers follow", func() bool { return p.turned.Load() == 2 })
	p.deliver(3000)
	held := p.again(p.desired(21)[20])
	if held.Source.Revision != mapping.Revision(second) {
		t.Errorf("mapped with %s after the promotion", held.Source.Revision)
	}
	list, err := operate.Revisions(natstest.Context(t), p.JS)
	if err != nil || !list[1].Active || list[1].Acts[0].By != "kim" || !strings.Contains(list[1].Acts[0].Note, "after 20 order states") {
		t.Errorf("%+v, %v: want history to say that the rule promoted it", list, err)
	}
}

// The first difference that nobody expected withdraws a shadow that has a rule, and says which order shows it.
func TestAShadowIsWithdrawnByItsRule(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.shade(operate.ShadowRule{After: 20, Fields: bothFields[:1]})
	p.deliver(1000)
	p.until("it is withdrawn", func() bool { return p.shadow().State == shadow.Withdrawn })
	if s := p.shadow(); !strings.Contains(s.Why, "main/1000") || !strings.Contains(s.Why, "custcol_wc_line_id") {
		t.Errorf("why: %q, want order and field", s.Why)
	}
	list, err := operate.Revisions(natstest.Context(t), p.JS)
	if err != nil || !list[0].Active || list[1].Active {
		t.Errorf("%+v, %v: want the first revision to stay", list, err)
	}
}

// An operator promotes a shadow; a second one, the active revision itself and an unknown mapping are refused.
func TestAShadowIsPromotedByCommand(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	ctx := natstest.Context(t)
	if _, err := operate.StartShadow(ctx, p.JS, "", mapping.Default, operate.ShadowRule{}, "kim", ""); err == nil {
		t.Error("the active revision runs beside itself")
	}
	if _, err := operate.StartShadow(ctx, p.JS, "eu", second, operate.ShadowRule{}, "kim", ""); err == nil {
		t.Error("a mapping that nobody has gets a shadow")
	}
	p.shade(operate.ShadowRule{})
	if _, err := operate.StartShadow(ctx, p.JS, "", second, operate.ShadowRule{}, "lee", ""); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("a second shadow: %v", err)
	}
	p.deliver(1000)
	p.until("it is counted", func() bool { return p.shadow().Looked == 1 })
	done, err := operate.PromoteShadow(ctx, p.JS, "default", "lee", "")
	if err != nil || !done.Changed || done.Revision != mapping.Revision(second) {
		t.Fatalf("%+v, %v", done, err)
	}
	p.until("its transformer maps with it", func() bool { return p.turned.Load() == 1 })
	if s := p.shadow(); s.State != shadow.Promoted || s.Looked != 1 {
		t.Errorf("%+v: want it promoted, with its counts", s)
	}
	if _, err := operate.PromoteShadow(ctx, p.JS, "default", "lee", ""); !errors.Is(err, shadow.ErrNone) {
		t.Errorf("promoted twice: %v", err)
	}
}

// Another active revision begins the counts again: they say what differs from the one that is used.
func TestAShadowIsComparedWithWhatIsActive(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.shade(operate.ShadowRule{})
	p.deliver(1000)
	p.until("it is counted", func() bool { return p.shadow().Looked == 1 })
	third := append([]byte("# third\n"), second...)
	done := p.publish(third, "a remark")
	p.until("the counts begin again", func() bool { s := p.shadow(); return s.Against == done.Revision && s.Looked == 0 })
	p.deliver(2000)
	p.until("the next is counted", func() bool { return p.shadow().Looked == 1 })
	if s := p.shadow(); s.Same != 1 {
		t.Errorf("%+v: want one that is the same, the documents differ in a remark only", s)
	}
}

// A shadow that clears what the active revision fills never passes for the same: its rule withdraws it.
func TestAShadowThatClearsAFieldIsWithdrawn(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	with := func(expression string) []byte {
		const store = "custbody_wc_store: store.key"
		return bytes.Replace(mapping.Default, []byte(store), []byte(store+"\n    custbody_gift: '"+expression+"'"), 1)
	}
	p.publish(with(`order.gift_message == ""`), "a checkbox")
	p.until("its transformer maps with it", func() bool { return p.turned.Load() == 1 })
	if _, err := operate.StartShadow(natstest.Context(t), p.JS, "", with(`order.gift_message == "" ? nil : nil`), operate.ShadowRule{After: 1}, "kim", ""); err != nil {
		t.Fatal(err)
	}
	p.deliver(1000)
	p.until("its rule judges", func() bool { return p.shadow().State != shadow.Running })
	if s := p.shadow(); s.State != shadow.Withdrawn || !strings.Contains(s.Why, "sales_order.fields.custbody_gift") || !strings.Contains(s.Why, "(cleared)") {
		t.Errorf("%s, why: %q: want it withdrawn, with the field that it clears", s.State, s.Why)
	}
}
