package statuspublisher

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/publish"
)

func isRefund(q request, method string) bool {
	return q.method == method && strings.HasSuffix(q.path, "/refunds")
}

// Two states of one refund in NetSuite reach two processes at once: both have looked and found nothing before either makes
// it. One refund is made, and whoever lost finds it.
func TestTwoProcessesMakeOneRefund(t *testing.T) {
	b := prepare(t, quiet)
	o := b.placed("processing")
	other := b.another(quiet)
	one, two := b.change(paid(event.ChangeRefund, "5090", "40.00")), b.change(paid(event.ChangeRefund, "5090", "40.00"))
	b.together(func(q request) bool { return isRefund(q, http.MethodGet) })
	var processes sync.WaitGroup
	errs, stored := make([]error, 2), make([][]publish.Message, 2)
	processes.Go(func() { stored[0], errs[0] = b.service.handleChange(natstest.Context(t), one) })
	processes.Go(func() { stored[1], errs[1] = other.handleChange(natstest.Context(t), two) })
	processes.Wait()
	if len(o.refunds) != 1 || (errs[0] == nil) == (errs[1] == nil) || fault.ClassOf(cmp.Or(errs...)) != fault.Conflict {
		t.Fatalf("refunds %+v, %v; want one, and a conflict", o.refunds, errs)
	}
	b.store(slices.Concat(stored...))
	messages, err := other.handleChange(natstest.Context(t), two)
	if err != nil {
		t.Fatal(err)
	}
	b.store(messages)
	if e := b.entry("refund", "36-5090"); len(o.refunds) != 1 || e.State != event.ShopWritten || e.Deed.Refund != "70" {
		t.Errorf("refunds %+v, ledger %s %+v", o.refunds, e.State, e.Deed)
	}
}

// While one process makes a refund, the other waits with a later state of it; it looks again when the first has ended, or
// has said nothing for long.
func TestARefundUnderWayIsWaitedFor(t *testing.T) {
	for name, silent := range map[string]bool{"it ends": false, "its process dies": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, quiet)
			o := b.placed("processing")
			one, two := b.change(paid(event.ChangeRefund, "5090", "40.00")), b.change(paid(event.ChangeRefund, "5090", "40.00"))
			messages, err := b.contended(one, two, func(q request) bool { return isRefund(q, http.MethodPost) }, silent)
			if err != nil || len(o.refunds) != 1 {
				t.Fatalf("%v, refunds %+v, want one", err, o.refunds)
			}
			b.store(messages)
			if e := b.entry("refund", "36-5090"); e.State != event.ShopWritten || e.Deed.Refund != "70" {
				t.Errorf("ledger %s %+v", e.State, e.Deed)
			}
		})
	}
}

// work hands a message to the handler of its stream.
func (s *Service) work(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	if m.Stream == topology.Outcomes {
		return s.handle(ctx, m)
	}
	return s.handleChange(ctx, m)
}

// contended gives one to a process that the shop fails behind its claim, and two to another: that one waits without asking the
// shop until the first has ended or, silent, has said nothing for long. It gives what the other then does.
func (b bench) contended(one, two consume.Message, fails func(request) bool, silent bool) ([]publish.Message, error) {
	b.t.Helper()
	ctx := natstest.Context(b.t)
	b.shop.instead(func(q request) *answer {
		if fails(q) {
			return &answer{http.StatusServiceUnavailable, nil, ""}
		}
		return nil
	})
	if _, err := b.service.work(ctx, one); fault.ClassOf(err) != fault.Unavailable {
		b.t.Fatalf("%v, want the shop away", err)
	}
	b.shop.instead(nil)
	other := b.another(quiet)
	asked := len(b.shop.asked())
	if _, err := other.work(ctx, two); fault.ClassOf(err) != fault.Conflict || len(b.shop.asked()) != asked {
		b.t.Errorf("%v after %d requests, want it to wait for the other process", err, len(b.shop.asked())-asked)
	}
	if silent {
		later := b.service.now().Add(5 * time.Minute)
		other.now = func() time.Time { return later }
	} else {
		messages, err := b.service.work(ctx, one)
		if err != nil {
			b.t.Fatal(err)
		}
		b.store(messages)
	}
	return other.work(ctx, two)
}

