package operate_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/audit"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/revisions"
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
	if err != nil || !list[1].Active || list[1].Acts[0].By != audit.System || !strings.Contains(list[1].Acts[0].Note, "by its rule after 20 order states") {
		t.Errorf("%+v, %v: want history to say that the rule promoted it", list, err)
	}
	why := "shadow promoted by its rule after 20 order states, 20 differ as expected"
	p.told([]string{
		"shadowed by kim (try it): state none → running; looked 0, differ 0, unmapped 0",
		"published by system (" + why + "): revision " + mapping.Revision(mapping.Default) + " → " + mapping.Revision(second),
		"shadowed by system (" + why + "): state running → promoted; looked 20, differ 20, unmapped 0",
	})
	for _, a := range p.acts() {
		if a.Act == shadow.Shadowed && (!strings.Contains(a.After["rule"], "after 20 order states in which nothing but ["+strings.Join(bothFields, " ")+"] differs") ||
			a.After["revision"] != mapping.Revision(second) || a.After["against"] != mapping.Revision(mapping.Default)) {
			t.Errorf("act %+v: want both revisions and the rule", a)
		}
	}
}

func (p *plant) acts() []event.AuditActedV1 { return streams{p.Server, p.t, time.Now()}.acts() }

// told compares what the audit stream holds, once it holds as many acts.
func (p *plant) told(want []string) {
	p.t.Helper()
	p.until("the acts are told", func() bool { return p.Count(p.t, topology.Audit, subject.AuditAll) >= len(want) })
	var got []string
	for _, a := range p.acts() {
		line := fmt.Sprintf("%s by %s (%s): ", a.Act, a.By, a.Note)
		if a.Act == revisions.Published {
			line += fmt.Sprintf("revision %s → %s", a.Before["revision"], a.After["revision"])
		} else {
			line += fmt.Sprintf("state %s → %s; looked %s, differ %s, unmapped %s", a.Before["state"], a.After["state"], a.After["looked"], a.After["differ"], a.After["unmapped"])
		}
		got = append(got, line)
	}
	if !slices.Equal(got, want) {
		p.t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
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
	p.told([]string{
		"shadowed by kim (try it): state none → running; looked 0, differ 0, unmapped 0",
		"shadowed by system (shadow withdrawn by its rule after 1 order states: order main/1000: sales_order.lines[line-1].fields.custcol_wc_line_id differs, which is not expected): state running → withdrawn; looked 1, differ 1, unmapped 0",
	})
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
	why := "shadow promoted after 1 order states, 1 of which differ"
	p.told([]string{
		"shadowed by kim (try it): state none → running; looked 0, differ 0, unmapped 0",
		"published by lee (" + why + "): revision " + mapping.Revision(mapping.Default) + " → " + mapping.Revision(second),
		"shadowed by lee (" + why + "): state running → promoted; looked 1, differ 1, unmapped 0",
	})
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
	if s := p.shadow(); s.State != shadow.Withdrawn || !strings.Contains(s.Why, "sales_order.fields.custbody_gift") || s.Groups[0].Examples[0].To != "(cleared)" {
		t.Errorf("%s, why: %q, %+v: want it withdrawn, with the field that it clears", s.State, s.Why, s.Groups)
	}
}

// A publication of the candidate ends its shadow; the act names who published it.
func TestAShadowEndsWithAPublication(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	p.shade(operate.ShadowRule{})
	p.publish(second, "no need to wait")
	p.until("the shadow is promoted", func() bool { return p.shadow().State == shadow.Promoted })
	p.told([]string{
		"shadowed by kim (try it): state none → running; looked 0, differ 0, unmapped 0",
		"published by kim (no need to wait): revision " + mapping.Revision(mapping.Default) + " → " + mapping.Revision(second),
		"shadowed by kim (no need to wait): state running → promoted; looked 0, differ 0, unmapped 0",
	})
}

// lost takes the audit stream away until the returned function is called: whoever acts meanwhile fails between the act and its
// telling.
func (p *plant) lost() (found func()) {
	p.t.Helper()
	if err := p.JS.DeleteStream(natstest.Context(p.t), topology.Audit); err != nil {
		p.t.Fatal(err)
	}
	return func() {
		if err := topology.Ensure(natstest.Context(p.t), p.JS, topology.Of(natstest.Params)); err != nil {
			p.t.Fatal(err)
		}
	}
}

// An act is told although its command fails between the deed and the telling: the transformers tell it, three of them once.
func TestActsOutliveTheirCommand(t *testing.T) {
	p := newPlant(t)
	ctx := natstest.Context(t)
	var stops []func()
	for range 3 {
		_, stop := p.transformer()
		stops = append(stops, stop)
	}
	first := mapping.Revision(mapping.Default)
	found := p.lost()
	done, err := operate.Publish(ctx, p.JS, "", second, "kim", "why")
	if err == nil || !strings.Contains(err.Error(), "is active, and a transformer tells the act") || !done.Changed {
		t.Fatalf("%+v, %v: want it active, and told that its act is to come", done, err)
	}
	if _, err := operate.Rollback(ctx, p.JS, "", "", "lee", "back"); err == nil {
		t.Fatal("no audit stream, and no mistake")
	}
	if _, err := operate.StartShadow(ctx, p.JS, "", second, operate.ShadowRule{}, "kim", "try it"); err == nil {
		t.Fatal("no audit stream, and no mistake")
	}
	if _, err := operate.StopShadow(ctx, p.JS, "default", "lee", "seen enough"); err == nil {
		t.Fatal("no audit stream, and no mistake")
	}
	found()
	p.until("all is told", func() bool { return p.Count(t, topology.Audit, subject.AuditAll) >= 4 })
	for _, stop := range stops {
		stop()
	}
	p.transformer() // looks at what is told, and finds it so
	p.deliver(1000)
	p.desired(1)
	told := map[string]int{}
	for _, a := range p.acts() {
		told[fmt.Sprintf("%s by %s (%s) %s%s → %s%s", a.Act, a.By, a.Note, a.Before["revision"], a.Before["state"], a.After["revision"], a.After["state"])]++
	}
	want := map[string]int{
		fmt.Sprintf("published by kim (why) %s → %s", first, done.Revision):                        1,
		fmt.Sprintf("published by lee (back) %s → %s", done.Revision, first):                       1,
		fmt.Sprintf("shadowed by kim (try it) none → %srunning", mapping.Revision(second)):         1,
		fmt.Sprintf("shadowed by lee (seen enough) running → %sstopped", mapping.Revision(second)): 1,
	}
	if !maps.Equal(told, want) {
		t.Errorf("told %v\nwant %v", told, want)
	}
}

// A candidate that takes the place of one whose end nobody has told does not hide it.
func TestAShadowIsToldBeforeItIsReplaced(t *testing.T) {
	p := newPlant(t)
	ctx := natstest.Context(t)
	_, stop := p.transformer()
	p.shade(operate.ShadowRule{})
	stop()
	found := p.lost()
	if _, err := operate.StopShadow(ctx, p.JS, "default", "lee", "seen enough"); err == nil {
		t.Fatal("no audit stream, and no mistake")
	}
	if _, err := operate.StartShadow(ctx, p.JS, "", second, operate.ShadowRule{}, "kim", "once more"); err == nil || p.shadow().State != shadow.Stopped {
		t.Errorf("%v: a shadow whose end cannot be told is replaced", err)
	}
	found()
	if _, err := operate.StartShadow(ctx, p.JS, "", second, operate.ShadowRule{}, "kim", "once more"); err != nil {
		t.Fatal(err)
	}
	p.told([]string{
		"shadowed by kim (try it): state none → running; looked 0, differ 0, unmapped 0",
		"shadowed by lee (seen enough): state running → stopped; looked 0, differ 0, unmapped 0",
		"shadowed by kim (once more): state stopped → running; looked 0, differ 0, unmapped 0",
	})
}
