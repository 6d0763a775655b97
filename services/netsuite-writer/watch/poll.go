package watch

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

const (
	pageRows = 1000 // of one query, the most SuiteQL gives
	width    = 200  // records of one grouped reading: their lines stay within a few pages

	// overlap is how far a poll looks back before the watermark: longer than an hour, by which clocks go back, and a
	// save's lateness.
	overlap = 65 * time.Minute
	// anyZone is more than two zones can differ by.
	anyZone = 26 * time.Hour
	// wideEvery is how often a poll looks back by anyZone, for what a changed zone of the account or the user hid.
	wideEvery = 24 * time.Hour
	// A text that clocks went through twice comes again half an hour later at the earliest (Lord Howe), two hours later
	// at the latest. Meanwhile a record is read again, though its text is the same.
	comesAgain = 29 * time.Minute
	cameTwice  = 2*time.Hour + 5*time.Minute
)

// source is one kind of thing to ask for, and what is remembered of it between polls.
type source struct {
	name   string
	page   func(ctx context.Context, low string, after found) ([]found, error)
	report func(ctx context.Context, changed []found) (int, error)
	// every is the condition on the items that are all read once before changes are enough; nil: changes are.
	every func() string
	asked string // what is read of them: all are read again when it changes
	// newest asks NetSuite how times are meant, of the record found last where it says so; nil: its times teach nothing.
	newest func(ctx context.Context, f found) error
	// settles: what was read right after its change is read once more, when every save of then is over.
	settles bool

	pushed chan struct{} // holds one: something was pushed
	hurry  bool          // so the next poll comes early
	polled atomic.Int64  // when a turn went well last, in seconds since 1970

	seen map[string]sighting // by key
	low  string              // where the last poll began; empty: there was none
	at   time.Time           // NetSuite's time of it
}

// sighting is a record as a poll found it.
type sighting struct {
	modified    string
	first, read time.Time // NetSuite's time
	hot         bool      // it was read within the second of its change, or nearly, as far as is known: the next poll reads it again
	settled     bool      // it was read when every save of its second was over
}

// current tells whether a record with this text needs no reading.
func (s sighting) current(modified string, now time.Time) bool {
	return s.modified == modified && !s.hot && (s.read.Sub(s.first) >= cameTwice || now.Sub(s.read) < comesAgain)
}

// current is the sighting's, but for what has not settled.
func (p *source) current(f found, now time.Time) bool {
	s := p.seen[f.key()]
	if p.settles && !s.settled && now.Sub(s.first) >= lateness {
		return false
	}
	return s.current(f.modified, now)
}

// found is a record that changed.
type found struct {
	id       string // internal
	place    string // location, of stock
	kind     string
	modified string    // as NetSuite writes it
	at       time.Time // the same in UTC; zero: not known yet
}

// typeOf gives SuiteQL's type of each kind; ofType is the reverse.
var typeOf = map[string]string{
	event.ChangeSalesOrder: "SalesOrd", event.ChangeFulfilment: "ItemShip", event.ChangeInvoice: "CustInvc", event.ChangeCashSale: "CashSale",
	event.ChangeCreditMemo: "CustCred", event.ChangeRefund: "CustRfnd", event.ChangeCashRefund: "CashRfnd", event.ChangeReturn: "RtnAuth",
	event.ChangeReceipt: "ItemRcpt",
}

var ofType = func() map[string]string {
	reverse := map[string]string{}
	for kind, code := range typeOf {
		reverse[code] = kind
	}
	return reverse
}()

const typeList = "'SalesOrd', 'ItemShip', 'CustInvc', 'CashSale', 'CustCred', 'CustRfnd', 'CashRfnd', 'RtnAuth', 'ItemRcpt'"

// key tells what changed from anything else of its kind.
func (f found) key() string { return f.id + "/" + f.place }

func (w *Watcher) transactions() *source {
	return &source{name: "orders", page: w.page, report: w.report, newest: w.askZone, seen: map[string]sighting{}, pushed: make(chan struct{}, 1)}
}

