package contrast

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

func text(s string) event.Value { return event.Value{Text: &s} }

func order(memo string, amounts ...string) event.DesiredOrderV1 {
	d := event.DesiredOrderV1{SalesOrder: event.SalesOrder{Fields: map[string]event.Value{"memo": text(memo)}}}
	for i, a := range amounts {
		amount := money.MustParse(a)
		d.SalesOrder.Lines = append(d.SalesOrder.Lines, event.OrderLine{
			Key: []string{"line-1", "line-2", "rounding"}[i], Item: event.Ref{Record: "item", By: "name", Key: "TEE"}, Amount: amount,
		})
		d.Expected.Total = d.Expected.Total.Add(amount)
	}
	return d
}

func TestDifferences(t *testing.T) {
	for name, c := range map[string]struct {
		from, to event.DesiredOrderV1
		want     []Difference
	}{
		"equal":       {order("a", "1.00"), order("a", "1.00"), nil},
		"source only": {order("a", "1.00"), event.DesiredOrderV1{Hash: "x", Source: event.DesiredSource{Sequence: 9}, SalesOrder: order("a", "1.00").SalesOrder, Expected: order("a", "1.00").Expected}, nil},
		"a field":     {order("a"), order("b"), []Difference{{"sales_order.fields.memo", "a", "b"}}},
		"an amount": {order("a", "1.00", "2.00"), order("a", "1.00", "2.50"), []Difference{
			{"expected.total", "3.00", "3.50"}, {"sales_order.lines[line-2].amount", "2.00", "2.50"},
		}},
		"a dropped line": {order("a", "1.00", "2.00"), order("a", "1.00"), []Difference{
			{"expected.total", "3.00", "1.00"},
			{"sales_order.lines[line-2].amount", "2.00", ""}, {"sales_order.lines[line-2].closed", "false", ""}, {"sales_order.lines[line-2].custom_price", "false", ""},
			{"sales_order.lines[line-2].item.by", "name", ""}, {"sales_order.lines[line-2].item.key", "TEE", ""}, {"sales_order.lines[line-2].item.record", "item", ""},
			{"sales_order.lines[line-2].key", "line-2", ""},
		}},
	} {
		got, err := Differences(c.from, c.to)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
