package netsuitewriter

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// derive makes failures of outcomes. Several processes may do so at once, two outcomes of one order included: one that
// succeeds looks for what is stored, and one that failed looks after it is stored whether a later one has succeeded since.
// Whichever comes second sees the other.
func derive(js jetstream.JetStream, book *failures.Book) consume.Handler {
	return func(ctx context.Context, m consume.Message) ([]publish.Message, error) {
		outcome, err := outcomeOf(m.Subject, m.Sequence, m.Data)
		switch {
		case err != nil:
			return nil, err
		case outcome.Kind == event.OutcomeRetried:
			return nil, nil
		case !failed(outcome) && isFirst(m):
			return nil, nil
		case !failed(outcome):
			return resolve(ctx, book, outcome)
		}
		parked, err := book.Park(ctx, outcome.Store, outcome.Order, desiredPosition(outcome), faultOf(outcome), outcome.Time)
		if err != nil || len(parked) > 0 {
			return parked, err
		}
		newest, err := newestOutcome(ctx, js, m.Subject)
		if err != nil || failed(newest) || newest.Kind == event.OutcomeRetried {
			return nil, err
		}
		return resolve(ctx, book, newest)
	}
}

// parkOutcome parks an outcome that cannot be read, beside the failure of the order itself.
func parkOutcome(book *failures.Book) consume.Parker {
	return func(ctx context.Context, m consume.Message, cause error) ([]publish.Message, error) {
		store, key := "", m.Subject
		if s, err := subject.ParseSync(m.Subject); err == nil {
			store, key = s.Store, "outcome-"+s.Order
		}
		return book.Park(ctx, store, key, m.Position(), failures.FaultOf(cause), m.StoredAt)
	}
}

// parkDesired parks a desired state that cannot be read, beside the failure of the order itself.
func parkDesired(book *failures.Book) consume.Parker {
	return func(ctx context.Context, m consume.Message, cause error) ([]publish.Message, error) {
		store, key := "", m.Subject
		if s, err := subject.ParseDesired(m.Subject); err == nil {
			store, key = s.Store, "desired-"+s.Kind+"-"+s.Key
		}
		return book.Park(ctx, store, key, m.Position(), failures.FaultOf(cause), m.StoredAt)
	}
}

func resolve(ctx context.Context, book *failures.Book, o event.SyncRecordedV1) ([]publish.Message, error) {
	return book.ResolveStored(ctx, o.Store, o.Order, desiredPosition(o), o.Time)
}

// isFirst tells whether the outcome is the order's first: no failure came before it.
func isFirst(m consume.Message) bool {
	return slices.Equal(m.Header[jetstream.ExpectedLastSubjSeqHeader], []string{"0"})
}

func failed(o event.SyncRecordedV1) bool {
	return o.Kind == event.OutcomeParked && o.Fault != nil || len(o.Questions) > 0
}

func faultOf(o event.SyncRecordedV1) event.Fault {
	if o.Kind == event.OutcomeParked && o.Fault != nil {
		return *o.Fault
	}
	return asked(o.Questions)
}

func newestOutcome(ctx context.Context, js jetstream.JetStream, name string) (event.SyncRecordedV1, error) {
	stream, err := js.Stream(ctx, topology.Outcomes)
	if err != nil {
		return event.SyncRecordedV1{}, publish.Classify(err)
	}
	raw, err := stream.GetLastMsgForSubject(ctx, name)
	if err != nil {
		return event.SyncRecordedV1{}, publish.Classify(err)
	}
	return outcomeOf(name, raw.Sequence, raw.Data)
}

func outcomeOf(name string, sequence uint64, data []byte) (event.SyncRecordedV1, error) {
	outcome, err := codec.Decode[event.SyncRecordedV1](data)
	if err != nil {
		err = fault.New(fault.MessageUndecodable, "want an outcome", fault.Field(name, fmt.Sprint(sequence)), fault.Because(err))
	}
	return outcome, err
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
