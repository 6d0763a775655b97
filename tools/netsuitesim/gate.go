package netsuitesim

import "sync/atomic"

// gate counts requests in flight.
type gate struct {
	now atomic.Int64
	top atomic.Int64
}

// enter counts a request in and returns how many are in flight with it.
func (g *gate) enter() int {
	n := g.now.Add(1)
	for {
		top := g.top.Load()
		if n <= top || g.top.CompareAndSwap(top, n) {
			return int(n)
		}
	}
}

func (g *gate) leave() { g.now.Add(-1) }

func (g *gate) reset() { g.top.Store(g.now.Load()) }