// A process that stood still since it said that it makes a refund makes none any more: somebody else may have.
func TestALateProcessMakesNoRefund(t *testing.T) {
	b := prepare(t, quiet)
	o := b.placed("processing")
	one := b.change(paid(event.ChangeRefund, "5090", "100.00"))
	var mu sync.Mutex
	late := time.Duration(0)
	b.service.now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return begun.Add(late)
	}
	b.shop.instead(func(q request) *answer {
		if q.method == http.MethodPut { // the mark of a refunded order
			mu.Lock()
			defer mu.Unlock()
			late = time.Minute
		}
		return nil
	})
	if _, err := b.service.handleChange(natstest.Context(t), one); fault.ClassOf(err) != fault.Conflict || len(o.refunds) != 0 {
		t.Errorf("%v, refunds %+v; want it to begin anew", err, o.refunds)
	}
	b.shop.instead(nil)
	messages, err := b.service.handleChange(natstest.Context(t), one)
	if err != nil {
		t.Fatal(err)
	}
	b.store(messages)
	if e := b.entry("refund", "36-5090"); len(o.refunds) != 1 || e.State != event.ShopWritten {
		t.Errorf("refunds %+v, ledger %s", o.refunds, e.State)
	}
}

// together answers the first two looks at something when both have come, with what the shop knew then.
func (b bench) together(look func(request) bool) {
	var looks atomic.Int32
	var looked sync.WaitGroup
	looked.Add(2)
	b.shop.instead(func(q request) *answer {
		if !look(q) || looks.Add(1) > 2 {
			return nil
		}
		status, body := b.shop.answer(q)
		looked.Done()
		looked.Wait()
		return &answer{status, nil, body}
	})
}

// contend has two processes handle a message each at once: one of them loses, and begins anew once the other's words are stored.
func (b bench) contend(t *testing.T, services []*Service, messages []consume.Message) {
	t.Helper()
	var processes sync.WaitGroup
	errs, stored := make([]error, 2), make([][]publish.Message, 2)
	for i, s := range services {
		processes.Go(func() { stored[i], errs[i] = s.work(natstest.Context(t), messages[i]) })
	}
	processes.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || fault.ClassOf(cmp.Or(errs...)) != fault.Conflict {
		t.Fatalf("%v; want a conflict of one of them", errs)
	}
	b.store(slices.Concat(stored...))
	lost := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	more, err := services[lost].work(natstest.Context(t), messages[lost])
	if err != nil {
		t.Fatal(err)
	}
	b.store(more)
}

// looksForNumbers tells whether a request asks what the shop knows of an order's tracking numbers.
func looksForNumbers(q request) bool {
	return q.method == http.MethodGet && (strings.HasSuffix(q.path, "/fulfillments") || strings.HasSuffix(q.path, "/shipment-trackings") || strings.HasSuffix(q.path, "/notes"))
}

// Two changes that tell the same number of one order, two states of a fulfilment or two fulfilments in one box, reach two
// processes at once: both have looked and found nothing before either tells it. It is told once, in whichever way the store
// has, and whoever lost finds it.
func TestTwoProcessesMailANumberOnce(t *testing.T) {
	for way, prepared := range map[string]func(*shop){
		"fulfillments":      func(s *shop) { s.fulfils, s.mailed = true, true },
		"shipment-tracking": func(s *shop) { s.plugins = []string{"wc-shipment-tracking/v3"} },
		"note":              func(s *shop) { s.mailed = true },
		"order and note":    func(s *shop) { s.mailed = true },
	} {
		for name, second := range map[string]string{"one fulfilment": "5012", "two fulfilments": "5013"} {
			t.Run(way+", "+name, func(t *testing.T) {
				t.Parallel()
				convention, note := strings.CutPrefix(way, "order and ")
				fixed := func(s *config.Store) {
					if s.Back.Tracking = convention; !note {
						quiet(s)
					}
				}
				b := prepare(t, fixed)
				prepared(b.shop)
				o := b.placed("processing")
				services := []*Service{b.service, b.another(fixed)}
				changes := []consume.Message{b.change(parcel("5012", "C", "1Z1")), b.change(parcel(second, "C", "1Z1"))}
				b.together(looksForNumbers)
				b.contend(t, services, changes)
				if mails := mailsOf(b.shop, "1Z1"); mails != 1 {
					t.Errorf("%d mails of the number: %q", mails, b.shop.mails)
				}
				if list := o.keys["_orderstream_tracking"]; note && (!strings.Contains(list, `"id":"5012"`) || !strings.Contains(list, `"id":"`+second+`"`)) {
					t.Errorf("the order holds %s, want every fulfilment", list)
				}
				if e := b.entry("fulfilment", "36-"+second); e.State != event.ShopWritten || !slices.Equal(e.Deed.Tracking, []string{"1Z1"}) {
					t.Errorf("ledger %s %+v", e.State, e.Deed)
				}
			})
		}
	}
}

