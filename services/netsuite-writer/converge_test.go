package netsuitewriter

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
)

// A status in NetSuite is laid at its people's door only where every write of ours is on record.
func TestEveryWriteIsOnRecord(t *testing.T) {
	last := func(kind, hash string) *event.SyncRecordedV1 {
		return &event.SyncRecordedV1{Kind: kind, Desired: event.DesiredTaken{Hash: hash}}
	}
	for name, c := range map[string]struct {
		last       *event.SyncRecordedV1
		superseded int
		want       bool
	}{
		"the first state":               {nil, 0, true},
		"after a success":               {last(event.OutcomeSynced, "a"), 0, true},
		"after a skip":                  {last(event.OutcomeSkipped, "a"), 0, true},
		"again after a failed attempt":  {last(event.OutcomeRetried, "b"), 0, true},
		"again after it was parked":     {last(event.OutcomeParked, "b"), 0, true},
		"after another that was parked": {last(event.OutcomeParked, "a"), 0, false},
		"after states without outcome":  {last(event.OutcomeSynced, "a"), 1, false},
	} {
		j := &job{desired: event.DesiredOrderV1{Hash: "b"}, last: c.last, superseded: make([]event.Superseded, c.superseded)}
		if got := j.recorded(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
