package notifier

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orderstream/orderstream/services/notifier/digest"
)

// board decides what is told and hands it to every channel.
type board struct {
	channels []*channel
	clock    func() time.Time
	wake     chan struct{}

	mu      sync.Mutex
	digest  *digest.Digest
	pending map[digest.Cause]*receipt // summaries to come
}

// receipt is closed when every channel has told the notice, or will never take it.
type receipt struct {
	done    chan struct{}
	left    atomic.Int32
	holders int
}

func (r *receipt) settle() {
	if r.left.Add(-1) == 0 {
		close(r.done)
	}
}

func newBoard(window time.Duration, channels []*channel) *board {
	return &board{
		channels: channels, clock: func() time.Time { return time.Now().UTC() }, wake: make(chan struct{}, 1),
		digest: digest.New(window), pending: map[digest.Cause]*receipt{},
	}
}

// maxHolders repeats of one cause wait for their summary unacked. The rest is counted in memory alone, so that
// a storm of one cause does not fill the consumer: after a crash the count may be lower, the summary stays.
const maxHolders = 64

// add takes an occurrence and gives the receipt that its message must wait for; nil: none.
func (b *board) add(o digest.Occurrence) *receipt {
	b.mu.Lock()
	defer b.mu.Unlock()
	notice, fate := b.digest.Add(o, b.clock())
	switch fate {
	case digest.Told:
		r := b.receipt()
		b.tell(notice, r)
		b.rouse()
		return r
	case digest.Counted:
		return b.hold(o.Cause)
	default:
		return nil
	}
}

func (b *board) hold(cause digest.Cause) *receipt {
	r := b.pending[cause]
	if r == nil {
		r = b.receipt()
		b.pending[cause] = r
	}
	r.holders++
	if r.holders > maxHolders {
		return nil
	}
	return r
}

func (b *board) receipt() *receipt {
	r := &receipt{done: make(chan struct{})}
	r.left.Store(int32(len(b.channels)))
	return r
}

func (b *board) tell(n digest.Notice, r *receipt) {
	for _, c := range b.channels {
		c.add(n, r)
	}
}

// resolve tells that a cause is over when its last failure is. Nothing waits for that notice: a stop in between
// may lose it.
func (b *board) resolve(r digest.Resolution) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if notice, over := b.digest.Resolve(r, b.clock()); over {
		b.tell(notice, b.take(notice.Cause))
		b.rouse()
	}
}

func (b *board) recall(o digest.Occurrence) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.digest.Recall(o)
}

// due ends windows; messages of a summary that became empty wait for nothing any more.
func (b *board) due() {
	b.mu.Lock()
	defer b.mu.Unlock()
	notices, quiet := b.digest.Due(b.clock())
	for _, n := range notices {
		b.tell(n, b.take(n.Cause))
	}
	for _, cause := range quiet {
		if r := b.pending[cause]; r != nil {
			delete(b.pending, cause)
			close(r.done)
		}
	}
}

func (b *board) take(cause digest.Cause) *receipt {
	r := b.pending[cause]
	delete(b.pending, cause)
	if r == nil {
		r = b.receipt()
	}
	return r
}

func (b *board) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run ends windows on time until ctx ends.
func (b *board) run(ctx context.Context) {
	for {
		timer := time.NewTimer(b.untilNext())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-b.wake:
			timer.Stop()
		case <-timer.C:
			b.due()
		}
	}
}

func (b *board) untilNext() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	next, open := b.digest.Next()
	if !open {
		return time.Hour // wake comes with the first window
	}
	return max(next.Sub(b.clock()), time.Millisecond)
}
