package host

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// streams is a JetStream that looks each stream up once: a look-up costs the server a request of its own, and
// services read the newest message of a subject many times a second. What a handle's CachedInfo says is old.
type streams struct {
	jetstream.JetStream

	mu    sync.Mutex
	known map[string]jetstream.Stream
}

func newJetStream(conn *nats.Conn) (jetstream.JetStream, error) {
	js, err := jetstream.New(conn)
	return &streams{JetStream: js, known: map[string]jetstream.Stream{}}, err
}

// Stream gives the stream's handle.
func (s *streams) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s.mu.Lock()
	stream, known := s.known[name]
	s.mu.Unlock()
	if known {
		return stream, nil
	}
	stream, err := s.JetStream.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[name] = stream
	return stream, nil
}
