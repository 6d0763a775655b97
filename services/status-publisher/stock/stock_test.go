package stock

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

var epoch = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func at(second int) time.Time { return epoch.Add(time.Duration(second) * time.Second) }

func figure(sku string, second int, places map[string]string) event.NetSuiteChangedV1 {
	change := event.NetSuiteChangedV1{Account: "ns", Kind: event.ChangeInventory, Stock: &event.Stock{Name: sku}}
	change.Time = at(second)
	for place, units := range places {
		change.Stock.Locations = append(change.Stock.Locations, event.LocationStock{Location: place, Available: money.MustParseNumber(units)})
	}
	return change
}

func wanted(store, id string, lines map[string]int64) event.DesiredOrderV1 {
	desired := event.DesiredOrderV1{Account: "ns", Order: id}
	desired.Store = store
	for sku, units := range lines {
		quantity := money.Int(units)
		desired.SalesOrder.Lines = append(desired.SalesOrder.Lines, event.OrderLine{Item: event.Ref{Record: "item", By: "name", Key: sku}, Quantity: &quantity})
	}
	return desired
}

func came(store, id, kind string, sequence uint64, second int) event.SyncRecordedV1 {
	outcome := event.SyncRecordedV1{Account: "ns", Order: id, Kind: kind, Desired: event.DesiredTaken{Sequence: sequence}}
	outcome.Store, outcome.Time = store, at(second)
	return outcome
}

func promised(t *testing.T, b *Book, s Store, sku, want string) {
	t.Helper()
	have, known := b.Promise(s, sku)
	text := have.String()
	if !known {
		text = "unknown"
	}
	if text != want {
		t.Errorf("%s may sell %s of %s, want %s", s.Account, text, sku, want)
	}
}

var shop = Store{Account: "ns"}

func TestLocations(t *testing.T) {
	b := NewBook(nil)
	b.Stock(figure("MUG", 1, map[string]string{"1": "7", "2": "5.5", "3": "-2"}), 1)
	for locations, want := range map[string]string{"": "10", "1": "7", "2": "5", "3": "0", "9": "0"} {
		s := shop
		if locations != "" {
			s.Locations = []string{locations}
		}
		promised(t, b, s, "MUG", want)
	}
	promised(t, b, shop, "CUP", "unknown")
	promised(t, b, Store{Account: "other"}, "MUG", "unknown")
}

func TestNewestFigureWins(t *testing.T) {
	b := NewBook(nil)
	b.Stock(figure("MUG", 5, map[string]string{"1": "7"}), 9)
	if touched := b.Stock(figure("MUG", 6, map[string]string{"1": "90"}), 8); touched != nil {
		t.Errorf("an older figure touched %v", touched)
	}
	promised(t, b, shop, "MUG", "7")
	b.Stock(figure("MUG", 4, map[string]string{"1": "8"}), 10) // read later, of a change whose time is in whole seconds
	promised(t, b, shop, "MUG", "8")
	gone := figure("MUG", 6, map[string]string{"1": "7"})
	gone.Stock.Inactive = true
	b.Stock(gone, 11)
	promised(t, b, shop, "MUG", "0")
}

func TestMargins(t *testing.T) {
	b := NewBook(nil)
	for _, sku := range []string{"MUG", "MUG-RED", "CUP"} {
		b.Stock(figure(sku, 1, map[string]string{"1": "33"}), 1)
	}
	percent := Margin{Percent: money.Int(10)} // 3.3 of 33: 4
	s := Store{Account: "ns", Margin: Margin{Buffer: money.Int(2), Safety: money.Int(5), Percent: money.Int(10)}, Items: []Item{
		{Prefix: "M", Margin: Margin{Buffer: money.Int(33)}}, {Prefix: "MUG", Margin: percent}, {SKU: "MUG-RED", Margin: Margin{Buffer: money.Int(50)}},
	}}
	promised(t, b, s, "CUP", "26")
	promised(t, b, s, "MUG", "29")
	promised(t, b, s, "MUG-RED", "0")
}

