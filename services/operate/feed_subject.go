package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/operate/replay"
)

// FedSubject is a subject that got history again.
type FedSubject struct {
	Subject   string `json:"subject"`
	Stream    string `json:"stream,omitempty"` // the channel's own that keeps it; empty: whoever listened
	Filter    string `json:"filter"`
	Published int    `json:"published"` // order events
}

// FeedSubject publishes the history of order events once more, in its order, to a subject of a channel: as they were
// stored, with a header that says so and where from. Where the subject belongs to a stream of the channel each is
// confirmed; otherwise whoever listens gets them. Nothing else of Orderstream hears of it. progress, if not nil, hears how
// many of how many were published.
func FeedSubject(ctx context.Context, js jetstream.JetStream, to, store string, since time.Time, by, note string, progress func(done, all int)) (FedSubject, error) {
	f := FedSubject{Subject: to, Filter: subject.OrderAll}
	if store != "" {
		if err := replay.Knows(ctx, js, store); err != nil {
			return f, err
		}
		f.Filter = subject.OrdersIn(store)
	}
	var err error
	if f.Stream, err = foreign(ctx, js, to); err != nil {
		return f, err
	}
	a := feeding{js, f.Subject, by, note, map[string]string{"filter": f.Filter, "since": since.UTC().Format(time.RFC3339), "stream": f.Stream}}
	err = a.do(ctx, func() error {
		err := f.pass(ctx, js, since, progress)
		a.facts["published"] = fmt.Sprint(f.Published)
		return err
	})
	return f, err
}

// foreign names the stream that keeps a subject, "" where none does; it is no stream of Orderstream's.
func foreign(ctx context.Context, js jetstream.JetStream, to string) (string, error) {
	tokens := strings.Split(to, ".")
	if strings.ContainsAny(to, "*> \t\r\n") || slices.Contains(tokens, "") || strings.HasPrefix(to, "$") || tokens[0] == "_INBOX" {
		return "", fmt.Errorf("to = %q: want a subject of a channel, without wildcards", to)
	}
	name, err := js.StreamNameBySubject(ctx, to)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("to = %q: %w", to, err)
	}
	own := topology.Of(topology.Params{}).Streams
	if slices.ContainsFunc(own, func(s jetstream.StreamConfig) bool { return s.Name == name }) {
		return "", fmt.Errorf("to = %q: stream %s is Orderstream's own", to, name)
	}
	return name, nil
}

// pass goes through the events that are stored when it begins.
func (f *FedSubject) pass(ctx context.Context, js jetstream.JetStream, since time.Time, progress func(done, all int)) error {
	from := jetstream.OrderedConsumerConfig{FilterSubjects: []string{f.Filter}}
	if !since.IsZero() {
		from.DeliverPolicy, from.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	}
	consumer, err := js.OrderedConsumer(ctx, topology.Orders, from)
	if err != nil {
		return fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	all := int(consumer.CachedInfo().NumPending)
	if all == 0 {
		return nil
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("stream %s: %w", topology.Orders, err)
	}
	defer messages.Stop()
	publisher, run := publish.New(js), time.Now().UnixNano()
	for f.Published < all {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read %s: %w", topology.Orders, err)
		}
		if err := f.one(ctx, publisher, m, run); err != nil {
			return err
		}
		if f.Published++; progress != nil {
			progress(f.Published, all)
		}
	}
	return publisher.Flush(ctx)
}

// one publishes an event under a new message id: a channel's stream takes it for no duplicate.
func (f *FedSubject) one(ctx context.Context, publisher *publish.Publisher, m jetstream.Msg, run int64) error {
	metadata, err := m.Metadata()
	if err != nil {
		return err
	}
	header := maps.Clone(map[string][]string(m.Headers()))
	maps.DeleteFunc(header, func(name string, _ []string) bool { return strings.HasPrefix(name, "Nats-") })
	header[event.HeaderReplayed] = []string{fmt.Sprintf("%s %d %s", topology.Orders, metadata.Sequence.Stream, m.Subject())}
	out := publish.Message{Stream: f.Stream, Subject: f.Subject, ID: fmt.Sprintf("feed:%d:%d", run, metadata.Sequence.Stream), Header: header, Data: m.Data()}
	if f.Stream != "" {
		_, err = publisher.Publish(ctx, out)
		return err
	}
	if err := publisher.Send(ctx, out); err != nil || f.Published%sentAhead != sentAhead-1 {
		return err
	}
	return publisher.Flush(ctx)
}

// sentAhead is how many messages are sent before the server must have taken them: it is not run over.
const sentAhead = 256
