package ingest

import (
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// bodies bounds the large bodies in flight together: the server makes room for a body as soon as its length is
// announced, long before a signature can be looked at. Small ones, and that is what orders are, are bounded by the
// number of connections alone.
type bodies struct {
	limit   int64 // bytes together
	largest int64 // bytes of one: what a body of unknown length counts as

	mu   sync.Mutex
	used int64
	held map[*fasthttp.RequestHeader]reserved // by the request, whose header the server keeps in one place
}

// reserved is what a request holds.
type reserved struct {
	bytes int64 // 0: refused
	since time.Time
}

const (
	smallBody = 64 << 10
	holdLimit = readTimeout + streamWait + time.Minute // no request lives longer; what is older was never given back
)

func newBodies(limit int64, largest int) *bodies {
	return &bodies{limit: limit, largest: int64(largest), held: map[*fasthttp.RequestHeader]reserved{}}
}

// admit is asked by the server between a request's head and its body. What is refused reads no further than one byte.
func (b *bodies) admit(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	size := int64(h.ContentLength())
	if size == -1 { // chunked
		size = b.largest
	}
	if size <= smallBody || size > b.largest { // too large: refused by the server itself
		return fasthttp.RequestConfig{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(h)
	if b.used+size > b.limit {
		b.forgetOld(time.Now())
	}
	if b.used+size > b.limit {
		b.held[h] = reserved{0, time.Now()}
		return fasthttp.RequestConfig{MaxRequestBodySize: 1}
	}
	b.used += size
	b.held[h] = reserved{size, time.Now()}
	return fasthttp.RequestConfig{}
}

// release gives back what a request holds; refused tells that it was not let in.
func (b *bodies) release(h *fasthttp.RequestHeader) (refused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	held, known := b.held[h]
	b.drop(h)
	return known && held.bytes == 0
}

func (b *bodies) drop(h *fasthttp.RequestHeader) {
	b.used -= b.held[h].bytes
	delete(b.held, h)
}

// forgetOld gives back what ended without an answer.
func (b *bodies) forgetOld(now time.Time) {
	for h, held := range b.held {
		if now.Sub(held.since) > holdLimit {
			b.drop(h)
		}
	}
}

// inFlight is how many bytes are held.
func (b *bodies) inFlight() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}