// poll publishes what changed since the cursor.
func (w *Watcher) poll(ctx context.Context, p *source, c *cursor) (bool, error) {
	now, err := w.options.NetSuite.ServerTime(ctx)
	if err != nil {
		return false, err
	}
	wide := p.low == "" || now.Sub(c.Wide) >= wideEvery
	low := w.begin(c, now, wide)
	r := round{source: p, now: now, low: low, after: p.at, known: p.low, still: map[string]bool{}}
	changed, err := w.pages(ctx, c, &r)
	if err != nil {
		return changed, err
	}
	for key := range p.seen {
		if !r.still[key] {
			delete(p.seen, key)
		}
	}
	if wide {
		c.Wide = now
	}
	p.low, p.at, c.At = low, now, now
	return changed, nil
}

// begin says where a poll begins, as a text.
func (w *Watcher) begin(c *cursor, now time.Time, wide bool) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.zone.Known {
		w.zone = c.Zone
	}
	back := overlap
	if wide {
		back = anyZone
	}
	mark, err := parseStamp(c.Mark)
	latest := w.zone.local(now).Add(lateness)
	if err != nil || w.zone.Known && mark.After(latest) {
		mark = latest // a changed zone must not leave the mark in the future
	}
	return mark.Add(-back).Format(stampLayout)
}

// round is one poll under way.
type round struct {
	source     *source
	now, after time.Time // NetSuite's time, of this poll and of the one before; zero: none
	low, known string    // where this poll and the one before began
	still      map[string]bool
}

// pages reads what changed, page by page in the order of time and id, and publishes it.
func (w *Watcher) pages(ctx context.Context, c *cursor, r *round) (changed bool, err error) {
	after := found{modified: r.low}
	for {
		rows, err := r.source.page(ctx, r.low, after)
		if err != nil {
			return changed, err
		}
		n, err := w.take(ctx, c, r, rows)
		changed = changed || n > 0
		if err != nil || len(rows) < pageRows {
			return changed, err
		}
		after = rows[len(rows)-1]
		if err := w.save(ctx, r.source.name, c); err != nil {
			return changed, err
		}
	}
}

func (w *Watcher) page(ctx context.Context, low string, after found) ([]found, error) {
	rows, _, err := w.options.NetSuite.Query(ctx, "poll changes", changesQuery(low, after))
	if err != nil {
		return nil, err
	}
	list := make([]found, 0, len(rows))
	for _, row := range rows {
		f := found{id: row["id"], kind: ofType[row["type"]], modified: row["modified"]}
		if _, err := parseStamp(f.modified); err != nil || f.kind == "" || f.id == "" {
			return nil, fault.New(fault.NetSuiteAnswerUnusable, "want id, type and time of a changed transaction", fault.Field("transaction "+f.id, f.modified))
		}
		list = append(list, f)
	}
	return list, nil
}

// changesQuery asks for one page by its key, not by an offset: a record that changes meanwhile moves to the end, and
// pages by offset would skip its neighbour.
func changesQuery(low string, after found) string {
	const modified = "TO_CHAR(t.lastmodifieddate, '" + stampFormat + "')"
	return fmt.Sprintf("SELECT t.id AS id, t.type AS type, %s AS modified FROM transaction t WHERE t.type IN (%s) AND t.lastmodifieddate >= %s AND %s"+
		" ORDER BY %s, t.id FETCH FIRST %d ROWS ONLY", modified, typeList, widened(low), behind(modified, "t.id", low, after), modified, pageRows)
}

// behind is the condition on the rows of a page: from a time on, or behind the row found last, by time and id.
func behind(modified, id, low string, after found) string {
	if after.id == "" {
		return modified + " >= " + suitetalk.Quote(low)
	}
	at := suitetalk.Quote(after.modified)
	return fmt.Sprintf("(%s > %s OR (%s = %s AND %s > %s))", modified, at, modified, at, id, after.id)
}

// widened is a literal that lies before a text in whatever zone NetSuite reads it.
func widened(low string) string {
	at, err := parseStamp(low)
	if err != nil {
		return "TO_TIMESTAMP('1970-01-01 00:00:00', '" + stampFormat + "')"
	}
	return fmt.Sprintf("TO_TIMESTAMP('%s', '%s')", at.Add(-anyZone).Format(stampLayout), stampFormat)
}