func TestKits(t *testing.T) {
	b := NewBook(Kits{"SET": {"MUG": money.Int(2), "CUP": money.Int(1)}})
	b.Stock(figure("MUG", 1, map[string]string{"1": "9", "2": "4"}), 1)
	promised(t, b, shop, "SET", "unknown")
	touched := b.Stock(figure("CUP", 1, map[string]string{"1": "1", "2": "10"}), 2)
	if !slices.Equal(touched, []string{"CUP", "SET"}) {
		t.Errorf("a component touched %v", touched)
	}
	promised(t, b, shop, "SET", "3") // one at 1, two at 2; in one pot it would be six
	b.Desired(wanted("de", "1", map[string]int64{"SET": 1}), 1)
	promised(t, b, shop, "SET", "2")
	promised(t, b, shop, "MUG", "11")
	b.Desired(wanted("de", "2", map[string]int64{"MUG": 8}), 2)
	promised(t, b, shop, "SET", "1") // three mugs are left
}

func TestOrderCountsUntilNetSuiteCountsIt(t *testing.T) {
	b := NewBook(nil)
	b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
	b.Desired(wanted("de", "1", map[string]int64{"MUG": 3}), 1)
	promised(t, b, shop, "MUG", "7")
	for _, kind := range []string{event.OutcomeRetried, event.OutcomeParked, event.OutcomeHeld, event.OutcomeWaiting} {
		b.Outcome(came("de", "1", kind, 1, 2))
		promised(t, b, shop, "MUG", "7")
	}
	ledger := keeps("1", event.OutcomeSynced, 1, 5, threeMugs, 5)
	b.Outcome(ledger)
	promised(t, b, shop, "MUG", "7") // NetSuite's figure is older than the order
	b.Stock(figure("MUG", 4, map[string]string{"1": "10"}), 2)
	promised(t, b, shop, "MUG", "7")
	b.Stock(figure("MUG", 6, map[string]string{"1": "7"}), 3)
	promised(t, b, shop, "MUG", "7")

	if n := len(b.accounts["ns"].sold["MUG"]); n != 0 {
		t.Errorf("%d orders that NetSuite counts are still looked at", n)
	}
	b.Recall(ledger)
	b.Desired(wanted("de", "1", map[string]int64{"MUG": 5}), 2) // two more
	promised(t, b, shop, "MUG", "5")
	b.Desired(wanted("de", "1", map[string]int64{"MUG": 9}), 1) // a state of before
	promised(t, b, shop, "MUG", "5")
	b.Desired(wanted("de", "2", map[string]int64{"MUG": 4}), 3)
	promised(t, b, shop, "MUG", "1")
	b.Outcome(came("de", "2", event.OutcomeSkipped, 3, 8))
	promised(t, b, shop, "MUG", "5")
	b.Desired(wanted("de", "2", map[string]int64{"MUG": 4}), 4) // restored
	promised(t, b, shop, "MUG", "1")
}

func TestClosedLinesTakeNothing(t *testing.T) {
	b := NewBook(nil)
	b.Stock(figure("MUG", 1, map[string]string{"1": "10"}), 1)
	desired := wanted("de", "1", map[string]int64{"MUG": 3})
	desired.SalesOrder.Lines[0].Closed = true
	b.Desired(desired, 1)
	promised(t, b, shop, "MUG", "10")
	desired.SalesOrder.Lines[0].Closed, desired.SalesOrder.Closed = false, true
	b.Desired(desired, 2)
	promised(t, b, shop, "MUG", "10")
}

// TestAnyInterleaving proves Invariant 7 for the book: the streams keep their own order, and how they interleave does
// not matter.
func TestAnyInterleaving(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 7))
		streams := randomStreams(random)
		first, second := NewBook(testKits), NewBook(testKits)
		replay(first, streams, func([][]func(*Book)) int { return 0 })
		replay(second, streams, func(left [][]func(*Book)) int { return random.IntN(len(left)) })
		for _, sku := range []string{"MUG", "CUP", "SET"} {
			a, known := first.Promise(shop, sku)
			b, known2 := second.Promise(shop, sku)
			if known != known2 || !a.Equal(b) {
				t.Fatalf("seed %d: %s is %s or %s by the order of events", seed, sku, a, b)
			}
			if a.Sign() < 0 || !a.Equal(whole(a)) {
				t.Fatalf("seed %d: promise of %s is %s", seed, sku, a)
			}
			shares(t, seed, first, sku, a)
		}
	}
}

var testKits = Kits{"SET": {"MUG": money.Int(2), "CUP": money.Int(1)}}

