package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/audit"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// Failure is an entry of the failure queue and its name.
type Failure struct {
	Name  string                `json:"id"`
	Entry event.FailureParkedV1 `json:"failure"`
}

// IsOpen tells whether the failure still waits for a person.
func (f Failure) IsOpen() bool {
	return f.Entry.State == event.FailureParked || f.Entry.State == event.FailureRetried
}

// Failures lists the failure queue, newest first; open ones only unless all is set.
func Failures(ctx context.Context, js jetstream.JetStream, all bool) ([]Failure, error) {
	list := []Failure{}
	err := each(ctx, js, topology.Failures, subject.FailureAll, func(m *jetstream.RawStreamMsg) error {
		f, err := read(m)
		if err != nil {
			f = unreadable(m, err)
		}
		if all || f.IsOpen() {
			list = append(list, f)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Failure) int { return b.Entry.LastAt.Compare(a.Entry.LastAt) })
	return list, err
}

func read(m *jetstream.RawStreamMsg) (Failure, error) {
	name, err := subject.ParseFailure(m.Subject)
	if err != nil {
		return Failure{}, err
	}
	entry, err := codec.Decode[event.FailureParkedV1](m.Data)
	return Failure{name.ID(), entry}, err
}

// unreadable shows an entry that cannot be decoded as what it is: it must not hide the others.
func unreadable(m *jetstream.RawStreamMsg, err error) Failure {
	entry := event.FailureParkedV1{State: event.FailureParked, LastAt: m.Time.UTC(), Message: event.Position{Stream: topology.Failures, Sequence: m.Sequence, Subject: m.Subject}}
	entry.Fault = event.Fault{Code: string(fault.MessageUndecodable), Class: fault.Poison.String(), Message: err.Error()}
	return Failure{Name: strings.TrimPrefix(m.Subject, strings.TrimSuffix(subject.FailureAll, ">")), Entry: entry}
}

// ErrNoFailure says that the failure queue has no such entry.
var ErrNoFailure = errors.New("no such failure")

// Find reads one failure by its id.
func Find(ctx context.Context, js jetstream.JetStream, id string) (Failure, uint64, error) {
	name, err := subject.ParseFailureID(id)
	if err != nil {
		return Failure{}, 0, fmt.Errorf("failure id %q: want <stage>.<store>.<key>: %w", id, err)
	}
	stream, err := js.Stream(ctx, topology.Failures)
	if err != nil {
		return Failure{}, 0, err
	}
	m, err := stream.GetLastMsgForSubject(ctx, name.String())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Failure{}, 0, fmt.Errorf("%w: %s", ErrNoFailure, id)
	}
	if err != nil {
		return Failure{}, 0, err
	}
	f, err := read(m)
	return f, m.Sequence, err
}

// Retry publishes the parked message again, as it was stored: the stage handles it once more. Of states that
// replace one another (ORDERS, CUSTOMERS, DESIRED, OUTCOMES) the newest is sent: an older one must not become the newest. A
// desired state is made again where a mapping was published since.
func Retry(ctx context.Context, js jetstream.JetStream, id, by string) (Failure, error) {
	f, sequence, err := Find(ctx, js, id)
	if err != nil {
		return Failure{}, err
	}
	if !f.IsOpen() {
		return f, fmt.Errorf("failure %s is %s: only parked work is retried", id, f.Entry.State)
	}
	message, err := again(ctx, js, f)
	if err != nil {
		return f, err
	}
	f.Entry.State, f.Entry.By = event.FailureRetried, by
	entry, err := change(&f, id, sequence, "retried")
	if err != nil {
		return f, err
	}
	// The entry first: a success that follows at once must find it to resolve.
	if err := act(ctx, js, f, entry); err != nil {
		return f, err
	}
	_, err = publish.New(js).Publish(ctx, message)
	if fault.ClassOf(err) == fault.Conflict {
		return f, nil // a newer state came meanwhile: it is under way
	}
	return f, err
}

// act stores the entry that holds an act, then tells the act. Where that fails the transformers tell it.
func act(ctx context.Context, js jetstream.JetStream, f Failure, entry publish.Message) error {
	if _, err := publish.New(js).Publish(ctx, entry); err != nil {
		return err
	}
	if err := audit.Tell(ctx, js, failures.Acts(f.Entry)...); err != nil {
		return fmt.Errorf("failure %s is noted as %s, nothing more was done, and a transformer tells the act when it can: %w", f.Name, f.Entry.State, err)
	}
	return nil
}

