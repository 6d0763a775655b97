package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// firstText gives the first text that is not empty.
func firstText(texts ...any) (any, error) {
	for _, text := range texts {
		if s, _ := text.(string); s != "" {
			return s, nil
		}
	}
	return "", nil
}

// reference points at a record: ref("shipItem", "name", "FLAT_RATE").
func reference(args ...any) (any, error) {
	record, _ := args[0].(string)
	by, _ := args[1].(string)
	key, _ := args[2].(string)
	return event.Ref{Record: record, By: by, Key: key}, nil
}

// pairs joins the meta entries whose keys begin with a prefix: "source=newsletter; medium=email".
func pairs(args ...any) (any, error) {
	meta, _ := args[0].(map[string]string)
	prefix, _ := args[1].(string)
	var list []string
	for key, value := range meta {
		if strings.HasPrefix(key, prefix) && value != "" {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	for i, key := range list {
		list[i] = key[len(prefix):] + "=" + meta[key]
	}
	return strings.Join(list, "; "), nil
}

func sortedKeys(args ...any) (any, error) {
	meta, _ := args[0].(map[string]string)
	return slices.Sorted(maps.Keys(meta)), nil
}

func within64(size int) error {
	if size > maxText {
		return fmt.Errorf("want a text of at most %d bytes", maxText)
	}
	return nil
}

// asText writes one value; a list has none.
func asText(args ...any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case money.Amount, money.Number, time.Time, time.Duration, time.Month, time.Weekday:
		return fmt.Sprint(v), nil
	default:
		return nil, fmt.Errorf("want a text, a number, an amount or a time, have %T", v)
	}
}

func joined(args ...any) (any, error) {
	glue, size := "", 0
	if len(args) == 2 {
		glue, _ = args[1].(string)
	}
	parts, _ := args[0].([]string)
	list, _ := args[0].([]any)
	for _, element := range list {
		s, err := asText(element)
		if err != nil {
			return nil, err
		}
		parts = append(parts, fmt.Sprint(s))
	}
	for _, s := range parts {
		size += len(s) + len(glue)
	}
	if err := within64(size); err != nil {
		return nil, err
	}
	return strings.Join(parts, glue), nil
}

func replaced(args ...any) (any, error) {
	s, _ := args[0].(string)
	old, _ := args[1].(string)
	with, _ := args[2].(string)
	if err := within64(len(s) + strings.Count(s, old)*len(with)); err != nil {
		return nil, err
	}
	return strings.ReplaceAll(s, old, with), nil
}

func splitText(args ...any) (any, error) {
	s, _ := args[0].(string)
	at, _ := args[1].(string)
	most := -1
	if len(args) == 3 {
		most, _ = args[2].(int)
	}
	if parts := strings.Count(s, at) + 1; parts > maxParts && (most < 0 || most > maxParts) {
		return nil, fmt.Errorf("want at most %d parts of a text, it has %d", maxParts, parts)
	}
	return strings.SplitN(s, at, most), nil
}

func trimText(args ...any) (any, error) {
	s, _ := args[0].(string)
	if len(args) == 1 {
		return strings.TrimSpace(s), nil
	}
	set, _ := args[1].(string)
	if len(set) > maxTrimmed {
		return nil, fmt.Errorf("want characters of at most %d bytes to trim", maxTrimmed)
	}
	return strings.Trim(s, set), nil
}

// forms are those of a text that says when, without a zone by name: such a name means what the machine thinks it means.
var forms = []string{time.DateOnly, time.RFC3339, time.DateTime, "2006-01-02T15:04:05"}

func dated(args []reflect.Type) (reflect.Type, error) {
	switch {
	case len(args) == 3:
		return nil, errors.New("want a date without a time zone by name: they differ between machines")
	case len(args) == 0 || len(args) > 2 || slices.ContainsFunc(args, func(t reflect.Type) bool { return !isText(t) && !isUnknown(t) }):
		return nil, errors.New("date wants a text, and its layout")
	}
	return reflect.TypeFor[time.Time](), nil
}

func dateOf(args ...any) (any, error) {
	s, _ := args[0].(string)
	layouts := forms
	if len(args) == 2 {
		layout, _ := args[1].(string)
		if layouts = []string{layout}; strings.Contains(layout, "MST") {
			return nil, fmt.Errorf("want a layout without a zone's name: machines differ in what it means")
		}
	}
	for _, layout := range layouts {
		if at, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			return at, nil
		}
	}
	return nil, fmt.Errorf("want a date such as %s, have %q", layouts[0], s)
}

func numberOf(args ...any) (any, error) {
	s, _ := args[0].(string)
	return money.ParseNumber(strings.TrimSpace(s))
}

// elements of a list of anything; nil for what is no list.
func elements(list any) []any {
	if plain, is := list.([]any); is {
		return plain
	}
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Slice {
		return nil
	}
	all := make([]any, v.Len())
	for i := range all {
		all[i] = v.Index(i).Interface()
	}
	return all
}

// key is what makes two elements the same: a text, or a number whatever it is written as.
func key(element any) (text string, value decimal.Decimal, err error) {
	if s, is := element.(string); is {
		return "text " + s, value, nil
	}
	value, err = decimalOf(element)
	return value.String(), value, err
}

func uniqueList(args ...any) (any, error) {
	list := []any{}
	seen := map[string]bool{}
	for _, element := range elements(args[0]) {
		k, _, err := key(element)
		if err != nil {
			return nil, err
		}
		if !seen[k] {
			seen[k], list = true, append(list, element)
		}
	}
	return list, nil
}

func sortedList(args ...any) (any, error) {
	list := slices.Clone(elements(args[0]))
	for _, element := range list {
		if _, _, err := key(element); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(list, func(a, b any) int {
		x, isText := a.(string)
		y, both := b.(string)
		if isText || both { // texts come before numbers
			return cmp.Or(-cmp.Compare(rank(isText), rank(both)), cmp.Compare(x, y))
		}
		left, _ := decimalOf(a)
		right, _ := decimalOf(b)
		return left.Cmp(right)
	})
	return list, nil
}

func rank(is bool) int {
	if is {
		return 1
	}
	return 0
}

// ordered is for functions over a list of texts, numbers or amounts.
func ordered(name string) typed {
	return func(args []reflect.Type) (reflect.Type, error) {
		if len(args) == 1 {
			if t := args[0]; isUnknown(t) || t.Kind() == reflect.Slice && (isUnknown(t.Elem()) || isNumeric(t.Elem()) || t.Elem().Kind() == reflect.String) {
				return reflect.TypeFor[[]any](), nil
			}
		}
		return nil, fmt.Errorf("%s wants a list of texts, numbers or amounts", name)
	}
}
