package watch

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// Price is a price level in one currency whose prices are watched.
type Price struct {
	Level    string // internal id
	Currency money.Currency
}

// pricing is a table that holds the prices of items, and its columns.
type pricing struct{ table, currency, price string }

// pricings are the tables by which accounts are known to show prices. Oracle's documents name the sublist of the record
// alone (section_159531460854: currencyPage, priceLevel, quantity, price). Published queries read pricing (item,
// pricelevel, quantity, unitprice) and itemPrice (item, price, currencypage); pricing.currency and itemPrice.pricelevel
// and .quantity are taken from the sublist. None of this is proven against an account: the first that NetSuite takes
// is used.
var pricings = []pricing{{"pricing", "currency", "unitprice"}, {"itemPrice", "currencypage", "price"}}

func (w *Watcher) priceLists() *source {
	return &source{
		name: "prices", page: w.pricesPage, report: w.reportPrices, every: w.sold, asked: w.asked(), newest: w.askAnyZone, settles: true, seen: map[string]sighting{}, pushed: make(chan struct{}, 1),
	}
}

// asked names the prices that stores ask for, in any order of the configuration.
func (w *Watcher) asked() string {
	var list []string
	for _, p := range w.options.Prices {
		list = append(list, p.Level+" "+string(p.Currency))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// sold is the condition on items whose prices are watched: what kind of item it is does not matter.
func (w *Watcher) sold() string {
	if like := w.options.Config.SKUs; like != "" {
		return "i.itemid LIKE " + suitetalk.Quote(like)
	}
	return "i.id > 0"
}

// pricesPage asks which items changed: a price has no time of its own, and a save of it is a save of its item.
func (w *Watcher) pricesPage(ctx context.Context, low string, after found) ([]found, error) {
	const modified = "TO_CHAR(i.lastmodifieddate, '" + stampFormat + "')"
	rows, err := w.query(ctx, "poll prices", "SELECT i.id AS id, %s AS modified FROM item i WHERE %s AND i.lastmodifieddate >= %s AND %s ORDER BY %s, i.id FETCH FIRST %d ROWS ONLY",
		modified, w.sold(), widened(low), behind(modified, "i.id", low, after), modified, pageRows)
	if err != nil {
		return nil, err
	}
	list := make([]found, 0, len(rows))
	for _, row := range rows {
		f := found{id: row["id"], kind: event.ChangePrice, modified: row["modified"]}
		if _, err := parseStamp(f.modified); err != nil || f.id == "" {
			return nil, fault.New(fault.NetSuiteAnswerUnusable, "want id and time of a changed item", fault.Field("item "+f.id, f.modified))
		}
		list = append(list, f)
	}
	return list, nil
}

// reportPrices reads items with their prices and publishes what differs.
func (w *Watcher) reportPrices(ctx context.Context, changed []found) (int, error) {
	at, lasts := map[string]time.Time{}, map[string]last{}
	for _, f := range changed {
		when := w.timeHere(f)
		if when.IsZero() {
			when = w.clock().UTC() // of a zone that is not learnt yet
		}
		l, err := w.last(ctx, event.ChangePrice, f.id)
		if err != nil {
			return 0, err
		}
		at[f.id], lasts[f.id] = when, l
	}
	rows, err := w.prices(ctx, ids(at))
	if err != nil {
		return 0, err
	}
	return w.publishItems(ctx, rows, lasts, func(rows []suitetalk.Row) (event.NetSuiteChangedV1, error) {
		e, err := w.priceEvent(rows)
		e.ModifiedAt = at[e.Record.ID]
		return e, err
	})
}

// prices reads the prices of items in the table that the account has.
func (w *Watcher) prices(ctx context.Context, items string) (rows []suitetalk.Row, err error) {
	for n := range pricings {
		known := (int(w.pricing.Load()) + n) % len(pricings)
		p := pricings[known]
		rows, err = w.query(ctx, "read prices", "SELECT i.id AS item, i.itemid AS name, i.isinactive AS inactive, p.pricelevel AS level, p.quantity AS quantity, c.symbol AS currency,"+
			" p.%s AS price FROM item i LEFT JOIN %s p ON p.item = i.id AND p.pricelevel IN (%s) LEFT JOIN currency c ON c.id = p.%s WHERE i.id IN (%s)"+
			" ORDER BY i.id, p.pricelevel, c.symbol, p.quantity", p.price, p.table, w.levels(), p.currency, items)
		if fault.CodeOf(err) != fault.NetSuiteRefused {
			w.pricing.Store(int32(known)) //nolint:gosec // an index of two
			return rows, err
		}
	}
	return nil, err
}

// levels lists the price levels that are watched; the configuration says that they are digits.
func (w *Watcher) levels() string {
	var list []string
	for _, p := range w.options.Prices {
		list = append(list, p.Level)
	}
	slices.SortFunc(list, byNumber)
	return strings.Join(slices.Compact(list), ", ")
}

// priceEvent writes what one item costs at the levels that are watched: of a level with prices by quantity the first.
func (w *Watcher) priceEvent(rows []suitetalk.Row) (event.NetSuiteChangedV1, error) {
	first := rows[0]
	prices := &event.Prices{Name: skuOf(first["name"]), Inactive: first["inactive"] == "T", Levels: []event.LevelPrice{}}
	e := event.NetSuiteChangedV1{
		Envelope: event.Envelope{Type: "netsuite.v1.changed"}, Account: w.options.Account, Kind: event.ChangePrice,
		Record: event.RecordID{ID: first["item"]}, Prices: prices,
	}
	slices.SortStableFunc(rows, func(a, b suitetalk.Row) int {
		return cmp.Or(byNumber(a["level"], b["level"]), cmp.Compare(a["currency"], b["currency"]))
	})
	for _, row := range rows {
		of := Price{row["level"], money.Currency(row["currency"])}
		n := len(prices.Levels)
		if !slices.Contains(w.options.Prices, of) || n > 0 && of == (Price{prices.Levels[n-1].Level, prices.Levels[n-1].Currency}) {
			continue
		}
		price := event.LevelPrice{Level: of.Level, Currency: of.Currency}
		if row["price"] != "" {
			amount, err := money.Parse(row["price"])
			if err != nil {
				return e, fault.New(fault.NetSuiteAnswerUnusable, "want a decimal number", fault.Field("item "+first["item"]+": price", row["price"]), fault.Because(err))
			}
			price.Price = &amount
		}
		prices.Levels = append(prices.Levels, price)
	}
	return e, nil
}
