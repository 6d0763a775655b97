package netsuitesim

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
)

// registerFunctions makes Oracle's functions known to SQLite connections
// opened from now on.
var registerFunctions = sync.OnceValue(func() error {
	functions := map[string]func([]driver.Value) (driver.Value, error){
		"ns_lower":     func(a []driver.Value) (driver.Value, error) { return mapText(strings.ToLower, a) },
		"ns_upper":     func(a []driver.Value) (driver.Value, error) { return mapText(strings.ToUpper, a) },
		"ns_to_char":   toChar,
		"ns_to_date":   toDate,
		"ns_to_number": toNumber,
	}
	for name, fn := range functions {
		err := sqlite.RegisterDeterministicScalarFunction(name, -1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			if len(args) == 0 || args[0] == nil {
				return nil, nil
			}
			return fn(args)
		})
		if err != nil {
			return fmt.Errorf("register %s: %w", name, err)
		}
	}
	return nil
})

func mapText(fn func(string) string, args []driver.Value) (driver.Value, error) {
	return fn(cell(args[0])), nil
}

// layouts turn Oracle's format elements into Go's.
var layouts = strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02", "HH24", "15", "HH", "15", "MI", "04", "SSxFF", "05", "SS.FF", "05", "SS", "05")

// stampLayout is how dates and times are stored.
const stampLayout = "2006-01-02 15:04:05"

// toChar writes a date in a format; a number is written plainly.
func toChar(args []driver.Value) (driver.Value, error) {
	text := cell(args[0])
	if len(args) < 2 {
		return text, nil
	}
	if t, err := time.Parse(stampLayout, text); err == nil {
		text = t.Format(layouts.Replace(cell(args[1])))
	}
	return text, nil
}

// toDate reads a date or time in a format.
func toDate(args []driver.Value) (driver.Value, error) {
	layout := "2006-01-02"
	if len(args) > 1 {
		layout = layouts.Replace(cell(args[1]))
	}
	t, err := time.Parse(layout, cell(args[0]))
	if err != nil {
		return nil, fmt.Errorf("date format picture does not match: %s", cell(args[0]))
	}
	return t.Format(stampLayout + ".999999999"), nil
}

func toNumber(args []driver.Value) (driver.Value, error) {
	text := cell(args[0])
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("invalid number: %s", text)
	}
	return n, nil
}

// cell is a database value as SuiteQL prints it.
func cell(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}
