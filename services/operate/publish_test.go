package operate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// second is a revision whose every order shows in two places which mapping made it.
var second = bytes.Replace(bytes.Replace(mapping.Default,
	[]byte(`"WooCommerce order " + order.number`), []byte(`"Woo " + order.number`), 1),
	[]byte("custcol_wc_line_id: line.id"), []byte("custcol_wc_line_id: line.sku"), 1)

// plant is a server with transformers on it.
type plant struct {
	natstest.Server
	t      *testing.T
	file   string // the mapping that the configuration begins with
	body   []byte
	turned atomic.Int32 // transformers that changed their revision
	with   map[string]*mapping.Mapping
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	all, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(c capture.Delivery) bool { return c.Name == "order.created-simple" })
	return &plant{Server: natstest.Start(t), t: t, file: "default", body: all[at].Body, with: map[string]*mapping.Mapping{}}
}

// Enabled, Handle, WithAttrs and WithGroup make the plant a log that counts changes of revision.
func (p *plant) Enabled(context.Context, slog.Level) bool { return true }

func (p *plant) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "mapping revision changed" {
		p.turned.Add(1)
	}
	return nil
}

func (p *plant) WithAttrs([]slog.Attr) slog.Handler { return p }

func (p *plant) WithGroup(string) slog.Handler { return p }

// transformer runs one more until the returned function is called or the test ends.
func (p *plant) transformer() (*transformer.Service, func()) {
	p.t.Helper()
	conn, err := p.Connect()
	if err != nil {
		p.t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := transformer.New(natstest.Context(p.t), host.Env{JS: js, Conn: conn, Log: slog.New(p), Config: config.Config{
		Stores:   map[string]config.Store{"main": {Account: "ns", Mapping: "default"}},
		Accounts: map[string]config.Account{"ns": {Adoption: []string{"otherrefnum"}}},
		Mappings: map[string]config.Mapping{"default": {File: p.file}},
	}})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			p.t.Errorf("a transformer ended: %v", err)
		}
	})
	stop := sync.OnceFunc(func() { cancel(); running.Wait(); conn.Close() })
	p.t.Cleanup(stop)
	return s, stop
}

// deliver stores one order's delivery, with texts of its body replaced: old, new, old, new.
func (p *plant) deliver(id int, changes ...string) {
	p.t.Helper()
	w := event.WebhookReceivedV1{Store: "main", Resource: "order", Event: "created", ObjectID: fmt.Sprint(id), Topic: "order.created", Origin: event.OriginWebhook, ReceivedAt: time.Now().UTC()}
	body := []byte(strings.NewReplacer(append(changes, `{"id":36,`, fmt.Sprintf(`{"id":%d,`, id))...).Replace(string(p.body)))
	m := publish.Message{Stream: topology.Woo, Subject: subject.Webhook{Store: "main", Resource: "order", Event: "created", ID: w.ObjectID}.String(), Header: w.Header(), Data: body}
	if _, err := publish.New(p.JS).Publish(natstest.Context(p.t), m); err != nil {
		p.t.Fatal(err)
	}
}

// desired reads order after order what NetSuite should hold, as many as there must be.
func (p *plant) desired(n int) []*jetstream.RawStreamMsg {
	p.t.Helper()
	var list []*jetstream.RawStreamMsg
	consumer, err := p.JS.OrderedConsumer(natstest.Context(p.t), topology.Desired, jetstream.OrderedConsumerConfig{})
	if err != nil {
		p.t.Fatal(err)
	}
	for len(list) < n {
		m, err := consumer.Next(jetstream.FetchMaxWait(30 * time.Second))
		if err != nil {
			p.t.Fatalf("%d of %d desired states: %v", len(list), n, err)
		}
		metadata, err := m.Metadata()
		if err != nil {
			p.t.Fatal(err)
		}
		list = append(list, &jetstream.RawStreamMsg{Subject: m.Subject(), Sequence: metadata.Sequence.Stream, Data: m.Data(), Time: metadata.Timestamp})
	}
	return list
}

func (p *plant) publish(document []byte, message string) operate.Published {
	p.t.Helper()
	done, err := operate.Publish(natstest.Context(p.t), p.JS, "", document, "kim", message)
	if err != nil {
		p.t.Fatal(err)
	}
	return done
}

