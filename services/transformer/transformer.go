// Package transformer makes events of deliveries (parse: WOO → ORDERS, CUSTOMERS, READS) and desired states
// of events (map: ORDERS → DESIRED, CUSTOMERS → DESIRED): durable consumers, so that each can be replayed alone. It never
// calls out (Invariant 6): what a mapping asks for beside the event is read from NETSUITE_CHANGES and CUSTOMERS and recorded in
// the desired state. Any number of transformers may run.
package transformer

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/alert"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// Unit is the service.
var Unit = host.Unit{Name: "transformer", New: func(ctx context.Context, env host.Env) (host.Service, error) { return New(ctx, env) }}

// Service runs the steps.
type Service struct {
	parse, mapping *consume.Consumer
	customers      *consume.Consumer
	mappings       *book
	lookups        *lookups
	shadows        *shadows
	teller         *teller
	witness        *witness
	alerts         *alert.Raiser
	books          []*failures.Book
}

// The stages' words in failures, metrics and traces.
const (
	StageParse = "parse"
	StageMap   = "map"
)

// New compiles the active revisions of the mappings and prepares the consumers.
func New(ctx context.Context, env host.Env) (*Service, error) {
	s := &Service{alerts: alert.New(env.JS, env.Log, "transformer")}
	mappings, err := load(ctx, env.JS, env.Log, env.Config)
	if err != nil {
		return nil, err
	}
	s.mappings = mappings
	s.teller, s.witness = newTeller(env.JS, env.Log, mappings), newWitness(env.JS, env.Log)
	s.lookups = newLookups(env.JS, env.Log, env.Config)
	if s.shadows, err = newShadows(ctx, env.JS, env.Log, env.Config, mappings, s.lookups); err != nil {
		return nil, err
	}
	p, m := &parser{js: env.JS, alerts: s.alerts}, &mapper{js: env.JS, config: env.Config, mappings: mappings, lookups: s.lookups}
	if s.parse, err = s.stage(ctx, env.JS, env.Log, topology.Woo, topology.ConsumerParse, StageParse, p.handle, p.lane); err != nil {
		return nil, err
	}
	if s.mapping, err = s.stage(ctx, env.JS, env.Log, topology.Orders, topology.ConsumerMap, StageMap, m.handle, m.lane); err != nil {
		return nil, err
	}
	c := &customers{js: env.JS, config: env.Config, mappings: mappings}
	s.customers, err = s.stage(ctx, env.JS, env.Log, topology.Customers, topology.ConsumerMapCustomers, StageMap, c.handle, c.lane)
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

// Ready says nil, or which active mapping revision cannot be used; the steps follow their streams whenever JetStream is
// there.
func (s *Service) Ready() error { return s.mappings.Ready() }

// Run works until ctx ends, then drains.
func (s *Service) Run(ctx context.Context) error {
	defer s.lookups.close()
	defer func() {
		for _, book := range s.books {
			book.Close()
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { s.alerts.Run(ctx); return nil })
	group.Go(func() error { return s.mappings.Run(ctx) })
	group.Go(func() error { s.teller.Run(ctx); return nil })
	group.Go(func() error { s.witness.Run(ctx); return nil })
	group.Go(func() error { s.shadows.Run(ctx); return nil })
	group.Go(func() error { return s.parse.Run(ctx) })
	group.Go(func() error { return s.mapping.Run(ctx) })
	group.Go(func() error { return s.customers.Run(ctx) })
	return group.Wait()
}
