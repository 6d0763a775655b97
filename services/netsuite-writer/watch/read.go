package watch

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// head is a transaction without its lines.
type head struct {
	id, kind, externalID, tranID string
	status, label                string // letter; words
	day, modified, total, method string
}

func (w *Watcher) query(ctx context.Context, purpose, format string, arguments ...any) ([]suitetalk.Row, error) {
	rows, _, err := w.options.NetSuite.Query(ctx, purpose, fmt.Sprintf(format, arguments...))
	return rows, err
}

// ids writes internal ids for IN (…), in order, so that the same question has the same text.
func ids[V any](of map[string]V) string {
	return strings.Join(slices.SortedFunc(maps.Keys(of), byNumber), ", ")
}

// groups writes internal ids as ids does, in lists that one IN takes.
func groups[V any](of map[string]V) (lists []string) {
	for group := range slices.Chunk(slices.SortedFunc(maps.Keys(of), byNumber), pageRows) {
		lists = append(lists, strings.Join(group, ", "))
	}
	return lists
}

func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// heads reads transactions by a condition.
func (w *Watcher) heads(ctx context.Context, condition string) (map[string]head, error) {
	rows, err := w.query(ctx, "read changed records", "SELECT t.id AS id, t.type AS type, t.externalid AS externalid, t.tranid AS tranid, t.status AS status,"+
		" BUILTIN.DF(t.status) AS label, TO_CHAR(t.trandate, 'YYYY-MM-DD') AS day, TO_CHAR(t.lastmodifieddate, '%s') AS modified,"+
		" t.foreigntotal AS total, BUILTIN.DF(t.shipmethod) AS method FROM transaction t WHERE %s ORDER BY t.id", stampFormat, condition)
	if err != nil {
		return nil, err
	}
	heads := make(map[string]head, len(rows))
	for _, row := range rows {
		heads[row["id"]] = head{
			id: row["id"], kind: ofType[row["type"]], externalID: row["externalid"], tranID: row["tranid"], status: row["status"], label: row["label"],
			day: row["day"], modified: row["modified"], total: row["total"], method: row["method"],
		}
	}
	return heads, nil
}

// headsOf reads transactions by internal id, however many.
func headsOf[V any](ctx context.Context, w *Watcher, of map[string]V) (map[string]head, error) {
	all := map[string]head{}
	for _, group := range groups(of) {
		heads, err := w.heads(ctx, "t.id IN ("+group+")")
		if err != nil {
			return nil, err
		}
		maps.Copy(all, heads)
	}
	return all, nil
}

// letter gives the status of a record. Accounts disagree about the letters of a fulfilment in SuiteQL, so its label
// counts where it can be read: A picked, B packed, C shipped, as in the record service.
func (h head) letter() string {
	if h.kind == event.ChangeFulfilment {
		for word, letter := range map[string]string{"picked": "A", "packed": "B", "shipped": "C"} {
			if strings.HasSuffix(strings.ToLower(h.label), word) {
				return letter
			}
		}
	}
	return h.status[strings.LastIndexByte(h.status, ':')+1:]
}

// lines reads the lines of transactions, by transaction.
func (w *Watcher) lines(ctx context.Context, heads map[string]head) (map[string][]suitetalk.Row, error) {
	rows, err := w.query(ctx, "read changed lines", "SELECT l.transaction AS transaction, l.id AS line, l.item AS item, l.quantity AS quantity, l.foreignamount AS amount,"+
		" l.quantityshiprecv AS fulfilled, l.quantitybackordered AS backordered, TO_CHAR(l.expectedshipdate, 'YYYY-MM-DD') AS expected, l.isclosed AS closed"+
		" FROM transactionline l WHERE l.transaction IN (%s) AND l.mainline = 'F' AND l.taxline = 'F' AND l.iscogs = 'F' AND (l.itemtype IS NULL OR l.itemtype <> 'ShipItem')"+
		" ORDER BY l.transaction, l.id", ids(heads))
	byRecord := map[string][]suitetalk.Row{}
	for _, row := range rows {
		byRecord[row["transaction"]] = append(byRecord[row["transaction"]], row)
	}
	return byRecord, err
}

// tracking reads the tracking numbers of fulfilments, by transaction: linkedtrackingnumbers cannot be asked for.
func (w *Watcher) tracking(ctx context.Context, heads map[string]head) (map[string][]string, error) {
	shipments := maps.Clone(heads)
	maps.DeleteFunc(shipments, func(_ string, h head) bool { return h.kind != event.ChangeFulfilment })
	if len(shipments) == 0 {
		return nil, nil
	}
	rows, err := w.query(ctx, "read tracking numbers", "SELECT m.transaction AS transaction, n.id AS id, n.trackingnumber AS number FROM TrackingNumberMap m"+
		" JOIN TrackingNumber n ON n.id = m.trackingnumber WHERE m.transaction IN (%s) ORDER BY m.transaction, n.id", ids(shipments))
	numbers := map[string][]string{}
	for _, row := range rows {
		numbers[row["transaction"]] = append(numbers[row["transaction"]], row["number"])
	}
	return numbers, err
}