// While one process tells a parcel, another waits with the order's next, also with one that the first is overtaken by; it
// looks again when the first has ended, or has said nothing for long.
func TestAParcelUnderWayIsWaitedFor(t *testing.T) {
	for name, silent := range map[string]bool{"it ends": false, "its process dies": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, quiet)
			b.shop.plugins = []string{"wc-shipment-tracking/v3"}
			b.placed("processing")
			one, two := b.change(parcel("5012", "C", "1Z1")), b.change(parcel("5013", "C", "1Z1", "1Z2"))
			messages, err := b.contended(one, two, func(q request) bool { return q.method == http.MethodPost }, silent)
			if err != nil || !slices.Equal(b.shop.mails, []string{"1Z1", "1Z2"}) {
				t.Fatalf("%v, mails %q, want each number once", err, b.shop.mails)
			}
			b.store(messages)
			if e := b.entry("fulfilment", "36-5013"); e.State != event.ShopWritten {
				t.Errorf("ledger %s %+v", e.State, e.Deed)
			}
		})
	}
}

// A process that looked at a fulfilment's ledger before another told a newer state of it mails nothing of its own: the ledger
// is read again once the turn is known to be free.
func TestAnOvertakenParcelMailsNothing(t *testing.T) {
	b := prepare(t, quiet)
	b.shop.plugins = []string{"wc-shipment-tracking/v3"}
	b.placed("processing")
	old, next := b.change(parcel("5012", "C", "1Z1")), parcel("5012", "C", "1Z2")
	stale, err := b.service.open(natstest.Context(t), "main", event.ShopKindFulfilment, "36-5012")
	if err != nil {
		t.Fatal(err)
	}
	b.returned(next)
	c, err := codec.Decode[event.NetSuiteChangedV1](old.Data)
	if err != nil {
		t.Fatal(err)
	}
	work := change{c, old, b.service.writers["main"], b.service.stores["main"].Back, &view{}}
	if result, err := b.service.ship(natstest.Context(t), work, stale, deed{}); result != nil || err != nil || !slices.Equal(b.shop.mails, []string{"1Z2"}) {
		t.Errorf("%+v %v, mails %q; want the newer number alone", result, err, b.shop.mails)
	}
}

// A process that stood still since it took its turn mails no further number: somebody else may have.
func TestALateProcessMailsNothing(t *testing.T) {
	b := prepare(t, quiet)
	b.shop.plugins = []string{"wc-shipment-tracking/v3"}
	b.placed("processing")
	one := b.change(parcel("5012", "C", "1Z1", "1Z2"))
	var mu sync.Mutex
	late := time.Duration(0)
	b.service.now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return begun.Add(late)
	}
	b.shop.instead(func(q request) *answer {
		if q.method == http.MethodPost {
			mu.Lock()
			defer mu.Unlock()
			late = time.Minute
		}
		return nil
	})
	if _, err := b.service.handleChange(natstest.Context(t), one); fault.ClassOf(err) != fault.Conflict || !slices.Equal(b.shop.mails, []string{"1Z1"}) {
		t.Errorf("%v, mails %q; want it to begin anew after the first", err, b.shop.mails)
	}
	b.shop.instead(nil)
	messages, err := b.service.handleChange(natstest.Context(t), one)
	if err != nil || !slices.Equal(b.shop.mails, []string{"1Z1", "1Z2"}) {
		t.Fatalf("%v, mails %q", err, b.shop.mails)
	}
	b.store(messages)
}

// notes of a sales order's change, by topic: what the change says, and what must be known before.
var notesOfOrder = map[string]struct {
	before string // NetSuite's letter as the ledger has it
	change func() event.NetSuiteChangedV1
	word   string
}{
	"approved":   {"A", func() event.NetSuiteChangedV1 { return sold("B", line("1", "0")) }, "NetSuite approved"},
	"part":       {"B", func() event.NetSuiteChangedV1 { return sold("D", line("1", "1")) }, "A part of your order"},
	"back order": {"B", func() event.NetSuiteChangedV1 { return sold("B", late("1")) }, "on back order"},
	"gone":       {"B", func() event.NetSuiteChangedV1 { gone := sold("B"); gone.Deleted = true; return gone }, "NetSuite deleted"},
}

