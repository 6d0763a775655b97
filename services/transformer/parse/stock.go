package parse

import (
	"cmp"
	"slices"

	"github.com/orderstream/orderstream/contracts/event"
)

// stockKey is where WooCommerce notes on a line how many pieces of it were taken out of the shop's stock. It comes and goes
// with the order's status (wc_reduce_stock_levels, wc_increase_stock_levels): also when a status is written by us.
const stockKey = "_reduced_stock"

// repeats tells whether a state changes nothing that we care about: what the shop took out of its stock, or put back, is
// none.
func repeats(last *event.OrderStateV1, state event.OrderStateV1) (bool, error) {
	if state.Hash == last.Hash {
		return true, nil
	}
	lines, differ := restocked(last.Lines, state.Lines)
	if !differ {
		return false, nil
	}
	state.Lines = lines
	err := seal(&state)
	return state.Hash == last.Hash, err
}

// restocked gives lines the stock that they had taken before, and tells whether that differs.
func restocked(before, lines []event.Line) (list []event.Line, differ bool) {
	list = slices.Clone(lines)
	for i, line := range list {
		at := slices.IndexFunc(before, func(l event.Line) bool { return l.ID == line.ID })
		if at < 0 {
			continue
		}
		had, has := slices.DeleteFunc(slices.Clone(before[at].Meta), isNoStock), slices.DeleteFunc(slices.Clone(line.Meta), isNoStock)
		if !slices.EqualFunc(had, has, func(a, b event.Meta) bool { return string(a.Value) == string(b.Value) }) {
			list[i].Meta, differ = sortMeta(append(slices.DeleteFunc(slices.Clone(line.Meta), isStock), had...)), true
		}
	}
	return list, differ
}

func isStock(m event.Meta) bool { return m.Key == stockKey }

func isNoStock(m event.Meta) bool { return !isStock(m) }

// sortMeta sorts by key, then text: the shop's order of entries means nothing.
func sortMeta(list []event.Meta) []event.Meta {
	slices.SortStableFunc(list, func(a, b event.Meta) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(string(a.Value), string(b.Value)))
	})
	return list
}
