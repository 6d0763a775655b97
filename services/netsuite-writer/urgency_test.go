package netsuitewriter

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
)

// A replay is the least urgent, whatever it is of; fresh orders give way to nothing.
func TestUrgency(t *testing.T) {
	live, replayed := consume.Message{}, consume.Message{Header: map[string][]string{event.HeaderOrigin: {string(event.OriginReplay)}}}
	for kind, want := range map[string]int{
		event.KindPlaced: governor.LanePaid, event.KindPaid: governor.LanePaid, event.KindUpdated: governor.LaneEdit, event.KindRefunded: governor.LaneRefund, kindCustomer: governor.LaneEdit,
	} {
		if got := laneOf(live, kind); got != want {
			t.Errorf("%s: lane %d, want %d", kind, got, want)
		}
		if got := laneOf(replayed, kind); got != governor.LaneReplay {
			t.Errorf("%s of a replay: lane %d, want %d", kind, got, governor.LaneReplay)
		}
	}
}
