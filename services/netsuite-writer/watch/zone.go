package watch

import "time"

// stamp is how times are asked for: Oracle's format and Go's.
const (
	stampFormat = "YYYY-MM-DD HH24:MI:SS"
	stampLayout = "2006-01-02 15:04:05"
)

// zone is what is known of the zone NetSuite writes times in: how far its clock is ahead of UTC now. Zones are whole
// quarters of an hour apart from UTC.
type zone struct {
	Offset time.Duration `json:"offset"`
	Known  bool          `json:"known"`
}

const (
	quarter = 15 * time.Minute
	// lateness is by how much a record's time may lie before the moment it becomes visible: a save takes that long.
	lateness = 2 * time.Minute
)

// learn finds the offset from a record that became visible between two polls, if only one fits. What does not fit
// says nothing.
func (z zone) learn(local, after, until time.Time) zone {
	least, most := local.Sub(until)-lateness, local.Sub(after)+lateness
	offset := least.Truncate(quarter)
	if offset < least {
		offset += quarter
	}
	if offset <= most && offset+quarter > most {
		return zone{offset, true}
	}
	return z
}

// exact takes the offset from a record whose time in UTC is known, to the nearest quarter of an hour.
func exact(local, utc time.Time) zone { return zone{local.Sub(utc).Round(quarter), true} }

// utc gives the time a text means.
func (z zone) utc(local time.Time) time.Time { return local.Add(-z.Offset) }

// local gives how NetSuite writes a time now.
func (z zone) local(utc time.Time) time.Time { return utc.UTC().Add(z.Offset) }

func parseStamp(text string) (time.Time, error) { return time.Parse(stampLayout, text) }
