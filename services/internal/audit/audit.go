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

// PlanKey is where the bucket `cursors` keeps how far a replay plan is applied.
func PlanKey(hash string) string { return "replay." + hash }

// Kept is what a value under a PlanKey says of the act that gave the plan its state, beside the rest of it.
type Kept struct {
	Act *event.AuditActedV1 `json:"act"`
}

// System stands for the operator where a rule acts.
const System = "system"

// Tell stores those of the acts that the stream lacks, those of one word in their order. They are known by their ids, whenever
// and by however many processes they are told. What is older than the stream keeps is told no more.
func Tell(ctx context.Context, js jetstream.JetStream, acts ...event.AuditActedV1) error {
	for len(acts) > 0 {
		word := acts[0].Act
		other := func(a event.AuditActedV1) bool { return a.Act != word }
		if err := tell(ctx, js, slices.DeleteFunc(slices.Clone(acts), other)); err != nil {
			return err
		}
		acts = slices.DeleteFunc(slices.Clone(acts), func(a event.AuditActedV1) bool { return !other(a) })
	}
	return nil
}

// tell is Tell of acts of one word.
func tell(ctx context.Context, js jetstream.JetStream, acts []event.AuditActedV1) error {
	for {
		lacking, last, err := untold(ctx, js, acts)
		if err != nil {
			return err
		}
		if err := store(ctx, js, lacking, last); fault.ClassOf(err) != fault.Conflict {
			return err
		}
	}
}

// askew is how wrong the clock of who acts may be: an act may stand that much before its time in the stream.
const askew = 24 * time.Hour

// untold gives the acts that the stream lacks, and the position of the last act of their word that was seen.
func untold(ctx context.Context, js jetstream.JetStream, acts []event.AuditActedV1) (lacking []event.AuditActedV1, last uint64, err error) {
	stream, err := js.Stream(ctx, topology.Audit)
	if err != nil {
		return nil, 0, fmt.Errorf("stream %s: %w", topology.Audit, err)
	}
	age := stream.CachedInfo().Config.MaxAge
	lacking = slices.DeleteFunc(slices.Clone(acts), func(a event.AuditActedV1) bool { return age > 0 && time.Since(a.Time) > age })
	if len(lacking) == 0 {
		return nil, 0, nil
	}
	name := subject.Audit(acts[0].Act)
	newest, err := stream.GetLastMsgForSubject(ctx, name)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return lacking, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", topology.Audit, err)
	}
	told := map[string]bool{}
	last = newest.Sequence
	from := jetstreamext.GetBatchStartTime(oldest(lacking).Add(-askew))
	for read := page; read == page; from = jetstreamext.GetBatchSeq(last + 1) {
		read, err = pass(ctx, js, name, from, func(m *jetstream.RawStreamMsg) {
			told[m.Header.Get(jetstream.MsgIDHeader)], last = true, m.Sequence
		})
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", topology.Audit, err)
		}
	}
	return slices.DeleteFunc(lacking, func(a event.AuditActedV1) bool { return told[a.ID] }), last, nil
}

func oldest(acts []event.AuditActedV1) time.Time {
	return slices.MinFunc(acts, func(a, b event.AuditActedV1) int { return a.Time.Compare(b.Time) }).Time
}

const page = 256 // acts read at once

// pass visits the next acts of a word, and gives how many there were.
func pass(ctx context.Context, js jetstream.JetStream, name string, from jetstreamext.GetBatchOpt, visit func(*jetstream.RawStreamMsg)) (read int, err error) {
	messages, err := jetstreamext.GetBatch(ctx, js, topology.Audit, page, from, jetstreamext.GetBatchSubject(name))
	if err != nil {
		return 0, err
	}
	for m, err := range messages {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return read, err
		}
		visit(m)
		read++
	}
	return read, nil
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
