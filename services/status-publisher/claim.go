package statuspublisher

import (
	"context"
	"fmt"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// How long a claim lasts. Who holds one asks the shop in time or not at all: JetStream gives the message of a process that
// stands still to another after twenty seconds at the earliest, two thirds of AckWait. Who comes with another message waits
// until the request of a process that died is over as well.
const (
	claimHolds  = 10 * time.Second
	claimIsOver = 2 * time.Minute
)

// claim puts on record that a deed is about to be done, which the shop would do twice or which would undo a newer one, and gives
// the entry's sequence. The ledger's expected sequence is of before the shop was looked at: whoever got in between has done it, or is about to, and this try begins anew. Invariant 2:
// a claim without an end is of a process that died: its message comes again, looks, and claims anew.
func (s *Service) claim(ctx context.Context, m consume.Message, e entry, body event.ShopRecordedV1, result *done) (uint64, error) {
	body.State, body.Attempts = event.ShopRetried, e.attempts(m)
	body.Envelope = event.Envelope{Type: "shop.v1.recorded", ID: fmt.Sprintf("shop:%s:%d:%d:claim", e.name, m.Sequence, e.sequence), Store: body.Store, Time: s.now()}
	message, err := publish.JSON(topology.ShopOutcomes, e.name, body.Envelope, body)
	if err != nil {
		return 0, err
	}
	message.Expect = &publish.Expect{Sequence: e.sequence}
	acks, err := s.publisher.Publish(ctx, message)
	if err != nil {
		return 0, err
	}
	if acks[0].Duplicate {
		return 0, otherClaim(e)
	}
	result.claimedAt = body.Time
	return acks[0].Sequence, nil
}

// claiming asks for the claim to a deed whose ledger tells of it, right before the deed.
func (s *Service) claiming(m consume.Message, e entry, body event.ShopRecordedV1, result *done) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		if result.claimed, err = s.claim(ctx, m, e, body, result); err != nil {
			return err
		}
		return s.holds(e, result)
	}
}

// change sets fields of the shop's order, once that is claimed. Invariant 4: what another process tells meanwhile waits, so that
// a write which comes late undoes nothing newer.
func (s *Service) change(ctx context.Context, c change, e entry, d deed, result *done, fields map[string]any) error {
	if err := s.claiming(c.message, e, c.entry(d, event.ShopRetried, *result), result)(ctx); err != nil {
		return err
	}
	calls, err := c.shop.change(ctx, c.Order, fields)
	result.calls = append(result.calls, calls...)
	return err
}

// holds tells whether what was claimed may still be done.
func (s *Service) holds(e entry, result *done) error {
	if s.now().Sub(result.claimedAt) > claimHolds {
		return otherClaim(e)
	}
	return nil
}

// behind is the entry as the end of a deed follows it: what was claimed stands there.
func (e entry) behind(result done) entry {
	if result.claimed > 0 {
		e.sequence = result.claimed
	}
	return e
}

// claimed tells whether another message's process is about to do the deed.
func (s *Service) claimed(e entry, m consume.Message) error {
	if e.last == nil || !e.last.UnderWay() || e.last.Source == m.Position() || s.now().Sub(e.last.Time) > claimIsOver {
		return nil
	}
	return otherClaim(e)
}

func otherClaim(e entry) error {
	return fault.New(fault.StreamConflict, "another process may be doing it", fault.Field(e.name, fmt.Sprint(e.sequence)))
}
