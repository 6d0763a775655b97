package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/ingest/doorlog"
	"github.com/orderstream/orderstream/services/internal/pause"
)

// lasting tells an error that the same record meets every time.
func lasting(err error) bool {
	class := fault.ClassOf(err)
	return class == fault.Terminal || class == fault.Poison
}

// setAside keeps a record that JetStream refuses for good and lets the rest go on. Where the disk does not take it the
// record stays in the queue and nothing goes on: what is cut and lies nowhere is lost (Invariant 3).
func (f *forwarder) setAside(record doorlog.Record, cause error) bool {
	if err := f.doorLog.SetAside(record.Sequence, cause.Error()); err != nil && !errors.Is(err, doorlog.ErrAside) {
		f.log.Error("setting aside failed and is tried again", "code", fault.DoorLogFailed, "sequence", record.Sequence, "error", err)
		return false
	}
	f.log.Error("delivery set aside", "code", fault.CodeOf(cause), "sequence", record.Sequence, "subject", subjectOf(record), "error", cause)
	f.alerts.Raise(event.AlertSetAside, "", fault.CodeOf(cause), "a delivery could not be stored in JetStream and lies aside in the door log",
		map[string]string{"sequence": fmt.Sprint(record.Sequence), "bytes": fmt.Sprint(len(record.Data)), "subject": subjectOf(record)})
	return true
}

// subjectOf names the object that a record is about; "" where it cannot be read.
func subjectOf(record doorlog.Record) string {
	message, err := unseal(record.Data)
	if err != nil {
		return ""
	}
	return message.Subject
}

// retryAsides tries what lies aside at the start, and whenever the server is back and takes larger messages than before.
func (f *forwarder) retryAsides(ctx context.Context, back <-chan nats.Status) {
	for tried := int64(0); ctx.Err() == nil; {
		if limit := f.limit(); limit > tried {
			if !f.tryAsides(ctx) {
				pause.For(ctx, lastWait)
				continue
			}
			tried = limit
		}
		select {
		case _, open := <-back:
			if !open {
				back = nil
			}
		case <-ctx.Done():
		}
	}
}

// tryAsides sends each record that lies aside, in order. What is refused again stays; false: not all could be asked for.
func (f *forwarder) tryAsides(ctx context.Context) bool {
	sent, stay := 0, 0
	for after := uint64(0); ; {
		aside, found, err := f.doorLog.NextAside(after)
		if err == nil && found {
			err = f.resend(ctx, aside)
		}
		switch {
		case err == nil && !found:
			if sent+stay > 0 {
				f.log.Info("records set aside were tried again", "sent", sent, "stay", stay)
			}
			return true
		case err == nil:
			sent++
		case lasting(err):
			stay++
			f.log.Warn("a record stays aside", "code", fault.CodeOf(err), "sequence", aside.Sequence, "subject", subjectOf(aside.Record), "at", aside.At,
				"bytes", len(aside.Data), "reason", aside.Reason, "error", err)
		default:
			if ctx.Err() == nil {
				f.log.Warn("records set aside cannot be tried yet", "code", fault.CodeOf(err), "error", err)
			}
			return false
		}
		after = aside.Sequence
	}
}

// resend gives a record its way back. A crash in between sends it twice; its message id makes that harmless.
func (f *forwarder) resend(ctx context.Context, aside doorlog.Aside) error {
	if !aside.Whole {
		return fault.New(fault.MessageUndecodable, "a record must be whole")
	}
	if _, err := f.send(ctx, []doorlog.Record{aside.Record}); err != nil {
		return err
	}
	return f.doorLog.Drop(aside.Sequence)
}
