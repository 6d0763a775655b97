package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// tags is a world two of whose stores take their prices from NetSuite: main the base price in dollars, legacy the base
// price and sales at the wholesale level in yen.
type tags struct{ shelves }

func newTags(t *testing.T, account func(*netsuitesim.Config)) tags {
	t.Helper()
	const often = 500_000_000 // nanoseconds
	w := world.Start(t, demo.Options{Account: account, Adjust: func(c *host.Config) {
		account := c.Accounts[demo.Account]
		account.Watch.Fast, account.Watch.Idle = often, often
		c.Accounts[demo.Account] = account
		for key, prices := range map[string]string{"main": `{"level":"1","currency":"USD"}`, "legacy": `{"level":"1","sale_level":"2","currency":"JPY"}`} {
			store := c.Stores[key]
			if err := json.Unmarshal([]byte(prices), &store.Prices); err != nil {
				t.Fatal(err)
			}
			c.Stores[key] = store
		}
	}})
	return tags{shelves{w, t}}
}

// costs has a person change a price in NetSuite.
func (s tags) costs(sku, level, currency, price string) {
	s.t.Helper()
	if _, err := s.NetSuite.SetPrice(netsuitesim.Price{SKU: sku, Level: level, Currency: currency, Price: json.Number(price)}); err != nil {
		s.t.Fatal(err)
	}
}

// reads is regular, sale and current price of a shop's product.
func (s tags) reads(store string, product int64) string {
	s.t.Helper()
	for _, p := range world.Get[[]struct {
		ID      int64  `json:"id"`
		Regular string `json:"regular_price"`
		Sale    string `json:"sale_price"`
		Price   string `json:"price"`
	}](s.World, s.Facts.Shop+"/sim/state?type=product&store="+store) {
		if p.ID == product {
			return p.Regular + "|" + p.Sale + "|" + p.Price
		}
	}
	return ""
}

func (s tags) untilReads(store string, product int64, want string) {
	s.t.Helper()
	s.Until(store+" shows "+want, func() bool { return s.reads(store, product) == want })
}

// entries reads what a store's ledger says of a SKU's price, oldest first.
func (s tags) entries(store, sku string) (list []event.ShopRecordedV1) {
	s.t.Helper()
	handle, err := s.JS.Stream(s.t.Context(), topology.ShopOutcomes)
	if err != nil {
		s.t.Fatal(err)
	}
	for sequence := uint64(1); sequence <= handle.CachedInfo().State.LastSeq; sequence++ {
		raw, err := handle.GetMsg(s.t.Context(), sequence)
		if err != nil {
			s.t.Fatal(err)
		}
		if raw.Subject != subject.Shop(store, event.ShopKindPrice, event.SKUKey(sku)) {
			continue
		}
		entry, err := codec.Decode[event.ShopRecordedV1](raw.Data)
		if err != nil {
			s.t.Fatal(err)
		}
		list = append(list, entry)
	}
	return list
}

// tables lists what was asked by SuiteQL.
func (s shelves) tables() (list []string) {
	for _, e := range s.NetSuite.Log("suiteql", 0) {
		for _, name := range e.Tables {
			list = append(list, strings.ToLower(name))
		}
	}
	return list
}

// A price that changes in NetSuite is what a shop's product and variation cost, rounded to the shop's currency, whichever
// table the account shows. The same price again is no write, and what the shops tell of the writes travels no further.
// A shop that follows no price keeps its own.
func TestPricesFollowNetSuite(t *testing.T) {
	for name, account := range map[string]func(*netsuitesim.Config){
		"pricing": func(*netsuitesim.Config) {}, "itemPrice": func(c *netsuitesim.Config) { c.Switches.ItemPrices = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTags(t, account)
			s.costs("TEE-001", "1", "USD", "21.505")
			s.costs("HOOD-BLU-S", "1", "USD", "47")
			s.costs("TEE-001", "1", "JPY", "1980.5")
			s.costs("TEE-001", "2", "JPY", "1500")
			s.untilReads("main", classicTee, "21.51||21.51")
			s.untilReads("main", blueHoodie, "47.00||47.00")
			s.untilReads("legacy", classicTee, "1981|1500|1500")
			s.costs("TEE-001", "2", "JPY", "") // the sale is over
			s.untilReads("legacy", classicTee, "1981||1981")
			s.quiet()
			told, wrote := s.events(topology.ShopOutcomes), s.writes()
			s.costs("TEE-001", "1", "USD", "21.505")
			s.costs("BEANIE-01", "1", "USD", "15.2") // found by the same poll, or a later one
			s.untilReads("main", 13, "15.20|12.75|12.75")
			s.quiet()
			if more := s.writes() - wrote; more != 1 {
				t.Errorf("%d writes, want one, of the beanie: the tee's price is the same", more)
			}
			if more := s.events(topology.ShopOutcomes) - told; more != 1 {
				t.Errorf("%d ledger entries, want 1", more)
			}
			if shown := s.reads("v104", classicTee); shown != "19.99||19.99" {
				t.Errorf("a shop that follows no price shows %s", shown)
			}
			if echoes := s.events(topology.Orders) + s.events(topology.Customers) + s.events(topology.Desired); echoes != 0 {
				t.Errorf("%d messages followed from writes of prices, want none", echoes)
			}
		})
	}
}

