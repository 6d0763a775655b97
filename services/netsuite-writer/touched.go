package netsuitewriter

import (
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
)

// touched are the orders that this process wrote to, by ledger subject. Until the ledger's newest entry tells of the state
// that was written, the order may hold less than the ledger says: another writer recorded a newer state meanwhile, which
// our call may have overwritten.
type touched struct {
	mu    sync.Mutex
	by    map[string]touch
	swept time.Time // when told entries were last looked through
}

type touch struct {
	state uint64    // position in DESIRED of what was written
	told  time.Time // when its outcome was handed on; zero: not yet
}

// Told entries are kept until the outcome is certainly stored or refused. They are looked through once in a while, not at
// each write: a busy account has tens of thousands.
const (
	manyTouched = 10_000
	toldFor     = 10 * time.Minute
	sweepEvery  = time.Minute
)

func (t *touched) mark(order string, state uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[order] = touch{state: state}
	if len(t.by) < manyTouched || time.Since(t.swept) < sweepEvery {
		return
	}
	t.swept = time.Now()
	for name, one := range t.by {
		if !one.told.IsZero() && time.Since(one.told) > toldFor {
			delete(t.by, name)
		}
	}
}

// told notes that the outcome of what was written is handed on.
func (t *touched) told(order string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one, is := t.by[order]; is {
		one.told = time.Now()
		t.by[order] = one
	}
}

// untold tells whether the ledger's newest entry, nil for none, is not about what this process wrote.
func (t *touched) untold(order string, last *event.SyncRecordedV1) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, is := t.by[order]
	if is && !one.told.IsZero() && last != nil && last.Desired.Sequence == one.state {
		delete(t.by, order)
		return false
	}
	return is
}