// late is a line of which a piece waits for goods.
func late(number string) event.ChangedLine {
	l, one := line(number, "0"), money.Int(1)
	l.Backordered = &one
	return l
}

func isNote(q request, method string) bool {
	return q.method == method && strings.HasSuffix(q.path, "/notes")
}

// Two states of a sales order that say the same in a note reach two processes at once: both have looked and found no such note
// before either adds it. It is added once, and whoever lost finds it.
func TestTwoProcessesAddANoteOnce(t *testing.T) {
	for name, c := range notesOfOrder {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, nil)
			b.placed("processing")
			b.ledgered(c.before)
			services := []*Service{b.service, b.another(nil)}
			changes := []consume.Message{b.change(c.change()), b.change(c.change())}
			b.together(func(q request) bool { return isNote(q, http.MethodGet) })
			b.contend(t, services, changes)
			if notes := b.shop.notes["36"]; len(notes) != 1 || !strings.Contains(notes[0], c.word) {
				t.Errorf("notes %q, want one that says %q", notes, c.word)
			}
		})
	}
}

// While one process adds a note, the other waits with a later state of the sales order; it looks again when the first has
// ended, or has said nothing for long.
func TestANoteUnderWayIsWaitedFor(t *testing.T) {
	for name, silent := range map[string]bool{"it ends": false, "its process dies": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, quiet)
			b.placed("processing")
			one, two := b.change(sold("D", line("1", "1"))), b.change(sold("D", line("1", "1")))
			messages, err := b.contended(one, two, func(q request) bool { return isNote(q, http.MethodPost) }, silent)
			if notes := b.shop.notes["36"]; err != nil || len(notes) != 1 {
				t.Fatalf("%v, notes %q, want one", err, notes)
			}
			b.store(messages)
			if e := b.entry("note", "36-part"); e.State != event.ShopWritten {
				t.Errorf("ledger %s %+v", e.State, e.Deed)
			}
		})
	}
}

// One outcome, or two that say the same, reach two processes at once where a store is told of its sales orders in notes: both
// have looked and found no such note before either adds it. It is added once, and whoever lost finds it.
func TestTwoProcessesNoteASalesOrderOnce(t *testing.T) {
	for name, twice := range map[string]bool{"one outcome": false, "two outcomes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, quiet)
			one := b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B")
			outcomes := []consume.Message{one, one}
			if twice {
				outcomes[1] = b.outcome("main", "36", event.OutcomeVerified, "SO1001", "B")
			}
			b.together(func(q request) bool { return isNote(q, http.MethodGet) })
			b.contend(t, []*Service{b.service, b.another(quiet)}, outcomes)
			if notes := b.shop.notes["36"]; len(notes) != 1 || notes[0] != "NetSuite sales order SO1001 (id 1001), status B" {
				t.Errorf("notes %q, want one", notes)
			}
			if e := b.ledger("36"); e.State != event.ShopWritten || e.Written.TranID != "SO1001" {
				t.Errorf("ledger %s %+v", e.State, e.Written)
			}
		})
	}
}

// While one process notes a sales order, the other waits with the order's next outcome; it looks again when the first has
// ended, or has said nothing for long.
func TestASalesOrdersNoteUnderWayIsWaitedFor(t *testing.T) {
	for name, silent := range map[string]bool{"it ends": false, "its process dies": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, quiet)
			one, two := b.outcome("main", "36", event.OutcomeSynced, "SO1001", "B"), b.outcome("main", "36", event.OutcomeVerified, "SO1001", "B")
			messages, err := b.contended(one, two, func(q request) bool { return isNote(q, http.MethodPost) }, silent)
			if notes := b.shop.notes["36"]; err != nil || len(notes) != 1 {
				t.Fatalf("%v, notes %q, want one", err, notes)
			}
			b.store(messages)
			if e := b.ledger("36"); e.State != event.ShopWritten {
				t.Errorf("ledger %s", e.State)
			}
		})
	}
}