// What cannot be written is reported once: a SKU that the shop does not have as no fault, a price that is missing or
// negative and a product without a price of its own as a failure, which the next price resolves. The product keeps its
// price meanwhile.
func TestPricesThatCannotBeWritten(t *testing.T) {
	s := newTags(t, nil)
	s.untilReads("main", classicTee, "20.77||20.77") // the base prices that every item has
	s.costs("TEE-001", "1", "USD", "")
	s.costs("HOOD-BLU-S", "1", "USD", "-3")
	if _, err := s.NetSuite.PutItem(netsuitesim.Item{SKU: "HOOD", BasePrice: "40"}); err != nil {
		t.Fatal(err)
	}
	s.costs("HOOD", "1", "USD", "41")
	s.costs("WOO-FEE", "1", "USD", "3.50")
	for sku, code := range map[string]fault.Code{"TEE-001": fault.PriceUnusable, "HOOD-BLU-S": fault.PriceUnusable, "HOOD": fault.ShopPriceUnmanaged} {
		s.Until(sku+" is parked", func() bool {
			list := s.entries("main", sku)
			last := len(list) - 1
			return last >= 0 && list[last].State == event.ShopParked && list[last].Fault.Code == string(code)
		})
	}
	s.costs("HOOD-BLU-S", "1", "USD", "-4")
	s.costs("HOOD", "1", "USD", "42")
	s.costs("WOO-FEE", "1", "USD", "4.50")
	s.costs("TEE-001", "1", "USD", "22")
	s.untilReads("main", classicTee, "22.00||22.00")
	s.quiet()
	for sku, want := range map[string]int{"HOOD": 1, "WOO-FEE": 1} {
		if list := s.entries("main", sku); len(list) != want {
			t.Errorf("%d entries of %s, want it said once", len(list), sku)
		}
	}
	if fee := s.entries("main", "WOO-FEE"); fee[0].State != event.ShopKept || fee[0].Deed.Rule != "sku-not-sold-here" {
		t.Errorf("the fee: %+v, want it kept", fee[0])
	}
	if list := s.entries("main", "HOOD-BLU-S"); len(list) != 2 {
		t.Errorf("%d entries of the hoodie, want its base price and one refusal", len(list))
	}
	if shown := s.reads("main", blueHoodie); strings.HasPrefix(shown, "-") || shown == "||" {
		t.Errorf("the hoodie shows %s", shown)
	}
	failure(t, s.JS, subject.Failure{Stage: "return", Store: "main", Key: "price-sku-TEE-001"}, event.FailureResolved)
	failure(t, s.JS, subject.Failure{Stage: "return", Store: "main", Key: "price-sku-HOOD-BLU-S"}, event.FailureParked)
}

// Where no store names a price level nobody asks NetSuite for prices.
func TestPricesAreOffByDefault(t *testing.T) {
	s := newShelves(t, false)
	s.counts("TEE-001", 7)
	s.until(classicTee, 7)
	s.counts("TEE-001", 8)
	s.until(classicTee, 8)
	asked := s.tables()
	if !slices.Contains(asked, "aggregateitemlocation") {
		t.Fatalf("asked for %q: stock should be among it", asked)
	}
	if slices.Contains(asked, "pricing") || slices.Contains(asked, "itemprice") {
		t.Errorf("asked for prices: %q", asked)
	}
	if shown := (tags{s}).reads("main", classicTee); shown != "19.99||19.99" {
		t.Errorf("the tee shows %s", shown)
	}
}