// again derives a desired state from its source with the revision it names. Invariant 6: bit for bit.
func (p *plant) again(m *jetstream.RawStreamMsg) event.DesiredOrderV1 {
	p.t.Helper()
	held, err := codec.Decode[event.DesiredOrderV1](m.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	orders, err := p.JS.Stream(natstest.Context(p.t), topology.Orders)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, err := orders.GetMsg(natstest.Context(p.t), held.Source.Sequence)
	if err != nil {
		p.t.Fatal(err)
	}
	state, err := codec.Decode[event.OrderStateV1](raw.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	made, err := p.mapping(held.Source.Revision).Map(state, mapping.Context{Account: "ns", Sequence: held.Source.Sequence, Published: held.Source.Published, Adoption: []string{"otherrefnum"}, Inputs: held.Inputs})
	if err != nil {
		p.t.Fatal(err)
	}
	made.Source.Replaces = held.Source.Replaces
	data, err := codec.Encode(made)
	if err != nil {
		p.t.Fatal(err)
	}
	if !bytes.Equal(data, m.Data) {
		p.t.Errorf("order %s: revision %s gives other bytes than it is said to have given", held.Order, held.Source.Revision)
	}
	return held
}

func (p *plant) mapping(revision string) *mapping.Mapping {
	p.t.Helper()
	if p.with[revision] == nil {
		document, err := operate.Document(natstest.Context(p.t), p.JS, revision)
		if err != nil {
			p.t.Fatal(err)
		}
		if p.with[revision], err = mapping.Compile(document); err != nil {
			p.t.Fatal(err)
		}
	}
	return p.with[revision]
}

const effective = 2 * time.Second // from a publication until every transformer maps with it

// A revision published under load is what three transformers map with in less than two seconds: none is restarted, no
// order is lost, none is mapped by a mixture, and each desired state names the revision that made it.
func TestAPublishedRevisionIsFollowedEverywhere(t *testing.T) {
	p := newPlant(t)
	for range 3 {
		p.transformer()
	}
	n := 0
	for ; n < 100; n++ {
		p.deliver(1000 + n)
	}
	p.desired(1)
	done := p.publish(second, "shorter memo")
	at := time.Now()
	for ; time.Since(at) < effective+200*time.Millisecond; n++ {
		p.deliver(1000 + n)
	}
	count := map[string]int{}
	orders := map[string]bool{}
	var lag time.Duration
	late := 0
	for _, m := range p.desired(n) {
		held := p.again(m)
		orders[held.Order] = true
		count[held.Source.Revision]++
		if held.Source.Revision == done.Before {
			lag = max(lag, m.Time.Sub(at))
		} else if held.Source.Published != done.Position {
			t.Errorf("order %s: position %d, want that of the publication, %d", held.Order, held.Source.Published, done.Position)
		}
		if m.Time.Sub(at) > effective {
			late++
		}
	}
	if len(orders) != n || len(count) != 2 || count[done.Before] == 0 || count[done.Revision] == 0 || late == 0 {
		t.Errorf("%d of %d orders, by revision %v, %d of them after %v: want all, of both revisions, and some after", len(orders), n, count, late, effective)
	}
	if lag > effective || p.turned.Load() != 3 {
		t.Errorf("the last order of the old revision came %v after the publication, %d transformers turned; want at most %v and 3", lag, p.turned.Load(), effective)
	}
	t.Logf("%d orders, by revision %v; the last one of the old revision came %v after the publication", n, count, lag)
}

// What was published counts after a restart, whatever the configuration's file says.
func TestThePublishedRevisionOutlivesARestart(t *testing.T) {
	p := newPlant(t)
	_, stop := p.transformer()
	done := p.publish(second, "shorter memo")
	stop()
	p.transformer()
	p.deliver(1000)
	if held := p.again(p.desired(1)[0]); held.Source.Revision != done.Revision {
		t.Errorf("mapped with %s after a restart, want the published %s", held.Source.Revision, done.Revision)
	}
}

// A document that does not compile is refused and changes nothing; so are one without a reason and a name nobody maps with.
func TestWhatIsNotPublished(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	broken := bytes.Replace(mapping.Default, []byte("order.number"), []byte("order.nmber"), 1)
	if _, err := operate.Publish(natstest.Context(t), p.JS, "", broken, "kim", "why"); fault.CodeOf(err) != fault.MappingInvalid {
		t.Errorf("a broken document: %v", err)
	}
	if _, err := operate.Publish(natstest.Context(t), p.JS, "", second, "kim", " "); err == nil {
		t.Error("a publication without a reason is taken")
	}
	if _, err := operate.Publish(natstest.Context(t), p.JS, "eu", second, "kim", "why"); err == nil || !strings.Contains(err.Error(), "[default]") {
		t.Errorf("a mapping that nobody has: %v, want the names there are", err)
	}
	if _, err := operate.Rollback(natstest.Context(t), p.JS, "", "", "kim", ""); err == nil {
		t.Error("the first revision is rolled back")
	}
	list, err := operate.Revisions(natstest.Context(t), p.JS)
	if err != nil || len(list) != 1 || !list[0].Active || len(list[0].Acts) != 1 || list[0].Acts[0].By != revisions.Configuration {
		t.Errorf("%+v, %v: want the configuration's revision alone", list, err)
	}
	if n := p.Count(t, topology.Audit, subject.AuditAll); n != 0 {
		t.Errorf("%d acts in the audit stream", n)
	}
}

// History says who made what active and why; a rollback goes to the revision before, or to a named one.
func TestRollbackAndHistory(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	first := p.publish(second, "shorter memo").Before
	if again := p.publish(second, "once more"); again.Changed {
		t.Error("what is active already is made active again")
	}
	back, err := operate.Rollback(natstest.Context(t), p.JS, "", "", "lee", "")
	if err != nil || back.Revision != first || !back.Changed {
		t.Fatalf("%+v, %v: want %s active again", back, err, first)
	}
	if _, err := operate.Rollback(natstest.Context(t), p.JS, "default", "ffffff", "lee", ""); !errors.Is(err, operate.ErrNoRevision) {
		t.Errorf("a revision that never was: %v", err)
	}
	named, err := operate.Rollback(natstest.Context(t), p.JS, "", mapping.Revision(second)[:6], "lee", "it was right")
	if err != nil || named.Revision != mapping.Revision(second) {
		t.Fatalf("%+v, %v", named, err)
	}
	list, err := operate.Revisions(natstest.Context(t), p.JS)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, r := range list {
		for _, a := range r.Acts {
			told = append(told, fmt.Sprintf("%s %v by %s: %s", r.Revision, r.Active, a.By, a.Note))
		}
	}
	want := []string{
		first + " false by configuration: first revision: default", first + " false by lee: rollback to " + first,
		mapping.Revision(second) + " true by kim: shorter memo", mapping.Revision(second) + " true by lee: it was right",
	}
	if !slices.Equal(told, want) {
		t.Errorf("history %q\nwant %q", told, want)
	}
	acts := streams{p.Server, t, time.Now()}.acts()
	if len(acts) != 3 || acts[0].By != "kim" || acts[0].What != "default" || acts[0].Note != "shorter memo" || acts[0].Before["revision"] != first || acts[0].After["revision"] != mapping.Revision(second) {
		t.Errorf("audit %+v, want three acts, the first of them kim's", acts)
	}
}

// A transformer that cannot use the active revision, one of a later language say, maps nothing with the one that was
// withdrawn: its orders wait until it can.
func TestOrdersWaitForARevisionThatCannotBeUsed(t *testing.T) {
	p := newPlant(t)
	s, _ := p.transformer()
	ctx := natstest.Context(t)
	shelf, err := revisions.Open(ctx, p.JS)
	if err != nil {
		t.Fatal(err)
	}
	active, err := shelf.Active(ctx, "default")
	if err != nil {
		t.Fatal(err)
	}
	if err := shelf.Keep(ctx, "default", "0123456789ab", []byte("version: 2")); err != nil {
		t.Fatal(err)
	}
	if _, err := shelf.Activate(ctx, revisions.Active{Mapping: "default", Revision: "0123456789ab", Before: active.Revision, By: "kim", At: time.Now().UTC()}, active.Position); err != nil {
		t.Fatal(err)
	}
	p.until("the transformer is not ready", func() bool { return s.Ready() != nil })
	p.deliver(1000)
	p.until("the order's event is there", func() bool { return p.Count(t, topology.Orders, subject.OrderAll) == 1 })
	p.until("the order waits", func() bool {
		consumer, err := p.JS.Consumer(ctx, topology.Orders, topology.ConsumerMap)
		return err == nil && consumer.CachedInfo().NumAckPending == 1
	})
	if n := p.Count(t, topology.Desired, subject.DesiredAll); n != 0 {
		t.Errorf("%d desired states of a withdrawn revision", n)
	}
	done, err := operate.Rollback(ctx, p.JS, "", "", "kim", "")
	if err != nil {
		t.Fatal(err)
	}
	if held := p.again(p.desired(1)[0]); held.Source.Published != done.Position || s.Ready() != nil {
		t.Errorf("mapped at position %d, want %d; ready: %v", held.Source.Published, done.Position, s.Ready())
	}
}

func (p *plant) until(what string, met func() bool) {
	p.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(20 * time.Second); !met(); <-ticker.C {
		if time.Now().After(end) {
			p.t.Fatalf("never: %s", what)
		}
	}
}
