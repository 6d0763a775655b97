// Package transformer makes events of deliveries (parse: WOO → ORDERS, CUSTOMERS, READS) and desired states
// of events (map: ORDERS → DESIRED): two durable consumers, so that each can be replayed alone. It never
// calls out (Invariant 6); any number of transformers may run.
package transformer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/alert"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Unit is the service.
var Unit = host.Unit{Name: "transformer", New: func(ctx context.Context, env host.Env) (host.Service, error) { return New(ctx, env) }}

// Service runs both steps.
type Service struct {
	parse, mapping *consume.Consumer
	alerts         *alert.Raiser
	books          []*failures.Book
}

// The stages' words in failures, metrics and traces.
const (
	StageParse = "parse"
	StageMap   = "map"
)

// New compiles the mappings, records their revisions and prepares both consumers.
func New(ctx context.Context, env host.Env) (*Service, error) {
	s := &Service{alerts: alert.New(env.JS, env.Log, "transformer")}
	mappings, err := load(ctx, env.JS, env.Config)
	if err != nil {
		return nil, err
	}
	p, m := &parser{js: env.JS, alerts: s.alerts}, &mapper{js: env.JS, config: env.Config, mappings: mappings}
	if s.parse, err = s.stage(ctx, env.JS, env.Log, topology.Woo, topology.ConsumerParse, StageParse, p.handle, p.lane); err != nil {
		return nil, err
	}
	s.mapping, err = s.stage(ctx, env.JS, env.Log, topology.Orders, topology.ConsumerMap, StageMap, m.handle, m.lane)
	return s, err
}

// identity gives store and object of a message, for its failure entry.
type identity func(m consume.Message) (store, key string)

func (s *Service) stage(ctx context.Context, js jetstream.JetStream, log *slog.Logger, stream, durable, stage string, handle consume.Handler, lane identity) (*consume.Consumer, error) {
	book, err := failures.Open(context.WithoutCancel(ctx), js, stage)
	if err != nil {
		return nil, err
	}
	s.books = append(s.books, book)
	return consume.New(js, log, consume.Config{
		Stream: stream, Durable: durable, Stage: stage, Settle: stage == StageParse,
		Lane: func(m consume.Message) string { store, key := lane(m); return store + "\x00" + key },
		Handle: func(ctx context.Context, m consume.Message) ([]publish.Message, error) {
			outputs, err := handle(ctx, m)
			if err != nil || len(outputs) > 0 && stage == StageParse {
				return outputs, err
			}
			store, key := lane(m)
			resolved, err := book.Resolve(ctx, store, key, m.Position(), m.StoredAt)
			return append(outputs, resolved...), err
		},
		Park: func(ctx context.Context, m consume.Message, cause error) ([]publish.Message, error) {
			store, key := lane(m)
			return book.Park(ctx, store, key, m.Position(), failures.FaultOf(cause), time.Now().UTC())
		},
	})
}

// Ready says nil: both steps follow their streams whenever JetStream is there.
func (s *Service) Ready() error { return nil }

// Run works until ctx ends, then drains.
func (s *Service) Run(ctx context.Context) error {
	defer func() {
		for _, book := range s.books {
			book.Close()
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { s.alerts.Run(ctx); return nil })
	group.Go(func() error { return s.parse.Run(ctx) })
	group.Go(func() error { return s.mapping.Run(ctx) })
	return group.Wait()
}

// active is a compiled mapping and the position of its revision in the history.
type active struct {
	*mapping.Mapping
	published uint64
}

// load compiles every configured mapping and keeps its bytes: a desired state of the past can be derived
// again with the mapping of then.
func load(ctx context.Context, js jetstream.JetStream, c config.Config) (map[string]active, error) {
	bucket, err := js.KeyValue(ctx, topology.Mappings)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", topology.Mappings, err)
	}
	all := map[string]active{}
	for name, m := range c.Mappings {
		data := mapping.Default
		if m.File != "default" {
			if data, err = mapping.Load(m.File, os.ReadFile); err != nil {
				return nil, fault.New(fault.ConfigurationWrong, "want a file that can be read", fault.Field("mappings."+name+".file", m.File), fault.Because(err))
			}
		}
		compiled, err := mapping.Compile(data)
		if err != nil {
			return nil, fmt.Errorf("mappings.%s: %w", name, err)
		}
		published, err := record(ctx, bucket, name+"."+compiled.Revision(), data)
		if err != nil {
			return nil, err
		}
		all[name] = active{compiled, published}
	}
	return all, nil
}

func record(ctx context.Context, bucket jetstream.KeyValue, key string, data []byte) (uint64, error) {
	revision, err := bucket.Create(ctx, key, data)
	if errors.Is(err, jetstream.ErrKeyExists) {
		entry, err := bucket.Get(ctx, key)
		if err != nil {
			return 0, fmt.Errorf("mapping revision %s: %w", key, err)
		}
		return entry.Revision(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("mapping revision %s: %w", key, err)
	}
	return revision, nil
}
