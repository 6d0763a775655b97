package statuspublisher

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
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
	var looked sync.WaitGroup
	looked.Add(2)
	both := sync.OnceFunc(func() { b.shop.instead(nil) })
	b.shop.instead(func(q request) *answer {
		if isRefund(q, http.MethodGet) {
			looked.Done()
			looked.Wait()
			both()
		}
		return nil
	})
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
			b.shop.instead(func(q request) *answer {
				if isRefund(q, http.MethodPost) {
					return &answer{http.StatusServiceUnavailable, nil, ""}
				}
				return nil
			})
			if _, err := b.service.handleChange(natstest.Context(t), one); fault.ClassOf(err) != fault.Unavailable {
				t.Fatalf("%v, want the shop away", err)
			}
			b.shop.instead(nil)
			other := b.another(quiet)
			asked := len(b.shop.asked())
			if _, err := other.handleChange(natstest.Context(t), two); fault.ClassOf(err) != fault.Conflict || len(b.shop.asked()) != asked {
				t.Errorf("%v after %d requests, want it to wait for the other process", err, len(b.shop.asked())-asked)
			}
			if silent {
				later := b.service.now().Add(5 * time.Minute)
				other.now = func() time.Time { return later }
			} else {
				messages, err := b.service.handleChange(natstest.Context(t), one)
				if err != nil {
					t.Fatal(err)
				}
				b.store(messages)
			}
			messages, err := other.handleChange(natstest.Context(t), two)
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
