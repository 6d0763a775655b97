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
		case len(outcome.Questions) > 0:
			return book.Park(ctx, outcome.Store, outcome.Order, desiredPosition(outcome), asked(outcome.Questions), outcome.Time)
		case outcome.Kind == event.OutcomeRetried:
			return nil, nil
		default:
			return book.Resolve(ctx, outcome.Store, outcome.Order, desiredPosition(outcome), outcome.Time)
		}
	}
}

// asked makes one failure of an order's questions: the first one, and how many follow. A retry goes through all.
func asked(questions []event.Question) event.Fault {
	f := questions[0].Fault
	f.Message = questions[0].Subject + ": " + f.Message
	if more := len(questions) - 1; more > 0 {
		f.Message += fmt.Sprintf(" (and %d more)", more)
	}
	return f
}
