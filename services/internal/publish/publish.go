// Package publish is the only place that publishes. Every message carries an id, names the stream it is
// meant for (a mis-wired subject fails loudly) and the trace it belongs to; a conflict that turns out to be
// our own earlier write is a success.
package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/telemetry"
)

// Message is one message to be stored.
type Message struct {
	Stream  string
	Subject string
	ID      string // Nats-Msg-Id: suppresses a repeat inside the stream's duplicate window
	Header  map[string][]string
	Data    []byte
	Expect  *Expect // nil: unconditional
}

// Expect is a compare-and-swap: the newest message on Subject must have this sequence, 0 = none.
type Expect struct {
	Sequence uint64
	Subject  string // may hold wildcards; empty: the message's own subject
}

// Ack is the server's confirmation.
type Ack struct {
	Sequence  uint64
	Duplicate bool // the id was stored before; Sequence is the first one's
}

// JSON makes a message of a typed body in canonical encoding.
func JSON(stream, subject string, envelope event.Envelope, body any) (Message, error) {
	data, err := codec.Encode(body)
	if err != nil {
		return Message{}, fmt.Errorf("encode %s: %w", envelope.Type, err)
	}
	header := map[string][]string{event.HeaderType: {envelope.Type}}
	return Message{Stream: stream, Subject: subject, ID: envelope.ID, Header: header, Data: data}, nil
}

// Publisher stores messages in JetStream.
type Publisher struct{ js jetstream.JetStream }

// New makes a publisher.
func New(js jetstream.JetStream) *Publisher { return &Publisher{js} }

// Publish stores the messages one after the other and returns when the last is confirmed. On error the
// messages before the failing one are stored: a repeat with the same ids is harmless.
func (p *Publisher) Publish(ctx context.Context, messages ...Message) ([]Ack, error) {
	acks := make([]Ack, 0, len(messages))
	for i := range messages {
		ack, err := p.one(ctx, &messages[i])
		if err != nil {
			return acks, fmt.Errorf("publish %s: %w", messages[i].Subject, err)
		}
		acks = append(acks, ack)
	}
	return acks, nil
}

func (p *Publisher) one(ctx context.Context, m *Message) (Ack, error) {
	options := []jetstream.PublishOpt{jetstream.WithExpectStream(m.Stream)}
	if m.Expect != nil {
		options = append(options, jetstream.WithExpectLastSequenceForSubject(m.Expect.Sequence, m.scope()))
	}
	ack, err := p.js.PublishMsg(ctx, m.wire(ctx), options...)
	if err == nil {
		return Ack{ack.Sequence, ack.Duplicate}, nil
	}
	err = Classify(err)
	if fault.CodeOf(err) == fault.StreamConflict && m.Expect != nil {
		return p.mine(ctx, m, err)
	}
	return Ack{}, err
}

// Send hands a message to whoever listens to a subject that no stream keeps; nobody confirms it. Flush ends what was sent.
func (p *Publisher) Send(ctx context.Context, m Message) error {
	if err := p.js.Conn().PublishMsg(m.wire(ctx)); err != nil {
		return fmt.Errorf("send %s: %w", m.Subject, err)
	}
	return nil
}

// Flush waits until the server has taken what was sent.
func (p *Publisher) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // the client wants an end
	defer cancel()
	return p.js.Conn().FlushWithContext(ctx)
}

// mine tells a lost confirmation from a lost race: after a lost PubAck the repeat of a conditional publish
// conflicts with itself.
func (p *Publisher) mine(ctx context.Context, m *Message, conflict error) (Ack, error) {
	stream, err := p.js.Stream(ctx, m.Stream)
	if err != nil {
		return Ack{}, Classify(err)
	}
	last, err := stream.GetLastMsgForSubject(ctx, m.scope())
	if err != nil || m.ID == "" || last.Header.Get(jetstream.MsgIDHeader) != m.ID {
		return Ack{}, conflict
	}
	return Ack{Sequence: last.Sequence, Duplicate: true}, nil
}

func (m *Message) scope() string {
	if m.Expect.Subject != "" {
		return m.Expect.Subject
	}
	return m.Subject
}

func (m *Message) wire(ctx context.Context) *nats.Msg {
	header := make(nats.Header, len(m.Header)+4)
	for name, values := range m.Header {
		header[name] = values
	}
	if m.ID != "" {
		header.Set(jetstream.MsgIDHeader, m.ID)
	}
	telemetry.Inject(ctx, header)
	return &nats.Msg{Subject: m.Subject, Header: header, Data: m.Data}
}

// Error codes of JetStream that decide what happens next.
const (
	codeWrongLastSequence         = 10071
	codeWrongLastSequenceConstant = 10164
	codeDuplicateInFlight         = 10158
)

// Classify gives a JetStream error its fault. A full stream (10077), an overloaded one (10167) and an
// unreachable one are Unavailable; an expectation that failed is a Conflict.
func Classify(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, nats.ErrMaxPayload):
		return fault.New(fault.RecordTooLarge, "a message must fit the server's max_payload", fault.Because(err))
	case errors.As(err, &api):
		return classifyAPI(api, err)
	default:
		return fault.New(fault.StreamUnavailable, "JetStream must confirm the message", fault.Because(err))
	}
}

func classifyAPI(api *jetstream.APIError, err error) error {
	switch api.ErrorCode {
	case codeWrongLastSequence, codeWrongLastSequenceConstant, codeDuplicateInFlight:
		return fault.New(fault.StreamConflict, "the newest message of the subject must be the expected one", fault.Because(err))
	case jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return fault.New(fault.RecordTooLarge, "a message must fit the stream's limit", fault.Because(err))
	default:
		return fault.New(fault.StreamUnavailable, "JetStream must take the message", fault.Because(err))
	}
}
