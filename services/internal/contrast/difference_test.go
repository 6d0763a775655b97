package contrast

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

func text(s string) event.Value { return event.Value{Text: &s} }

func held(v event.Value) event.DesiredOrderV1 {
	return event.DesiredOrderV1{SalesOrder: event.SalesOrder{Fields: map[string]event.Value{"custbody_gift": v}}}
}

func reversed(d event.DesiredOrderV1) event.DesiredOrderV1 {
	d.SalesOrder.Lines = slices.Clone(d.SalesOrder.Lines)
	slices.Reverse(d.SalesOrder.Lines)
	return d
}

func taxed(amounts ...string) (d event.DesiredOrderV1) {
	for _, a := range amounts {
		d.SalesOrder.TaxDetails = append(d.SalesOrder.TaxDetails, event.TaxDetail{Reference: "1", TaxCode: event.Ref{Key: "CA"}, Amount: money.MustParse(a)})
	}
	return d
}

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
	yes, five := true, money.Int(5)
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
		"a cleared checkbox":         {held(event.Value{Flag: &yes}), held(event.Value{Empty: true}), []Difference{{"sales_order.fields.custbody_gift", "true", "(cleared)"}}},
		"a checkbox as text":         {held(event.Value{Flag: &yes}), held(text("true")), []Difference{{"sales_order.fields.custbody_gift", "true (flag)", "true (text)"}}},
		"a number as text":           {held(text("5")), held(event.Value{Number: &five}), []Difference{{"sales_order.fields.custbody_gift", "5 (text)", "5 (number)"}}},
		"the word for what is clear": {held(text("(cleared)")), held(event.Value{Empty: true}), []Difference{{"sales_order.fields.custbody_gift", "(cleared) (text)", "(cleared) (empty)"}}},
		"an empty text":              {held(text("")), event.DesiredOrderV1{}, []Difference{{"sales_order.fields.custbody_gift", "(empty text)", ""}}},
		"no empty text before":       {event.DesiredOrderV1{}, held(text("")), []Difference{{"sales_order.fields.custbody_gift", "", "(empty text)"}}},
		"lines in another order": {order("a", "1.00", "2.00", "0.01"), reversed(order("a", "1.00", "2.00", "0.01")), []Difference{
			{"sales_order.lines", "line-1, line-2, rounding", "rounding, line-2, line-1"},
		}},
		"two taxes of one code": {taxed("1.00", "2.00"), taxed("1.50", "2.00"), []Difference{{"sales_order.tax_details[1 CA].amount", "1.00", "1.50"}}},
		"the second of them":    {taxed("1.00", "2.00"), taxed("1.00", "2.50"), []Difference{{"sales_order.tax_details[1 CA #2].amount", "2.00", "2.50"}}},
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

// Two states of different hashes are never the same: what has no name of its own is shown by its hashes.
func TestNothingIsHidden(t *testing.T) {
	as := func(hash string) Mapper[event.OrderStateV1, event.DesiredOrderV1] {
		return func(event.OrderStateV1) (event.DesiredOrderV1, error) {
			d := order("a")
			d.Hash = hash
			return d, nil
		}
	}
	got, cannot, err := Of(as("x"), as("y"), Between, event.OrderStateV1{})
	if want := []Difference{{Unnamed, "x", "y"}}; err != nil || cannot != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, %v: want %v", got, cannot, err, want)
	}
	if got, _, _ := Of(as("x"), as("x"), Between, event.OrderStateV1{}); len(got) > 0 {
		t.Errorf("%v between equal states", got)
	}
}
