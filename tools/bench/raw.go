package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/orderstream/orderstream/services/host/embednats"
)

// rawCase is one way to store the same bytes in JetStream without a door.
type rawCase struct {
	sync       bool
	publishers int
	batch      int // messages per atomic batch; 1: single publishes
	count      int
}

func (c rawCase) String() string {
	how := fmt.Sprintf("one by one, %d publishers", c.publishers)
	if c.batch > 1 {
		how = fmt.Sprintf("atomic batches of %d", c.batch)
	}
	if c.sync {
		return how + ", fsynced"
	}
	return how + ", not fsynced"
}

// run publishes and gives messages/s and the latency of a publish or batch.
func (c rawCase) run(ctx context.Context, t template) (_ result, err error) {
	dir, remove, err := scratch()
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	server, err := embednats.Start(embednats.Options{Dir: dir, SyncAlways: c.sync})
	if err != nil {
		return result{}, err
	}
	defer server.Stop()
	conn, err := server.Connect()
	if err != nil {
		return result{}, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return result{}, err
	}
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "RAW", Subjects: []string{"raw.>"}, AllowAtomicPublish: true}); err != nil {
		return result{}, err
	}
	return c.publish(ctx, js, messages(t, c.count))
}

func messages(t template, n int) []*nats.Msg {
	list := make([]*nats.Msg, n)
	for i := range list {
		list[i] = &nats.Msg{Subject: fmt.Sprintf("raw.%d", i), Data: t.order(i + 1), Header: nats.Header{jetstream.MsgIDHeader: {fmt.Sprint(i)}}}
	}
	return list
}

func (c rawCase) publish(ctx context.Context, js jetstream.JetStream, list []*nats.Msg) (result, error) {
	batches := len(list) / c.batch
	times := make([]time.Duration, batches)
	problems := make([]error, c.publishers)
	var next atomic.Int64
	var running sync.WaitGroup
	started := time.Now()
	for n := range c.publishers {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(batches); i = next.Add(1) - 1 {
				from := time.Now()
				if problems[n] = c.one(ctx, js, list[int(i)*c.batch:][:c.batch]); problems[n] != nil {
					return
				}
				times[i] = time.Since(from)
			}
		})
	}
	running.Wait()
	r := finish(started, times)
	r.count = batches * c.batch
	return r, errors.Join(problems...)
}

func (c rawCase) one(ctx context.Context, js jetstream.JetStream, list []*nats.Msg) error {
	if c.batch == 1 {
		_, err := js.PublishMsg(ctx, list[0])
		return err
	}
	_, err := jetstreamext.PublishMsgBatch(ctx, js, list)
	return err
}