// Two fulfilments that went into a box which the customer was told of reach two processes at once: both have looked at the order
// before either lists its parcel. Each is listed once, and none leaves the list for a moment.
func TestTwoProcessesListAParcelOnce(t *testing.T) {
	b := prepare(t, nil)
	b.shop.mailed = true
	o := b.placed("processing")
	b.returned(parcel("5012", "C", "1Z1"))
	services := []*Service{b.service, b.another(nil)}
	changes := []consume.Message{b.change(parcel("5013", "C", "1Z1")), b.change(parcel("5014", "C", "1Z1"))}
	b.together(func(q request) bool { return q.method == http.MethodGet && q.path == "/orders/36" })
	b.contend(t, services, changes)
	var lists []string
	for _, q := range b.shop.asked() {
		if q.method == http.MethodPut && strings.Contains(q.body, "_orderstream_tracking") {
			lists = append(lists, q.body)
		}
	}
	if last := o.keys["_orderstream_tracking"]; len(lists) != 3 || strings.Count(last, `"id":`) != 3 || strings.Count(lists[1], `\"id\":`) != 2 || len(b.shop.mails) != 1 {
		t.Errorf("lists %q, the order holds %s, mails %q; want three parcels one after the other, and one mail", lists, last, b.shop.mails)
	}
}

// A process that stands still right before it writes holds up whoever comes with a newer state: what it then writes undoes
// nothing. Invariant 4: whoever is first, the shop's order says in the end what NetSuite says last.
func TestALateWriteUndoesNothing(t *testing.T) {
	renamed, moved := parcel("5012", "C"), parcel("5012", "C", "1Z1")
	renamed.TranID, moved.ShipMethod = "IF5012-b", "DHL"
	facts := func(status string) func(bench) consume.Message {
		return func(b bench) consume.Message { return b.outcome("main", "36", event.OutcomeSynced, "SO1001", status) }
	}
	change := func(c event.NetSuiteChangedV1) func(bench) consume.Message {
		return func(b bench) consume.Message { return b.change(c) }
	}
	for name, c := range map[string]struct {
		before       []event.NetSuiteChangedV1
		older, newer func(bench) consume.Message
		write        string // in the body of the write at which the process stands still
		said         func(bench, *order) string
		want         string
	}{
		"numbers": {
			[]event.NetSuiteChangedV1{parcel("5012", "C", "1Z1")}, change(moved), change(parcel("5012", "C", "1Z1", "1Z3")), "_orderstream_tracking",
			func(_ bench, o *order) string { return o.keys["_orderstream_tracking"] }, `["1Z1","1Z3"]`,
		},
		"documents": {nil, change(parcel("5012", "C")), change(renamed), "_orderstream_documents", func(_ bench, o *order) string { return o.keys["_orderstream_documents"] }, "IF5012-b"},
		"status": {
			nil, change(sold("B", line("1", "0"), line("2", "0"))), change(sold("F", line("1", "2"), line("2", "2"))), `"status"`,
			func(_ bench, o *order) string { return o.status }, "completed",
		},
		"facts": {nil, facts("A"), facts("G"), `_orderstream"`, func(b bench, _ *order) string { return b.shop.holds("36") }, `"status":"G"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adjust := func(s *config.Store) { s.Back.Status = map[string]string{"B": "processing", "F": "completed"} }
			b := prepare(t, adjust)
			b.shop.mailed = true
			o := b.placed("on-hold")
			other := b.another(adjust)
			for _, change := range c.before {
				b.returned(change)
			}
			older, newer := c.older(b), c.newer(b)
			var stood atomic.Bool
			b.shop.instead(func(q request) *answer {
				if q.method == http.MethodPut && strings.Contains(q.body, c.write) && stood.CompareAndSwap(false, true) {
					b.try(other, newer)
				}
				return nil
			})
			b.try(b.service, older)
			if !b.try(b.service, older) || !b.try(other, newer) {
				t.Error("they stay in each other's way")
			}
			if said := c.said(b, o); !strings.Contains(said, c.want) {
				t.Errorf("the order says %q, want %q", said, c.want)
			}
		})
	}
}

// try lets a process handle a change and stores what follows; false where another was first.
func (b bench) try(s *Service, m consume.Message) bool {
	b.t.Helper()
	messages, err := s.work(natstest.Context(b.t), m)
	if err == nil {
		_, err = publish.New(b.nats.JS).Publish(natstest.Context(b.t), messages...)
	}
	if err != nil && fault.ClassOf(err) != fault.Conflict {
		b.t.Error(err)
	}
	return err == nil
}
