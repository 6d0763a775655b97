package netsuitewriter

import (
	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/netsuite-writer/governor"
)

// comes tells whether a desired state comes from there rather than from the shop.
func comes(m consume.Message, from event.Origin) bool {
	origin := m.Header[event.HeaderOrigin]
	return len(origin) > 0 && origin[0] == string(from)
}

// laneOf says how urgent the writes of a desired state are, by the kind of the event that it was made from; a customer's is
// like an order's later one.
func laneOf(m consume.Message, kind string) int {
	switch {
	case comes(m, event.OriginReplay):
		return governor.LaneReplay
	case kind == event.KindPlaced, kind == event.KindPaid:
		return governor.LanePaid
	case kind == event.KindRefunded:
		return governor.LaneRefund
	default:
		return governor.LaneEdit
	}
}

// minor tells what gives way to fresh orders: customers, later states, refunds and replays.
func minor(m consume.Message) bool {
	if s, err := subject.ParseDesired(m.Subject); err == nil && s.Kind == kindCustomer {
		return true
	}
	d, err := codec.Decode[struct {
		Source struct {
			Kind string `json:"kind"`
		} `json:"source"`
	}](m.Data)
	return err == nil && laneOf(m, d.Source.Kind) != governor.LanePaid
}
