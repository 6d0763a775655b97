package notifier

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

// failure takes an entry of FAILURES. Only a parked one is told.
func (s *Service) failure(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	entry, err := codec.Decode[event.FailureParkedV1](m.Data)
	if err != nil {
		return nil, s.wait(ctx, s.board.add(undecodable(m)))
	}
	switch entry.State {
	case event.FailureParked:
		return nil, s.wait(ctx, s.board.add(occurrenceOf(entry, m.Subject, m.Sequence)))
	case event.FailureResolved, event.FailureDismissed:
		s.board.resolve(digest.Resolution{ID: failureID(m.Subject), Position: m.Sequence, At: entry.LastAt, Dismissed: entry.State == event.FailureDismissed})
	}
	return nil, nil
}

func (s *Service) alert(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	a, err := codec.Decode[event.AlertRaisedV1](m.Data)
	if err != nil {
		return nil, s.wait(ctx, s.board.add(undecodable(m)))
	}
	code := fault.Code(a.Code)
	return nil, s.wait(ctx, s.board.add(digest.Occurrence{
		Cause:    digest.Cause{Origin: digest.Alert, Name: a.Kind, Code: a.Code, Store: a.Store},
		Position: m.Sequence, Subject: m.Subject, Count: a.Count, Class: code.Class().String(), Summary: oneLine(a.Summary), At: a.Time,
	}))
}

// wait keeps the message unacked until its notice is told. Invariant 1: acked after the effect.
func (s *Service) wait(ctx context.Context, r *receipt) error {
	if r == nil {
		return nil
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
	case <-s.drained:
	}
	select {
	case <-r.done: // told while stopping
		return nil
	default:
		return context.Canceled
	}
}

func occurrenceOf(entry event.FailureParkedV1, name string, sequence uint64) digest.Occurrence {
	code := fault.Code(entry.Fault.Code)
	// The fault's message stays out: it may quote what NetSuite or the shop said about a person.
	return digest.Occurrence{
		Cause: digest.Cause{
			Origin: digest.Failure, Name: entry.Stage, Code: entry.Fault.Code, Store: entry.Store,
			Field: ordinals.ReplaceAllString(entry.Fault.Field, "*"), Value: causal(code, entry.Fault),
		},
		ID: failureID(name), Position: sequence, Subject: name, Class: entry.Fault.Class, Summary: code.Summary(), Rule: oneLine(entry.Fault.Rule), At: entry.LastAt,
	}
}

// undecodable tells people of a message that cannot be read. It is not parked: an entry in FAILURES about an
// entry in FAILURES would call for the next one.
func undecodable(m consume.Message) digest.Occurrence {
	code := fault.MessageUndecodable
	origin := digest.Failure
	if m.Stream == topology.Alerts {
		origin = digest.Alert
	}
	return digest.Occurrence{
		Cause:    digest.Cause{Origin: origin, Name: "notify", Code: string(code), Field: m.Stream},
		Position: m.Sequence, Subject: m.Subject, Class: code.Class().String(), Summary: code.Summary(), At: m.StoredAt,
	}
}

func failureID(name string) string {
	f, err := subject.ParseFailure(name)
	if err != nil {
		return ""
	}
	return f.ID()
}

// ordinals are the numbers in a field's path: they tell one line or order from another, not one cause.
var ordinals = regexp.MustCompile(`\b[0-9]+\b`)

// configured are the codes whose value names something that a person puts right once for every order: it is part
// of the cause. Of any other code it tells one order from the next (a total, an id), would make each a cause of
// its own and may be about a person: `orderstream failures show` has it.
var configured = []fault.Code{
	fault.ConfigurationWrong, fault.CurrencyUnknown, fault.ItemInactive, fault.PaymentUnmapped, fault.ReferenceUnknown,
	fault.SKUAmbiguous, fault.SKUUnknown, fault.StatusUnmapped, fault.TaxRateUnmapped,
}

const hidden = "(hidden)"

// causal is the value of a fault as far as it is part of the cause.
func causal(code fault.Code, f event.Fault) string {
	switch {
	case f.Field != "status" && !slices.Contains(configured, code):
		return ""
	case strings.Contains(f.Value, "@"):
		return hidden // a name that somebody made of an e-mail address
	default:
		return oneLine(f.Value)
	}
}

// oneLine keeps a text that others wrote from breaking out of its line.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }), " ")
}

// recall learns which failures are open, so that counts are right after a restart. The messages among them
// that were never told come again through the consumer.
func (s *Service) recall(ctx context.Context) error {
	stream, err := s.js.Stream(ctx, topology.Failures)
	if err != nil {
		return fmt.Errorf("read open failures: %w", publish.Classify(err))
	}
	left := stream.CachedInfo().State.Msgs
	if left == 0 {
		return nil
	}
	consumer, err := s.js.OrderedConsumer(ctx, topology.Failures, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubjects: []string{subject.FailureAll}})
	if err != nil {
		return fmt.Errorf("read open failures: %w", publish.Classify(err))
	}
	for pending := uint64(1); pending > 0; {
		msg, err := consumer.Next(jetstream.FetchContext(ctx))
		if err != nil {
			return fmt.Errorf("read open failures: %w", publish.Classify(err))
		}
		metadata, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read open failures: %w", err)
		}
		pending = metadata.NumPending
		entry, err := codec.Decode[event.FailureParkedV1](msg.Data())
		if err == nil && (entry.State == event.FailureParked || entry.State == event.FailureRetried) {
			s.board.recall(occurrenceOf(entry, msg.Subject(), metadata.Sequence.Stream))
		}
	}
	return nil
}
