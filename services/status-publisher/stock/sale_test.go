package stock

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// sale is a flash sale on one pool over several shops. Each shop sells while its own figure is above zero and knows
// nothing of the others; an order reaches the book, and a write the shop, up to lag buyers later.
type sale struct {
	random *rand.Rand
	book   *Book
	store  Store
	lag    int
	told   bool // whether the shops are told at all
	onShop []int64
	sold   int
	orders []parcel // on their way to the book
	writes []parcel // on their way to the shops
}

type parcel struct {
	due  int // number of the buyer before whom it arrives
	shop int
	id   string
	have int64
}

const (
	units  = 500
	buyers = 10_000
)

func newSale(seed uint64, shops, lag int, buffer int64, told bool) *sale {
	s := &sale{
		random: rand.New(rand.NewPCG(seed, 11)), book: NewBook(nil), lag: lag, told: told,
		store: Store{Account: "ns", Margin: Margin{Buffer: money.Int(buffer)}},
	}
	s.book.Stock(figure("MUG", 1, map[string]string{"1": fmt.Sprint(units)}), 1)
	for range shops {
		s.onShop = append(s.onShop, s.promise())
	}
	return s
}

func (s *sale) promise() int64 {
	n, _ := s.book.Promise(s.store, "MUG")
	return n.Decimal().IntPart()
}

func (s *sale) run() {
	for buyer := range buyers {
		s.deliver(buyer)
		s.buy(buyer)
	}
	s.deliver(buyers + 3*s.lag)
	s.deliver(buyers + 6*s.lag) // the writes that the last orders led to
}

func (s *sale) buy(buyer int) {
	shop := s.random.IntN(len(s.onShop))
	if s.onShop[shop] <= 0 {
		return
	}
	s.onShop[shop]--
	s.sold++
	s.orders = append(s.orders, parcel{due: s.due(buyer, s.orders), shop: shop, id: fmt.Sprint(buyer)})
}

// due is when a parcel arrives that leaves now: never before the one ahead of it.
func (s *sale) due(now int, ahead []parcel) int {
	at := now + 1 + s.random.IntN(s.lag)
	if n := len(ahead); n > 0 {
		at = max(at, ahead[n-1].due)
	}
	return at
}

func (s *sale) deliver(now int) {
	for ; len(s.orders) > 0 && s.orders[0].due <= now; s.orders = s.orders[1:] {
		o := s.orders[0]
		s.book.Desired(wanted(fmt.Sprint(o.shop), o.id, map[string]int64{"MUG": 1}), 1)
		if s.told {
			s.tell(o.due)
		}
	}
	for ; len(s.writes) > 0 && s.writes[0].due <= now; s.writes = s.writes[1:] {
		s.onShop[s.writes[0].shop] = s.writes[0].have
	}
}

func (s *sale) tell(now int) {
	have, due := s.promise(), s.due(now, s.writes)
	for shop := range s.onShop {
		s.writes = append(s.writes, parcel{due: due, shop: shop, have: have})
	}
}

// TestFlashSale states the bound and proves it: no more is sold than there is plus what can be sold between a sale and
// the stock write that follows from it. A sale reaches the book within lag buyers and the write a shop within lag more,
// so that is 2 × lag; a buffer of as much sells nothing twice.
func TestFlashSale(t *testing.T) {
	for seed := range uint64(20) {
		lag := 1 + int(seed)*2
		bound := 2 * lag
		s := newSale(seed, 2, lag, 0, true)
		s.run()
		t.Logf("seed %d: lag %d, %d sold of %d, bound %d over", seed, lag, s.sold, units, bound)
		if s.sold < units || s.sold > units+bound {
			t.Errorf("seed %d: %d sold, want %d to %d", seed, s.sold, units, units+bound)
		}
		s.isRight(t, seed)
		safe := newSale(seed, 2, lag, int64(bound), true)
		safe.run()
		if safe.sold > units {
			t.Errorf("seed %d: with a buffer of %d %d are sold of %d", seed, bound, safe.sold, units)
		}
	}
}

// isRight proves the promise at the end, before and after NetSuite counts the orders.
func (s *sale) isRight(t *testing.T, seed uint64) {
	t.Helper()
	for shop, left := range s.onShop {
		if left != 0 {
			t.Errorf("seed %d: shop %d shows %d at the end", seed, shop, left)
		}
	}
	for key := range maps.Clone(s.book.accounts["ns"].orders) {
		store, id, _ := strings.Cut(key, "\x00")
		s.book.Outcome(came(store, id, event.OutcomeSynced, 1, 10))
	}
	if left := s.promise(); left != 0 {
		t.Errorf("seed %d: %d promised while NetSuite's figure is older than the orders", seed, left)
	}
	const arrived = 1_000 // goods that came in
	s.book.Stock(figure("MUG", 20, map[string]string{"1": fmt.Sprint(units - s.sold + arrived)}), 2)
	if left := s.promise(); left != int64(units-s.sold+arrived) {
		t.Errorf("seed %d: %d promised at the end, want %d", seed, left, units-s.sold+arrived)
	}
}

// TestUntoldShopsOversell shows that the sale can fail: shops that are told nothing sell the pool once each.
func TestUntoldShopsOversell(t *testing.T) {
	s := newSale(1, 2, 1, 0, false)
	if s.run(); s.sold != 2*units {
		t.Errorf("%d sold, want %d", s.sold, 2*units)
	}
}
