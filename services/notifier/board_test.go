package notifier

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

// recorder is a channel's far end that a test holds in hand.
type recorder struct {
	mu      sync.Mutex
	answers []error // to the next tries; none left: taken
	told    []string
	tries   []time.Time
}

func (r *recorder) send(_ context.Context, n digest.Notice) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries = append(r.tries, time.Now())
	if len(r.answers) > 0 {
		err := r.answers[0]
		r.answers = r.answers[1:]
		if err != nil {
			return err
		}
	}
	r.told = append(r.told, fmt.Sprintf("%s %s %d", n.Part, n.Code, n.Count))
	return nil
}

func (r *recorder) heard() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.told...)
}

// ledger notes what channels refuse and take again.
type ledger struct {
	mu    sync.Mutex
	lines []string
	err   error // of the next entry
}

func (l *ledger) note(line string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.err; err != nil {
		l.err = nil
		return err
	}
	l.lines = append(l.lines, line)
	return nil
}

func (l *ledger) park(_ context.Context, channel string, n digest.Notice, _ error) error {
	return l.note("refused by " + channel + ": " + n.Code)
}

func (l *ledger) resolve(context.Context, string, digest.Notice) error { return nil }

// running is a board with its channels at work inside a bubble of its own time.
func running(t *testing.T, l *ledger, ends ...*recorder) (b *board, stop func()) {
	t.Helper()
	var channels []*channel
	for i, end := range ends {
		channels = append(channels, newChannel(named{fmt.Sprint("c", i), end}, l, slog.New(slog.DiscardHandler), noop.Int64Counter{}))
	}
	b = newBoard(5*time.Minute, channels)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { b.run(ctx) })
	for _, c := range channels {
		work.Go(func() { c.run(ctx) })
	}
	return b, func() { cancel(); work.Wait() }
}

func burst(b *board, count int) (receipts []*receipt) {
	for n := range count {
		receipts = append(receipts, b.add(digest.Occurrence{
			Cause: digest.Cause{Origin: digest.Failure, Name: "write", Code: "sku-unknown"}, ID: fmt.Sprint(n), Position: uint64(n + 1), At: time.Now(),
		}))
	}
	return receipts
}

func settled(r *receipt) bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// Five hundred failures of one cause are one message at once and one when the window ends, on every channel; the
// messages that stand for them are let go when they are told, not before.
func TestBurstIsTwoNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := &recorder{}, &recorder{}
		b, stop := running(t, &ledger{}, one, two)
		defer stop()
		receipts := burst(b, 500)
		synctest.Wait()
		if !settled(receipts[0]) || settled(receipts[1]) || receipts[maxHolders+1] != nil {
			t.Error("want the first let go, 64 held, the rest counted in memory alone")
		}
		for range 5 {
			<-time.After(time.Minute)
		}
		synctest.Wait()
		want := []string{"first sku-unknown 1", "repeat sku-unknown 499"}
		if diff := cmp.Diff([][]string{want, want}, [][]string{one.heard(), two.heard()}); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !settled(receipts[1]) || !settled(receipts[maxHolders]) {
			t.Error("the summary is told and its messages are still held")
		}
	})
}

// Messages whose failures were resolved before the summary wait for nothing.
func TestResolvedRepeatsAreLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := &recorder{}
		b, stop := running(t, &ledger{}, end)
		defer stop()
		receipts := burst(b, 3)
		for n := range 3 {
			b.resolve(digest.Resolution{ID: fmt.Sprint(n), Position: uint64(10 + n), At: time.Now()})
		}
		<-time.After(5*time.Minute + time.Second)
		synctest.Wait()
		if !settled(receipts[1]) || !settled(receipts[2]) {
			t.Error("messages wait for a summary that never comes")
		}
		if diff := cmp.Diff([]string{"first sku-unknown 1", "recovered sku-unknown 0"}, end.heard()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A channel that is down is tried again, keeps no other one waiting, and its message is let go only when it is told.
func TestChannelThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := fault.New(fault.ChannelUnavailable, "want 2xx", fault.After(90*time.Second))
		slow, quick := &recorder{answers: []error{away, away}}, &recorder{}
		b, stop := running(t, &ledger{}, slow, quick)
		defer stop()
		r := burst(b, 1)[0]
		synctest.Wait()
		if len(quick.heard()) != 1 || settled(r) || !b.channels[0].down.Load() {
			t.Error("want one told by the other channel, and its message held for the channel that is down")
		}
		<-time.After(4 * time.Minute)
		synctest.Wait()
		if len(slow.heard()) != 1 || !settled(r) || b.channels[0].down.Load() {
			t.Errorf("told %v after %d tries", slow.heard(), len(slow.tries))
		}
		for i := 1; i < len(slow.tries); i++ {
			if pause := slow.tries[i].Sub(slow.tries[i-1]); pause < 90*time.Second {
				t.Errorf("tried again after %v: the other side asked for 90 s", pause)
			}
		}
	})
}

// A stop while a channel is down leaves the message held: it comes again.
func TestStopLetsNothingGoUntold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := &recorder{answers: []error{fault.New(fault.ChannelUnavailable, "want 2xx")}}
		b, stop := running(t, &ledger{}, end)
		receipts := burst(b, 2)
		synctest.Wait()
		stop()
		if settled(receipts[0]) || settled(receipts[1]) {
			t.Error("let go and never told")
		}
	})
}

// What a channel will never take is parked, once it can be; only then its message is let go.
func TestRefusedNoticeIsParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := fault.New(fault.ChannelRefused, "want 2xx", fault.Field("status", "410"))
		l := &ledger{err: fault.New(fault.StreamUnavailable, "JetStream must answer")}
		end := &recorder{answers: []error{refused, refused}}
		b, stop := running(t, l, end)
		defer stop()
		r := burst(b, 1)[0]
		synctest.Wait()
		if settled(r) {
			t.Error("let go and neither told nor parked")
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"refused by c0: sku-unknown"}, l.lines); diff != "" || !settled(r) || len(end.heard()) != 0 {
			t.Errorf("told %v, parked (-want +got):\n%s", end.heard(), diff)
		}
	})
}

func TestBackoff(t *testing.T) {
	for attempt, want := range map[int]time.Duration{0: 500 * time.Millisecond, 1: time.Second, 4: 8 * time.Second, 7: time.Minute, 63: time.Minute, 1000: time.Minute} {
		for range 50 {
			if got := backoff(attempt); got < want*3/4 || got > want*5/4 {
				t.Fatalf("attempt %d waits %v, want 75-125 %% of %v", attempt, got, want)
			}
		}
	}
}
