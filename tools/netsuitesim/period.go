package netsuitesim

import (
	"encoding/json"
	"fmt"
	"time"
)

// The accounting periods of the account: one a month.
const firstPeriodYear, lastPeriodYear = 2019, 2035

// seedPeriods makes the accounting periods.
func (t *tx) seedPeriods() error {
	for year := firstPeriodYear; year <= lastPeriodYear; year++ {
		for month := time.January; month <= time.December; month++ {
			first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
			raw := map[string]any{
				"id":   json.Number(decimalID(periodID(first))),
				"name": first.Format("Jan 2006"), "startDate": first.Format(time.DateOnly),
				"endDate": first.AddDate(0, 1, -1).Format(time.DateOnly),
			}
			if err := t.seedRecord(t.kind("accountingPeriod"), raw); err != nil {
				return fmt.Errorf("accounting period %s: %w", raw["name"], err)
			}
		}
	}
	return nil
}

func periodID(day time.Time) int64 {
	return int64((day.Year()-firstPeriodYear)*12 + int(day.Month()))
}

// settlePeriod gives a posting transaction its period, that of its date unless
// the body names one, and refuses closed ones: the period it had and the one it
// gets.
func (t *tx) settlePeriod(d *draft) error {
	if !d.kind.posting {
		return nil
	}
	if d.old != nil {
		if err := t.periodOpen(d.kind, d.old.fields); err != nil {
			return err
		}
	}
	moved := d.old == nil || d.old.fields.text("tranDate") != d.fields.text("tranDate")
	if d.in.ref("postingPeriod") == "" && (moved || d.fields.ref("postingPeriod") == "") {
		delete(d.fields, "postingPeriod")
		if period := t.periodOf(d.fields.text("tranDate")); period != nil {
			d.fields["postingPeriod"] = period.pointer()
		}
	}
	return t.periodOpen(d.kind, d.fields)
}

// periodOf is the period of a day, nil outside of the calendar.
func (t *tx) periodOf(day string) *record {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return nil
	}
	return t.get("accountingPeriod", periodID(at))
}

// periodOpen refuses a posting transaction whose period is closed.
func (t *tx) periodOpen(k *kind, f fields) error {
	if !k.posting || t.store.closed == "" {
		return nil
	}
	end, name := f.text("tranDate"), f.text("tranDate")
	if period := t.pointed(f, "postingPeriod", "accountingPeriod"); period != nil {
		end, name = period.fields.text("endDate"), period.name()
	}
	if end > t.store.closed {
		return nil
	}
	return userError("The posting period %s is closed. Choose a transaction date or posting period that is open.", name)
}

// ClosePeriods closes the accounting periods that end on or before a day
// (YYYY-MM-DD): posting transactions in them can be neither made, changed nor
// deleted. An empty day opens all. It lasts until the next call or reset.
func (s *Server) ClosePeriods(through string) error {
	if through != "" {
		if _, err := time.Parse(time.DateOnly, through); err != nil {
			return fmt.Errorf("closedThrough %q: want YYYY-MM-DD", through)
		}
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.closed = through
	return nil
}
