package operate

import (
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// past is what an order's deliveries said and which events they led to, oldest first.
type past struct {
	said   []event.OrderStateV1
	events []event.OrderStateV1
}

// delivery is the step of a delivery.
func (p *past) delivery(m *jetstream.RawStreamMsg) (Step, error) {
	step, state := delivery(m)
	if state != nil {
		p.said = append(p.said, *state)
	}
	return step, nil
}

// event is the step of an order event.
func (p *past) event(m *jetstream.RawStreamMsg) (Step, error) {
	step, state, err := orderEvent(m)
	if err == nil {
		p.events = append(p.events, state)
	}
	return step, err
}

// name adds to each delivery that led to no event the rule that dropped it. Invariant 3: ignored by a named rule.
func (p *past) name(steps []Step) {
	for i := range steps {
		for _, state := range p.said {
			if steps[i].Stage != stageDelivery || steps[i].Message.Sequence != state.Source.Sequence {
				continue
			}
			if rule := p.dropped(state); rule != "" {
				steps[i].Detail += "; dropped by rule " + rule
			}
		}
	}
}

// dropped decides as parse did: by the last event that the order had when the state arrived, and by newer states that had
// arrived before. Empty: it led to an event, or waits.
func (p *past) dropped(state event.OrderStateV1) string {
	var last *event.OrderStateV1
	overtaken := false
	for i, e := range p.events {
		switch {
		case e.Source.Sequence == state.Source.Sequence:
			return ""
		case e.Source.Sequence < state.Source.Sequence:
			last = &p.events[i]
		default:
			overtaken = overtaken || e.Version.Compare(state.Version) > 0
		}
	}
	if last != nil {
		if _, _, rule, err := parse.Next(last, state); err != nil || rule != "" {
			return rule
		}
	}
	if overtaken || last != nil && p.newer(state) {
		return parse.RuleSuperseded
	}
	return ""
}

// newer tells whether a newer state had arrived before.
func (p *past) newer(state event.OrderStateV1) bool {
	return slices.ContainsFunc(p.said, func(other event.OrderStateV1) bool {
		return other.Source.Sequence < state.Source.Sequence && other.Version.Compare(state.Version) > 0
	})
}