// shares proves that stores which split a pool never promise more than it has.
func shares(t *testing.T, seed uint64, b *Book, sku string, pool money.Number) {
	t.Helper()
	var sum money.Number
	for _, weight := range []int64{1, 2, 4} {
		s := shop
		s.Share = &Share{Weight: money.Int(weight), Total: money.Int(7)}
		part, _ := b.Promise(s, sku)
		sum = sum.Add(part)
	}
	if sum.Cmp(pool) > 0 || pool.Sub(sum).Cmp(money.Int(3)) >= 0 {
		t.Fatalf("seed %d: parts of %s sum to %s of %s", seed, sku, sum, pool)
	}
}

// randomStreams makes figures, states and outcomes; every order's newest state is the only one, as DESIRED keeps it.
func randomStreams(random *rand.Rand) [][]func(*Book) {
	streams := make([][]func(*Book), 3)
	for i := range 6 {
		sku := []string{"MUG", "CUP"}[random.IntN(2)]
		change := figure(sku, random.IntN(40), map[string]string{"1": fmt.Sprint(random.IntN(60)), "2": fmt.Sprint(random.IntN(60) - 5)})
		streams[0] = append(streams[0], func(b *Book) { b.Stock(change, uint64(i+1)) })
	}
	kinds := []string{event.OutcomeSynced, event.OutcomeVerified, event.OutcomeParked, event.OutcomeSkipped, event.OutcomeRetried}
	for i := range 8 {
		id, sequence := fmt.Sprint(i), uint64(i+1)
		desired := wanted("de", id, map[string]int64{[]string{"MUG", "CUP", "SET"}[random.IntN(3)]: int64(1 + random.IntN(5))})
		streams[1] = append(streams[1], func(b *Book) { b.Desired(desired, sequence) })
		for second := range random.IntN(3) {
			outcome := came("de", id, kinds[random.IntN(len(kinds))], sequence, 10+5*second)
			streams[2] = append(streams[2], func(b *Book) { b.Outcome(outcome) })
		}
	}
	return streams
}

func replay(b *Book, streams [][]func(*Book), pick func([][]func(*Book)) int) {
	left := slices.Clone(streams)
	for len(left) > 0 {
		i := pick(left)
		if len(left[i]) == 0 {
			left = slices.Delete(left, i, i+1)
			continue
		}
		left[i][0](b)
		left[i] = left[i][1:]
	}
}

// item is a figure of a record.
func item(record, sku string, second int, units string) event.NetSuiteChangedV1 {
	change := figure(sku, second, map[string]string{"1": units})
	change.Record.ID = record
	return change
}

// The units of an item are promised under the name that it has: whichever record bears a name last has it, and what is older
// names nothing.
func TestRenamedItem(t *testing.T) {
	b := NewBook(Kits{"SET": {"MUG": money.Int(2)}})
	b.Stock(item("501", "MUG", 1, "10"), 1)
	if touched := b.Stock(item("501", "CUP", 2, "9"), 2); !slices.Equal(touched, []string{"CUP", "MUG", "SET"}) {
		t.Errorf("touches %v, want both names and the kit", touched)
	}
	promised(t, b, shop, "CUP", "9")
	promised(t, b, shop, "MUG", "unknown")
	renamed := func(record, sku string, want bool) {
		t.Helper()
		if now, is := b.Renamed("ns", record, sku); is != want || is && now.Record != record {
			t.Errorf("%s once %s: %v %+v", record, sku, is, now)
		}
	}
	renamed("501", "MUG", true)
	renamed("501", "CUP", false)
	renamed("777", "MUG", false)
	renamed("501", "SET", false)
	if touched := b.Stock(item("501", "MUG", 3, "8"), 1); touched != nil {
		t.Errorf("an older name touches %v", touched)
	}
	b.Stock(item("502", "MUG", 4, "3"), 3)
	renamed("501", "MUG", false)
	b.Stock(item("502", "JUG", 6, "3"), 5)
	b.Stock(item("501", "MUG", 7, "9"), 6) // names change places
	b.Stock(item("502", "CUP", 8, "3"), 7)
	promised(t, b, shop, "MUG", "9")
	promised(t, b, shop, "CUP", "3")
	promised(t, b, shop, "JUG", "unknown")
}
