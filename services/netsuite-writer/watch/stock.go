package watch

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

func (w *Watcher) inventory() *source {
	return &source{
		name: "stock", page: w.stockPage, report: w.reportStock, every: w.wanted, newest: w.askAnyZone, settles: true, seen: map[string]sighting{}, pushed: make(chan struct{}, 1),
	}
}

// askAnyZone is askZone of the transaction that changed last: no record tells in UTC when stock changed.
func (w *Watcher) askAnyZone(ctx context.Context, _ found) error {
	rows, err := w.query(ctx, "learn the time zone", "SELECT t.id AS id, t.type AS type, TO_CHAR(t.lastmodifieddate, '%s') AS modified FROM transaction t WHERE t.type IN (%s)"+
		" ORDER BY t.lastmodifieddate DESC, t.id DESC FETCH FIRST 1 ROWS ONLY", stampFormat, typeList)
	if err != nil || len(rows) == 0 {
		return err
	}
	return w.askZone(ctx, found{id: rows[0]["id"], kind: ofType[rows[0]["type"]], modified: rows[0]["modified"]})
}

// wanted is the condition on items whose stock is watched.
func (w *Watcher) wanted() string {
	condition := "i.itemtype IN (" + suitetalk.In(w.options.Config.ItemTypes) + ")"
	if like := w.options.Config.SKUs; like != "" {
		condition += " AND i.itemid LIKE " + suitetalk.Quote(like)
	}
	return condition
}

// readAll reads every item of a source once, page by page in the order of ids: from then on changes are enough. What
// changed meanwhile lies within the first poll's look back.
func (w *Watcher) readAll(ctx context.Context, p *source, c *cursor) (bool, error) {
	now, err := w.options.NetSuite.ServerTime(ctx)
	if err != nil {
		return false, err
	}
	for {
		rows, err := w.query(ctx, "list items", "SELECT i.id AS id FROM item i WHERE %s AND i.id > %s ORDER BY i.id FETCH FIRST %d ROWS ONLY",
			p.every(), cmp.Or(c.Item, "0"), pageRows)
		if err != nil {
			return false, err
		}
		for rest := rows; len(rest) > 0; {
			n := min(len(rest), width)
			items := make([]found, 0, n)
			for _, row := range rest[:n] {
				items = append(items, found{id: row["id"], at: now}) // no change is known: it is as of now
			}
			if _, err := settle(func() (int, error) { return p.report(ctx, items) }); err != nil {
				return false, err
			}
			rest = rest[n:]
		}
		if c.Whole = len(rows) < pageRows; c.Whole {
			c.At = now
			return true, nil
		}
		c.Item = rows[len(rows)-1]["id"]
		if err := w.save(ctx, p.name, c); err != nil {
			return true, err
		}
	}
}

// stockPage asks what changed by lastquantityavailablechange, a row per item and location.
func (w *Watcher) stockPage(ctx context.Context, low string, after found) ([]found, error) {
	const modified = "TO_CHAR(a.lastquantityavailablechange, '" + stampFormat + "')"
	from := modified + " >= " + suitetalk.Quote(low)
	if after.id != "" {
		at := suitetalk.Quote(after.modified)
		from = fmt.Sprintf("(%s > %s OR (%s = %s AND (a.item > %s OR (a.item = %s AND a.location > %s))))", modified, at, modified, at, after.id, after.id, after.place)
	}
	rows, err := w.query(ctx, "poll stock", "SELECT a.item AS item, a.location AS location, %s AS modified FROM aggregateItemLocation a JOIN item i ON i.id = a.item"+
		" WHERE %s AND a.lastquantityavailablechange >= %s AND %s ORDER BY %s, a.item, a.location FETCH FIRST %d ROWS ONLY",
		modified, w.wanted(), widened(low), from, modified, pageRows)
	if err != nil {
		return nil, err
	}
	list := make([]found, 0, len(rows))
	for _, row := range rows {
		f := found{id: row["item"], place: row["location"], kind: event.ChangeInventory, modified: row["modified"]}
		if _, err := parseStamp(f.modified); err != nil || f.id == "" || f.place == "" {
			return nil, fault.New(fault.NetSuiteAnswerUnusable, "want item, location and time of a change of stock", fault.Field("item "+f.id, f.modified))
		}
		list = append(list, f)
	}
	return list, nil
}

