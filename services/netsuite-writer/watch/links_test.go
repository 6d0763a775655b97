package watch

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// ledgers is a NetSuite whose refund 1 pays out many credit memos, 10000 and on, each of the order that is 10000 above it. A
// document of the ledgers from 900001 on rests on the next one, for ever.
type ledgers struct {
	quiet
	t       *testing.T
	memos   int
	queries int
}

var inList = regexp.MustCompile(`IN \(([^)]*)\) ORDER`)

func (l *ledgers) Query(_ context.Context, purpose, q string) (rows []suitetalk.Row, _ []event.Call, _ error) {
	l.queries++
	asked := strings.Split(inList.FindStringSubmatch(q)[1], ", ")
	if len(asked) > 1000 {
		l.t.Errorf("%d arguments in one IN", len(asked))
	}
	for _, id := range asked {
		n, err := strconv.Atoi(id)
		switch {
		case err != nil:
			l.t.Error(err)
		case purpose == "read changed records":
			rows = append(rows, l.head(n))
		case n == 1:
			for memo := range l.memos {
				rows = append(rows, suitetalk.Row{"nextdoc": id, "nextline": "0", "previousdoc": fmt.Sprint(10000 + memo), "previousline": "0", "previoustype": "CustCred", "amount": "-1"})
			}
		case n > 900000:
			rows = append(rows, suitetalk.Row{"nextdoc": id, "previousdoc": fmt.Sprint(n + 1), "previoustype": "CustInvc"})
		case n < 20000:
			rows = append(rows, suitetalk.Row{"nextdoc": id, "nextline": "1", "previousdoc": fmt.Sprint(n + 10000), "previousline": "1", "previoustype": "SalesOrd"})
		}
	}
	return rows, nil, nil
}

func (l *ledgers) head(n int) suitetalk.Row {
	switch {
	case n == 1:
		return suitetalk.Row{"id": "1", "type": "CustRfnd", "total": fmt.Sprint(-l.memos)}
	case n < 20000:
		return suitetalk.Row{"id": fmt.Sprint(n), "type": "CustCred"}
	default:
		return suitetalk.Row{"id": fmt.Sprint(n), "type": "SalesOrd", "externalid": fmt.Sprint("wc-so-main-", n-20000)}
	}
}

// A reading finds the orders of every document, also where one rests on more than a query names.
func TestDocumentsOfManyOrders(t *testing.T) {
	const memos = 1500
	w := watcherOf(natstest.Start(t), &ledgers{t: t, memos: memos})
	wanted := map[string]bool{"1": true, "10007": true}
	links, err := w.climb(natstest.Context(t), wanted)
	if err != nil {
		t.Fatal(err)
	}
	owners, err := w.owners(natstest.Context(t), links, wanted)
	if err != nil {
		t.Fatal(err)
	}
	paid := map[string]bool{}
	for _, a := range owners["1"].applied {
		if a.Total == nil || a.Total.String() != "1.00" {
			t.Fatalf("order %s gets %v, want 1.00", a.Order, a.Total)
		}
		paid[a.Order] = true
	}
	if len(paid) != memos || owners["10007"].order != "7" || owners["10007"].salesOrder != "20007" {
		t.Errorf("%d orders are paid, want %d; the credit memo is of %+v", len(paid), memos, owners["10007"])
	}
}

// The way up is bounded by its length.
func TestTheWayUpEnds(t *testing.T) {
	netsuite := &ledgers{t: t}
	w := watcherOf(natstest.Start(t), netsuite)
	links, err := w.climb(natstest.Context(t), map[string]bool{"900001": true})
	if err != nil || netsuite.queries != generations || len(links.above) != generations {
		t.Errorf("%v after %d queries, %d links; want %d", err, netsuite.queries, len(links.above), generations)
	}
}