// state is everything that was read about a record.
type state struct {
	head     head
	owner    owner
	lines    []suitetalk.Row
	tracking []string
}

// event writes a record's state. Its id and time are filled in where it is published.
func (s state) event(account string, orderLine func(record, line string) string) (event.NetSuiteChangedV1, error) {
	e := event.NetSuiteChangedV1{
		Envelope: event.Envelope{Type: "netsuite.v1.changed", Store: s.owner.store}, Account: account, Kind: s.head.kind,
		Record: event.RecordID{ID: s.head.id, ExternalID: s.head.externalID}, TranID: s.head.tranID, Order: s.owner.order, SalesOrder: s.owner.salesOrder,
		Status: s.head.letter(), Date: s.head.day, ShipMethod: s.head.method,
		Applied: s.owner.applied,
	}
	goods := e.Kind == event.ChangeFulfilment || e.Kind == event.ChangeReceipt
	if s.head.total != "" && !goods {
		total, err := money.Parse(s.head.total)
		if err != nil {
			return e, s.unusable("total", s.head.total, err)
		}
		total = total.Abs()
		e.Total = &total
	}
	for _, row := range s.lines {
		line, err := s.line(row, orderLine(s.head.id, row["line"]), goods)
		if err != nil {
			return e, err
		}
		if line.Line != "" && line.Item != "" {
			e.Lines = append(e.Lines, line)
		}
	}
	upright(e.Lines)
	for _, number := range s.tracking {
		e.Packages = append(e.Packages, event.Package{TrackingNumbers: []string{number}})
	}
	return e, nil
}

func (s state) unusable(field, value string, err error) error {
	return fault.New(fault.NetSuiteAnswerUnusable, "want a decimal number", fault.Field(s.head.kind+" "+s.head.id+": "+field, value), fault.Because(err))
}

// line reads one line. The ledger's signs are the ledger's matter: quantities are positive here.
func (s state) line(row suitetalk.Row, orderLine string, goods bool) (event.ChangedLine, error) {
	line := event.ChangedLine{Line: orderLine, Item: row["item"], Expected: row["expected"], Closed: row["closed"] == "T" && s.head.kind == event.ChangeSalesOrder}
	number := func(name string) (money.Number, error) {
		if row[name] == "" {
			return money.Number{}, nil
		}
		n, err := money.ParseNumber(row[name])
		if err != nil {
			return n, s.unusable("line "+row["line"]+": "+name, row[name], err)
		}
		if n.Sign() < 0 {
			n = n.Neg()
		}
		return n, nil
	}
	var err error
	if line.Quantity, err = number("quantity"); err != nil {
		return line, err
	}
	if row["amount"] != "" && !goods { // of goods that move, it is what they cost
		amount, err := money.Parse(row["amount"])
		if err != nil {
			return line, s.unusable("line "+row["line"]+": amount", row["amount"], err)
		}
		line.Amount = &amount
	}
	if s.head.kind != event.ChangeSalesOrder {
		return line, nil
	}
	fulfilled, err := number("fulfilled")
	if err != nil {
		return line, err
	}
	backordered, err := number("backordered")
	line.Fulfilled, line.Backordered = &fulfilled, &backordered
	return line, err
}

// upright turns the amounts of a record whose lines the ledger holds with the other sign: what is sold is positive, a
// discount beside it negative.
func upright(lines []event.ChangedLine) {
	sum := money.Zero
	for _, line := range lines {
		if line.Amount != nil {
			sum = sum.Add(*line.Amount)
		}
	}
	if sum.Sign() >= 0 {
		return
	}
	for i := range lines {
		if lines[i].Amount != nil {
			turned := lines[i].Amount.Neg()
			lines[i].Amount = &turned
		}
	}
}

// timeOf gives a record's time of change in UTC.
func (w *Watcher) timeOf(h head, news map[string]found) (time.Time, error) {
	local, err := parseStamp(h.modified)
	if err != nil {
		return local, fault.New(fault.NetSuiteAnswerUnusable, "want the time of the last change", fault.Field(h.kind+" "+h.id, h.modified))
	}
	if f, known := news[h.id]; known && f.modified == h.modified && !f.at.IsZero() {
		return f.at, nil
	}
	return w.zoneNow().utc(local), nil
}
