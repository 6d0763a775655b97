package watch

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// deletions is the source of what NetSuite remembers of records that are gone. It learns no zone: that DeletedRecord writes
// times as transactions do is likely, not documented.
func (w *Watcher) deletions() *source {
	return &source{name: "deletions", page: w.deletedPage, report: w.reportGone, seen: map[string]sighting{}, pushed: make(chan struct{}, 1)}
}

// deletedPage asks what was deleted, of whatever type: how the table spells types is not documented. Columns as in published
// queries (recordid, deleteddate). A role without the permission Deleted Records sees nothing; that is said once, and pushes
// tell deletions all the same.
func (w *Watcher) deletedPage(ctx context.Context, low string, after found) ([]found, error) {
	const deleted = "TO_CHAR(d.deleteddate, '" + stampFormat + "')"
	rows, err := w.query(ctx, "poll deletions", "SELECT d.recordid AS id, %s AS modified FROM DeletedRecord d WHERE d.deleteddate >= %s AND %s ORDER BY %s, d.recordid FETCH FIRST %d ROWS ONLY",
		deleted, widened(low), behind(deleted, "d.recordid", low, after), deleted, pageRows)
	if w.blind(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]found, 0, len(rows))
	for _, row := range rows {
		f := found{id: row["id"], modified: row["modified"]}
		if _, err := parseStamp(f.modified); err != nil || !digits(f.id) {
			return nil, fault.New(fault.NetSuiteAnswerUnusable, "want id and time of a deleted record", fault.Field("record "+f.id, f.modified))
		}
		list = append(list, f)
	}
	return list, nil
}

// blind tells whether the role may not see what was deleted, and says so when it becomes so.
func (w *Watcher) blind(err error) bool {
	code := fault.CodeOf(err)
	blind := code == fault.NetSuiteRefused || code == fault.NetSuiteForbidden
	if was := w.unseen.Swap(blind); blind && !was {
		w.log.Warn("NetSuite does not show what was deleted; deletions are told by pushes alone until the role has the permission Deleted Records", "code", code, "error", err)
	}
	return blind
}

// gone is a record of ours that may be gone, as it was told last.
type gone struct {
	last
	at time.Time // when it was deleted; zero: not known
}

// reportGone tells of deleted records which are ours that they are gone. DeletedRecord's ids are of records of every type: what
// bears the id of a transaction of ours is asked for.
func (w *Watcher) reportGone(ctx context.Context, deleted []found) (int, error) {
	ours := map[string]gone{}
	for _, f := range deleted {
		for kind := range typeOf {
			before, err := w.last(ctx, kind, f.id)
			if err != nil {
				return 0, err
			}
			if before.sequence > 0 && !before.event.Deleted {
				ours[f.id] = gone{before, w.timeHere(f)}
			}
		}
	}
	return w.tellGone(ctx, ours)
}

// tellGone tells what NetSuite does not have any more, as it was last. How each order stands without it is told before: a crash
// in between leaves the record to be told again.
func (w *Watcher) tellGone(ctx context.Context, ours map[string]gone) (told int, err error) {
	if len(ours) == 0 {
		return 0, nil
	}
	heads, err := headsOf(ctx, w, ours)
	if err != nil {
		return 0, err
	}
	maps.DeleteFunc(ours, func(id string, _ gone) bool { return heads[id].id != "" })
	if told, err = w.ordersOf(ctx, ours); err != nil {
		return told, err
	}
	for _, id := range slices.SortedFunc(maps.Keys(ours), byNumber) {
		fresh, err := w.put(ctx, ours[id].end(), ours[id].last)
		if err != nil {
			return told, err
		}
		if fresh {
			told++
		}
	}
	return told, nil
}

// end is the record's last state: not older than the one before it.
func (g gone) end() event.NetSuiteChangedV1 {
	e := g.event
	if e.Deleted = true; g.at.After(e.ModifiedAt) {
		e.ModifiedAt = g.at
	}
	return e
}

// ordersOf tells how the sales orders of records stand.
func (w *Watcher) ordersOf(ctx context.Context, records map[string]gone) (int, error) {
	var orders []found
	for _, id := range slices.SortedFunc(maps.Keys(records), byNumber) {
		order := records[id].event.SalesOrder
		if order != "" && order != id && !slices.ContainsFunc(orders, func(f found) bool { return f.id == order }) {
			orders = append(orders, found{id: order, kind: event.ChangeSalesOrder})
		}
	}
	if len(orders) == 0 {
		return 0, nil
	}
	return w.report(ctx, orders)
}
