package netsuitewriter

import (
	"context"
	"fmt"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
)

func derive(book *failures.Book) consume.Handler {
	return func(ctx context.Context, m consume.Message) ([]publish.Message, error) {
		outcome, err := codec.Decode[event.SyncRecordedV1](m.Data)
		if err != nil {
			return nil, fault.New(fault.MessageUndecodable, "want an outcome", fault.Field(m.Subject, fmt.Sprint(m.Sequence)), fault.Because(err))
		}
		switch {
		case outcome.Kind == event.OutcomeParked && outcome.Fault != nil:
			return book.Park(ctx, outcome.Store, outcome.Order, desiredPosition(outcome), *outcome.Fault, outcome.Time)
		case outcome.Kind == event.OutcomeRetried:
			return nil, nil
		default:
			return book.Resolve(ctx, outcome.Store, outcome.Order, desiredPosition(outcome), outcome.Time)
		}
	}
}
