package shopsim

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// traffic places orders at a steady rate and changes earlier ones now and then.
type traffic struct {
	mu        sync.Mutex
	on        bool
	perMinute float64
	changed   chan struct{}
}

func newTraffic() *traffic { return &traffic{changed: make(chan struct{}, 1)} }

func (f *traffic) set(on bool, perMinute float64) {
	f.mu.Lock()
	f.on, f.perMinute = on, perMinute
	f.mu.Unlock()
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// pause is the time between two orders; an hour when it is off.
func (f *traffic) pause() (wait time.Duration, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on || f.perMinute <= 0 {
		return time.Hour, false
	}
	return time.Duration(float64(time.Minute) / f.perMinute), true
}

func (f *traffic) run(ctx context.Context, s *Server) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for round := uint64(0); ; round++ {
		wait, on := f.pause()
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-f.changed:
		case <-timer.C:
			if on {
				s.trace.fail(s.beat(round))
			}
		}
	}
}

// beat is one moment of demo traffic: an order at one of the stores, often
// followed by a change of an earlier one.
func (s *Server) beat(round uint64) error {
	dice := rand.New(rand.NewPCG(uint64(s.cfg.Seed), round))
	shop := s.shops[s.cfg.Stores[dice.IntN(len(s.cfg.Stores))].Key]
	p := Placement{Store: shop.cfg.Key}
	if dice.IntN(8) == 0 {
		p.Status = "pending"
	}
	if _, err := s.Place(p); err != nil {
		return err
	}
	if dice.IntN(5) < 2 {
		return nil
	}
	s.trace.count(0, 1)
	return shop.update(func(t *tx) error {
		t.live(dice)
		return nil
	})
}

// live makes one later change to one of the last orders.
func (t *tx) live(dice *rand.Rand) {
	open := slices.DeleteFunc(t.all(orders), func(o *phpjson.Value) bool {
		return !slices.Contains([]string{"pending", "on-hold", "processing"}, o.Get("status").Text())
	})
	if len(open) < 3 {
		return
	}
	last := open[max(0, len(open)-30) : len(open)-1]
	o := t.edit(orders, last[dice.IntN(len(last))].Get("id").Int())
	switch status := o.Get("status").Text(); {
	case status == "pending" && dice.IntN(4) > 0, status == "on-hold" && dice.IntN(3) > 0:
		t.setStatus(o, "processing")
	case dice.IntN(8) == 0:
		t.setStatus(o, "cancelled")
	case status == "on-hold":
		t.addPiece(o, dice)
	case dice.IntN(2) == 0:
		o.Get("shipping").Set("address_2", phpjson.Text("Floor "+itoa(int64(1+dice.IntN(30)))))
	default:
		t.setStatus(o, "completed")
	}
	t.save(o)
}

// addPiece adds a line to an order that may still be edited.
func (t *tx) addPiece(o *phpjson.Value, dice *rand.Rand) {
	p := t.get(products, []int64{12, 13, 28, 20}[dice.IntN(4)])
	l := t.newLine(p, 1)
	price := phpjson.Text(t.netPrice(p).String())
	l.Set("subtotal", price)
	l.Set("total", price)
	o.Get("line_items").Append(l)
	t.reckon(o)
}
