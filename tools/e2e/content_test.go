package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// leavesOf gives every value of the double's records by its path: "<type>/<external id>.<field>".
func leavesOf(w world.World) map[string]string {
	leaves := map[string]string{}
	for kind, list := range world.Get[map[string][]map[string]any](w, w.Facts.NetSuite+"/sim/state") {
		for _, record := range list {
			leaf(leaves, fmt.Sprintf("%s/%v", kind, record["externalId"]), record)
		}
	}
	return leaves
}

// ofEverySave is what NetSuite itself sets whenever a record is saved.
var ofEverySave = []string{"lastModifiedDate", "lineUniqueKey", "links"}

func leaf(leaves map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, below := range v {
			if !slices.Contains(ofEverySave, name) {
				leaf(leaves, path+"."+name, below)
			}
		}
	case []any:
		for i, below := range v {
			leaf(leaves, fmt.Sprintf("%s[%d]", path, i), below)
		}
	default:
		leaves[path] = fmt.Sprint(v)
	}
}

// changesBetween tells what became of each value that is another.
func changesBetween(before, after map[string]string) map[string]string {
	list := map[string]string{}
	for path, was := range before {
		if is, stays := after[path]; !stays || is != was {
			list[path] = was + " → " + is
		}
	}
	for path, is := range after {
		if _, known := before[path]; !known {
			list[path] = " → " + is
		}
	}
	return list
}

// approved says what a plan's changes are among the double's values.
func approved(t *testing.T, w world.World, p replay.Plan) map[string]string {
	t.Helper()
	list := map[string]string{}
	for _, c := range changesIn(t, p) {
		if !c.Effect.Writes() {
			continue
		}
		for _, d := range c.Differences {
			list["salesOrder/wc-so-"+c.Store+"-"+c.Order+place(t, w, c, d.Field)] = d.From + " → " + d.To
		}
	}
	return list
}

// place is where NetSuite has a field of the plan.
func place(t *testing.T, w world.World, c replay.Change, field string) string {
	t.Helper()
	if name, body := strings.CutPrefix(field, "sales_order.fields."); body {
		return "." + name
	}
	line, name, found := strings.Cut(strings.TrimPrefix(field, "sales_order.lines["), "].fields.")
	if !found {
		t.Fatalf("order %s: the plan has %s, which this test does not know", c.Order, field)
	}
	stream, err := w.JS.Stream(t.Context(), topology.Outcomes)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(t.Context(), subject.Sync{Account: demo.Account, Store: c.Store, Order: c.Order}.String())
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := codec.Decode[event.SyncRecordedV1](raw.Data)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(recorded.Ledger.SalesOrder.Lines, func(l event.LedgerLine) bool { return l.Key == line })
	return fmt.Sprintf(".item.items[%d].%s", at, name)
}

// What was approved is what NetSuite holds afterwards, value by value, and nothing else of any record is another; what
// NetSuite was asked to write is each order of the plan, once.
func TestAppliedWritesAreTheApprovedDifferences(t *testing.T) {
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	all := world.Captures(t)
	w.Load(all)
	for _, c := range all {
		w.Post(c)
	}
	w.Settle()
	document := shorter
	for old, by := range map[string]string{
		"custcol_wc_line_id: line.id": `custcol_wc_line_id: line.sku + "!"`, "otherRefNum: order.number": `otherRefNum: '"R" + order.number'`,
		"custbody_wc_payment_method: order.payment.method": "custbody_wc_payment_method: order.payment.title",
	} {
		document = bytes.Replace(document, []byte(old), []byte(by), 1)
	}
	p := plan(t, w, document)
	want := approved(t, w, p)
	before := leavesOf(w)
	list := applied(t, w, p, document)
	if diff := cmp.Diff(want, changesBetween(before, leavesOf(w))); diff != "" {
		t.Errorf("what became of NetSuite's records (-approved +done):\n%s", diff)
	}
	orders := map[string]int{}
	for _, name := range list {
		orders[name]++
	}
	if len(list) != p.Cost.Writes || len(orders) != p.Cost.Writes || len(want) < 3*p.Cost.Writes {
		t.Errorf("%d writes of %v, %d foreseen, %d values approved", len(list), slices.Sorted(maps.Keys(orders)), p.Cost.Writes, len(want))
	}
}