func again(ctx context.Context, js jetstream.JetStream, f Failure) (publish.Message, error) {
	at := f.Entry.Message
	m, scope, err := parked(ctx, js, at)
	if err != nil {
		return publish.Message{}, fmt.Errorf("the parked message %s %d: %w", at.Stream, at.Sequence, err)
	}
	data := m.Data
	if at.Stream == topology.Desired {
		if data, err = mended(ctx, js, m); err != nil {
			return publish.Message{}, fmt.Errorf("failure %s: %w", f.Name, err)
		}
	}
	message := publish.Message{
		Stream: at.Stream, Subject: m.Subject, ID: fmt.Sprintf("retry:%s:%d:%d", f.Name, m.Sequence, time.Now().UnixNano()), Header: own(m.Header), Data: data,
	}
	message.Header[event.HeaderOrigin] = []string{string(event.OriginRetry)}
	if scope != "" {
		message.Expect = &publish.Expect{Sequence: m.Sequence, Subject: scope}
	}
	return message, nil
}

// parked reads the message to send again, and the scope in which it must still be the newest.
func parked(ctx context.Context, js jetstream.JetStream, at event.Position) (*jetstream.RawStreamMsg, string, error) {
	stream, err := js.Stream(ctx, at.Stream)
	if err != nil {
		return nil, "", err
	}
	scope, err := newestIn(at)
	if err != nil {
		return nil, "", err
	}
	if scope != "" {
		m, err := stream.GetLastMsgForSubject(ctx, scope)
		return m, scope, err
	}
	m, err := stream.GetMsg(ctx, at.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		m, err = stream.GetLastMsgForSubject(ctx, at.Subject) // aged out, or replaced by a newer one
	}
	return m, "", err
}

// newestIn gives the filter of the states that replace the one at hand; empty where none does.
func newestIn(at event.Position) (string, error) {
	switch at.Stream {
	case topology.Customers, topology.Desired, topology.Outcomes:
		return at.Subject, nil
	case topology.NetSuiteChanges:
		c, err := subject.ParseChange(at.Subject)
		if c.Kind == event.ChangeInventory || c.Kind == event.ChangePrice {
			return at.Subject, err // an old figure must not pass for the newest
		}
		return "", err
	case topology.Orders:
		o, err := subject.ParseOrder(at.Subject)
		return subject.OrdersOf(o.Store, o.Order), err
	default:
		return "", nil
	}
}

// own gives the headers that a message was published with. Those of JetStream belong to the stored message: its
// sequence, read again, would pass for the sequence of the new one.
func own(stored nats.Header) map[string][]string {
	header := map[string][]string{}
	for name, values := range stored {
		if !strings.HasPrefix(name, "Nats-") {
			header[name] = values
		}
	}
	return header
}

// Dismiss closes a failure without a retry; note says why.
func Dismiss(ctx context.Context, js jetstream.JetStream, id, by, note string) (Failure, error) {
	if note == "" {
		return Failure{}, errors.New("note: a dismissal needs a reason")
	}
	f, sequence, err := Find(ctx, js, id)
	if err != nil {
		return Failure{}, err
	}
	if !f.IsOpen() {
		return f, fmt.Errorf("failure %s is %s: only parked work is dismissed", id, f.Entry.State)
	}
	f.Entry.State, f.Entry.By, f.Entry.Note = event.FailureDismissed, by, note
	entry, err := change(&f, id, sequence, note)
	if err != nil {
		return f, err
	}
	return f, act(ctx, js, f, entry)
}

const maxHistory = 20 // lines of a failure's history, as event.FailureParkedV1 says

func change(f *Failure, id string, sequence uint64, text string) (publish.Message, error) {
	now := time.Now().UTC()
	f.Entry.LastAt, f.Entry.Time = now, now
	// Two people may act on one entry at once: the time keeps their acts apart, so that the second hears of the first.
	f.Entry.ID = fmt.Sprintf("failure:%s:%s:%d:%d", id, f.Entry.State, sequence, now.UnixNano())
	f.Entry.History = append(f.Entry.History, event.FailureAttempt{At: now, State: f.Entry.State, Code: f.Entry.Fault.Code, Text: text, By: f.Entry.By})
	f.Entry.History = f.Entry.History[max(0, len(f.Entry.History)-maxHistory):]
	name, err := subject.ParseFailureID(id)
	if err != nil {
		return publish.Message{}, err
	}
	m, err := publish.JSON(topology.Failures, name.String(), f.Entry.Envelope, f.Entry)
	m.Expect = &publish.Expect{Sequence: sequence}
	return m, err
}