// take publishes the records of a page that are not known already, and moves the cursor's mark behind them.
func (w *Watcher) take(ctx context.Context, c *cursor, r *round, rows []found) (int, error) {
	var news []found
	for _, f := range rows {
		r.still[f.key()] = true
		if !r.source.current(f, r.now) {
			news = append(news, f)
		}
	}
	if err := w.calibrate(ctx, r, news); err != nil {
		return 0, err
	}
	published := 0
	for rest := news; len(rest) > 0; {
		n := min(len(rest), width)
		count, err := settle(func() (int, error) { return r.source.report(ctx, rest[:n]) })
		published += count
		if err != nil {
			return published, err
		}
		for _, f := range rest[:n] {
			r.source.saw(f, r.now, w.timeHere(f))
		}
		rest = rest[n:]
	}
	if len(rows) > 0 {
		c.Mark = max(c.Mark, rows[len(rows)-1].modified)
	}
	w.mu.Lock()
	c.Zone = w.zone
	w.mu.Unlock()
	return published, nil
}

// saw remembers that a record was read, and when it had changed; zero: not known.
func (p *source) saw(f found, now, changed time.Time) {
	s := p.seen[f.key()]
	if s.modified != f.modified {
		s = sighting{modified: f.modified, first: now}
	}
	if now.Sub(s.read) >= comesAgain { // a reading that only settles does not put off the next
		s.read = now
	}
	s.hot = changed.IsZero() && now.Equal(s.first) || !changed.IsZero() && now.Sub(changed) < 2*time.Second
	s.settled = s.settled || now.Sub(s.first) >= lateness || !changed.IsZero() && now.Sub(changed) >= lateness
	p.seen[f.key()] = s
}

// timeHere is when a record changed, in UTC, as far as that is known.
func (w *Watcher) timeHere(f found) time.Time {
	z := w.zoneNow()
	local, err := parseStamp(f.modified)
	if !f.at.IsZero() || err != nil || !z.Known {
		return f.at
	}
	return z.utc(local)
}

// calibrate finds the time in UTC of what changed: of a record that became visible since the last poll by that alone,
// of any other by the zone as it was learnt last. After a pause that is too long to learn from, NetSuite is asked about
// the newest.
func (w *Watcher) calibrate(ctx context.Context, r *round, news []found) error {
	if r.source.newest == nil {
		return nil
	}
	short := !r.after.IsZero() && r.now.Sub(r.after) < quarter-2*lateness
	for i, f := range news {
		local, err := parseStamp(f.modified)
		if err != nil || !short || r.source.seen[f.key()].modified == f.modified || f.modified < max(r.known, r.low) {
			continue
		}
		w.mu.Lock()
		w.zone = w.zone.learn(local, r.after, r.now)
		if w.zone.Known {
			news[i].at = w.zone.utc(local)
		}
		w.mu.Unlock()
	}
	if len(news) == 0 || short && w.zoneNow().Known {
		return nil
	}
	return r.source.newest(ctx, news[len(news)-1])
}

func (w *Watcher) zoneNow() zone {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.zone
}

// askZone compares the time that the record service shows in UTC with SuiteQL's (Oracle's help, section_157305090645).
func (w *Watcher) askZone(ctx context.Context, f found) error {
	answer, err := w.options.NetSuite.Do(ctx, suitetalk.Request{
		Method: http.MethodGet, Path: "/record/v1/" + f.kind + "/" + f.id, Query: url.Values{"fields": {"lastModifiedDate"}}, Purpose: "learn the time zone",
	})
	if fault.CodeOf(err) == fault.NetSuiteRecordMissing {
		return nil
	}
	if err != nil {
		return err
	}
	record, err := codec.Decode[struct {
		Modified time.Time `json:"lastModifiedDate"`
	}](answer.Body)
	local, _ := parseStamp(f.modified)
	if err != nil || record.Modified.IsZero() {
		return fault.New(fault.NetSuiteAnswerUnusable, "want the record's lastModifiedDate", fault.Field(f.kind, f.id), fault.Because(err))
	}
	if apart := local.Sub(record.Modified.UTC()); apart > anyZone || apart < -anyZone {
		return nil // it changed in between
	}
	w.mu.Lock()
	w.zone = exact(local, record.Modified.UTC())
	w.mu.Unlock()
	return nil
}
