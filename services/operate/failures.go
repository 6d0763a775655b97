package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
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
	var list []Failure
	err := each(ctx, js, topology.Failures, subject.FailureAll, func(m *jetstream.RawStreamMsg) error {
		f, err := read(m)
		if err == nil && (all || f.IsOpen()) {
			list = append(list, f)
		}
		return err
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

// Retry publishes the parked message again, as it was stored: the stage handles it once more. A message that
// a newer state has replaced is not sent; the newer one is under way.
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
	before := f.Entry.State
	f.Entry.State, f.Entry.By = event.FailureRetried, by
	entry, err := change(&f, id, sequence, "retried")
	if err != nil {
		return f, err
	}
	audit, err := acted("retried", id, by, before, f.Entry.State, "")
	if err != nil {
		return f, err
	}
	// The entry first: a success that follows at once must find it to resolve.
	_, err = publish.New(js).Publish(ctx, entry, audit, message)
	return f, err
}

func again(ctx context.Context, js jetstream.JetStream, f Failure) (publish.Message, error) {
	at := f.Entry.Message
	stream, err := js.Stream(ctx, at.Stream)
	if err != nil {
		return publish.Message{}, err
	}
	m, err := stream.GetMsg(ctx, at.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		// A stream that keeps the newest per subject has replaced it.
		m, err = stream.GetLastMsgForSubject(ctx, at.Subject)
	}
	if err != nil {
		return publish.Message{}, fmt.Errorf("the parked message %s %d: %w", at.Stream, at.Sequence, err)
	}
	header := map[string][]string{}
	maps.Copy(header, m.Header)
	delete(header, jetstream.MsgIDHeader)
	header[event.HeaderOrigin] = []string{string(event.OriginRetry)}
	message := publish.Message{
		Stream: at.Stream, Subject: m.Subject, ID: fmt.Sprintf("retry:%s:%d:%d", f.Name, m.Sequence, time.Now().UnixNano()), Header: header, Data: m.Data,
	}
	if at.Stream == topology.Desired {
		message.Expect = &publish.Expect{Sequence: m.Sequence}
	}
	return message, nil
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
	before := f.Entry.State
	f.Entry.State, f.Entry.By, f.Entry.Note = event.FailureDismissed, by, note
	entry, err := change(&f, id, sequence, note)
	if err != nil {
		return f, err
	}
	audit, err := acted("dismissed", id, by, before, f.Entry.State, note)
	if err != nil {
		return f, err
	}
	_, err = publish.New(js).Publish(ctx, entry, audit)
	return f, err
}

func change(f *Failure, id string, sequence uint64, text string) (publish.Message, error) {
	now := time.Now().UTC()
	f.Entry.LastAt, f.Entry.Time = now, now
	f.Entry.ID = fmt.Sprintf("failure:%s:%s:%d", id, f.Entry.State, sequence)
	f.Entry.History = append(f.Entry.History, event.FailureAttempt{At: now, State: f.Entry.State, Code: f.Entry.Fault.Code, Text: text})
	name, err := subject.ParseFailureID(id)
	if err != nil {
		return publish.Message{}, err
	}
	m, err := publish.JSON(topology.Failures, name.String(), f.Entry.Envelope, f.Entry)
	m.Expect = &publish.Expect{Sequence: sequence}
	return m, err
}

func acted(act, what, by, before, after, note string) (publish.Message, error) {
	now := time.Now().UTC()
	body := event.AuditActedV1{
		Envelope: event.Envelope{Type: "audit.v1." + act, ID: fmt.Sprintf("audit:%s:%s:%d", act, what, now.UnixNano()), Time: now},
		Act:      act, By: by, What: what, Before: map[string]string{"state": before}, After: map[string]string{"state": after}, Note: note,
	}
	return publish.JSON(topology.Audit, subject.Audit(act), body.Envelope, body)
}