// reportStock reads items with all their locations and publishes what differs. What it tells was so after the time of
// the event, which is taken before NetSuite is asked, by the clock that dates the writer's outcomes too.
func (w *Watcher) reportStock(ctx context.Context, changed []found) (int, error) {
	asked := w.clock().UTC()
	at, lasts := map[string]time.Time{}, map[string]last{}
	for _, f := range changed {
		when := w.timeHere(f)
		if when.IsZero() || when.After(asked) {
			when = asked // pushed, or of a zone that is not learnt yet
		}
		if when.After(at[f.id]) {
			at[f.id] = when
		}
	}
	for id := range at {
		l, err := w.last(ctx, event.ChangeInventory, id)
		if err != nil {
			return 0, err
		}
		lasts[id] = l
	}
	rows, err := w.query(ctx, "read stock", "SELECT i.id AS item, i.itemid AS name, i.isinactive AS inactive, a.location AS location, a.quantityavailable AS available,"+
		" a.quantityonhand AS onhand, a.quantitybackordered AS backordered FROM item i LEFT JOIN aggregateItemLocation a ON a.item = i.id"+
		" WHERE i.id IN (%s) ORDER BY i.id, a.location", ids(at))
	if err != nil {
		return 0, err
	}
	return w.publishItems(ctx, rows, lasts, func(rows []suitetalk.Row) (event.NetSuiteChangedV1, error) {
		e, err := w.stockEvent(rows, at[rows[0]["item"]])
		e.Time = asked
		return e, err
	})
}

// publishItems publishes what differs of each item; read makes the event of the rows of one.
func (w *Watcher) publishItems(ctx context.Context, rows []suitetalk.Row, lasts map[string]last, read func(rows []suitetalk.Row) (event.NetSuiteChangedV1, error)) (int, error) {
	var conflict error
	published := 0
	for _, rows := range byItem(rows) {
		e, err := read(rows)
		if err != nil {
			return published, err
		}
		before := lasts[e.Record.ID]
		if before.sequence == 0 && e.Prices != nil && len(e.Prices.Levels) == 0 {
			continue // no store asks for a price of it
		}
		fresh, err := w.put(ctx, e, before)
		switch {
		case err != nil && fault.ClassOf(err) == fault.Conflict:
			conflict = err
		case err != nil:
			return published, err
		case fresh:
			published++
		}
	}
	return published, conflict
}

// byItem cuts rows in the order of items into one list each.
func byItem(rows []suitetalk.Row) (items [][]suitetalk.Row) {
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n]["item"] == rows[0]["item"] {
			n++
		}
		items, rows = append(items, rows[:n]), rows[n:]
	}
	return items
}

// skuOf gives an item's SKU: a matrix item or sub-item is named "Parent : Child", and its SKU is the last part.
func skuOf(name string) string { return name[strings.LastIndex(" : "+name, " : "):] }

// stockEvent writes what one item has at every location.
func (w *Watcher) stockEvent(rows []suitetalk.Row, at time.Time) (event.NetSuiteChangedV1, error) {
	first := rows[0]
	stock := &event.Stock{Name: skuOf(first["name"]), Inactive: first["inactive"] == "T", Locations: []event.LocationStock{}}
	e := event.NetSuiteChangedV1{
		Envelope: event.Envelope{Type: "netsuite.v1.changed"}, Account: w.options.Account, Kind: event.ChangeInventory,
		Record: event.RecordID{ID: first["item"]}, ModifiedAt: at, Stock: stock,
	}
	for _, row := range rows {
		if row["location"] == "" {
			continue // an item that no location keeps
		}
		l := event.LocationStock{Location: row["location"]}
		for column, into := range map[string]*money.Number{"available": &l.Available, "onhand": &l.OnHand, "backordered": &l.Backordered} {
			if row[column] == "" {
				continue
			}
			n, err := money.ParseNumber(row[column])
			if err != nil {
				return e, fault.New(fault.NetSuiteAnswerUnusable, "want a decimal number", fault.Field("item "+first["item"]+": "+column, row[column]), fault.Because(err))
			}
			*into = n
		}
		stock.Locations = append(stock.Locations, l)
	}
	return e, nil
}
