// Package audit puts acts into the stream AUDIT, each once. What an act did is kept with who did it and why in one write; the
// act is told of that, by who did it or, where that process died in between, by whoever finds it untold.
package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// System stands for the operator where a rule acts.
const System = "system"

// Tell stores those of the acts that the stream lacks, in their order. They are of one word, and known by their ids, whenever
// and by however many processes they are told. What is older than the stream keeps is told no more.
func Tell(ctx context.Context, js jetstream.JetStream, acts ...event.AuditActedV1) error {
	for len(acts) > 0 {
		lacking, last, err := untold(ctx, js, acts)
		if err != nil {
			return err
		}
		if err := store(ctx, js, lacking, last); fault.ClassOf(err) != fault.Conflict {
			return err
		}
	}
	return nil
}

// untold gives the acts that the stream lacks, and the position of the last act of their word that was seen.
func untold(ctx context.Context, js jetstream.JetStream, acts []event.AuditActedV1) (lacking []event.AuditActedV1, last uint64, err error) {
	stream, err := js.Stream(ctx, topology.Audit)
	if err != nil {
		return nil, 0, fmt.Errorf("stream %s: %w", topology.Audit, err)
	}
	age := stream.CachedInfo().Config.MaxAge
	lacking = slices.DeleteFunc(slices.Clone(acts), func(a event.AuditActedV1) bool { return age > 0 && time.Since(a.Time) > age })
	for more := true; more && len(lacking) > 0; {
		before := last
		last, err = pass(ctx, js, subject.Audit(acts[0].Act), last, func(id string) {
			lacking = slices.DeleteFunc(lacking, func(a event.AuditActedV1) bool { return a.ID == id })
		})
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", topology.Audit, err)
		}
		more = last > before
	}
	return lacking, last, nil
}

const page = 256 // acts read at once

// pass visits the next acts of a word behind a position, and gives that of the last one.
func pass(ctx context.Context, js jetstream.JetStream, name string, after uint64, visit func(id string)) (last uint64, err error) {
	messages, err := jetstreamext.GetBatch(ctx, js, topology.Audit, page, jetstreamext.GetBatchSeq(after+1), jetstreamext.GetBatchSubject(name))
	if err != nil {
		return after, err
	}
	last = after
	for m, err := range messages {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return last, err
		}
		visit(m.Header.Get(jetstream.MsgIDHeader))
		last = m.Sequence
	}
	return last, nil
}

// store publishes acts behind the last one of their word that was seen: whoever has told one since is a conflict. The message
// id alone would not do, since the stream forgets it.
func store(ctx context.Context, js jetstream.JetStream, acts []event.AuditActedV1, last uint64) error {
	publisher := publish.New(js)
	for _, a := range acts {
		m, err := publish.JSON(topology.Audit, subject.Audit(a.Act), a.Envelope, a)
		if err != nil {
			return err
		}
		m.Expect = &publish.Expect{Sequence: last}
		acks, err := publisher.Publish(ctx, m)
		if err != nil {
			return err
		}
		last = acks[0].Sequence
	}
	return nil
}
