package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/netsuite-writer/watch"
	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func (w *watched) pollPrices() {
	w.t.Helper()
	if err := w.watcher.PollPrices(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) price(sku, level, currency string, quantity int, price string) {
	w.t.Helper()
	in := netsuitesim.Price{SKU: sku, Level: level, Currency: currency, Quantity: quantity, Price: json.Number(price)}
	if _, err := w.sim.SetPrice(in); err != nil {
		w.t.Fatal(err)
	}
}

// tagged lists what was told of an item's prices, oldest first: level, currency and price of each.
func (w *watched) tagged(sku string) (list []string) {
	w.t.Helper()
	for _, e := range w.changes() {
		if e.Kind != event.ChangePrice || e.Prices.Name != sku {
			continue
		}
		var levels []string
		for _, l := range e.Prices.Levels {
			price := "none"
			if l.Price != nil {
				price = l.Price.String()
			}
			levels = append(levels, l.Level+" "+string(l.Currency)+" "+price)
		}
		list = append(list, strings.Join(levels, ", ")+" at "+e.ModifiedAt.Format(time.TimeOnly))
	}
	return list
}

// Every item with a price that a store asks for is told once, then whatever changes, with its time in UTC; of prices by
// quantity the first counts. A price that is taken away is told, the same one again is not, nor an item that no store
// asks for. Another level in the configuration has all items read again.
func TestWatchFollowsPrices(t *testing.T) {
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	w := startWatched(t, "Asia/Tokyo", start)
	w.prices = []watch.Price{{Level: "1", Currency: "USD"}}
	w.restart()
	w.order("wc-so-main-1")
	w.poll() // learns the zone
	w.pollPrices()
	all := len(w.changes())
	if all < 15 {
		t.Fatalf("%d changes, want every item told", all)
	}
	w.at(start.Add(3 * time.Minute))
	w.pollPrices()
	if more := len(w.changes()) - all; more != 0 {
		t.Errorf("%d changes after a second look, want none", more)
	}
	w.price("TEE-001", "1", "USD", 10, "18")
	w.price("TEE-001", "2", "USD", 1, "17")
	w.price("TEE-001", "1", "JPY", 1, "1980")
	w.at(start.Add(4 * time.Minute))
	w.pollPrices()
	w.price("TEE-001", "1", "USD", 1, "21.5")
	w.at(start.Add(5 * time.Minute))
	w.pollPrices()
	w.price("TEE-001", "1", "USD", 1, "21.50")
	w.at(start.Add(6 * time.Minute))
	w.pollPrices()
	w.price("TEE-001", "1", "USD", 1, "")
	w.at(start.Add(7 * time.Minute))
	w.pollPrices()
	w.prices = append(w.prices, watch.Price{Level: "1", Currency: "JPY"})
	w.restart()
	w.at(start.Add(8 * time.Minute))
	w.pollPrices()
	want := []string{"1 USD 20.77 at 12:00:00", "1 USD 21.50 at 12:04:00", "1 USD none at 12:06:00", "1 JPY 1980.00, 1 USD none at 12:08:00"}
	if diff := cmp.Diff(want, w.tagged("TEE-001")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// More items than a page of the poll's holds are all told, page after page.
func TestWatchPagesThroughPrices(t *testing.T) {
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	w := startWatched(t, "UTC", start)
	w.prices = []watch.Price{{Level: "1", Currency: "USD"}}
	w.restart()
	w.pollPrices()
	before := len(w.changes())
	w.at(start.Add(10 * time.Minute))
	const many = 1100
	for n := range many {
		if _, err := w.sim.PutItem(netsuitesim.Item{SKU: "NEW-" + string(rune('A'+n/676)) + string(rune('A'+n/26%26)) + string(rune('A'+n%26)), BasePrice: "3"}); err != nil {
			t.Fatal(err)
		}
	}
	w.at(start.Add(11 * time.Minute))
	w.pollPrices()
	if told := len(w.changes()) - before; told != many {
		t.Errorf("%d items told, want %d", told, many)
	}
}
