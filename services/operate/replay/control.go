package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/topology"
)

// Control pauses or cancels a plan, whoever runs it, and gives the progress with which its runner stopped.
func Control(ctx context.Context, js jetstream.JetStream, hash string, to State, by, why string) (Progress, error) {
	plan, _, err := Load(ctx, js, hash)
	if err != nil {
		return Progress{}, err
	}
	cursors, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return Progress{}, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	before, p, revision, err := turn(ctx, js, cursors, plan, to, by, why)
	if err != nil {
		return p, err
	}
	if before == StateRunning {
		if p, err = heard(ctx, cursors, plan, p, revision); err != nil {
			return p, err
		}
	}
	return p, p.tell(ctx, js)
}

// Stands tells how far a plan is applied.
func Stands(ctx context.Context, js jetstream.JetStream, plan Plan) (Progress, error) {
	cursors, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return Progress{}, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	p, _, err := read(ctx, cursors, plan)
	return p, err
}

// turn writes the state, however often a runner notes its progress meanwhile.
func turn(ctx context.Context, js jetstream.JetStream, cursors jetstream.KeyValue, plan Plan, to State, by, why string) (before State, p Progress, revision uint64, err error) {
	for {
		if p, revision, err = read(ctx, cursors, plan); err != nil {
			return before, p, revision, err
		}
		if before = p.State; before == StateDone || before == StateCancelled {
			return before, p, revision, fmt.Errorf("plan %s is %s already", plan.Hash, before)
		}
		if before == to {
			return before, p, revision, nil
		}
		if err := p.tell(ctx, js); err != nil {
			return before, p, revision, err
		}
		p.turn(plan, to, by, why)
		data, err := codec.Encode(p)
		if err != nil {
			return before, p, revision, err
		}
		if revision, err = cursors.Update(ctx, keyOf(plan), data, revision); !moved(err) {
			return before, p, revision, err
		}
	}
}

func moved(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
}

// answers is for how long the runner's word is waited for: one that died gives none.
const answers = 2 * time.Second

// heard gives the progress with which the runner stopped.
func heard(ctx context.Context, cursors jetstream.KeyValue, plan Plan, p Progress, revision uint64) (Progress, error) {
	watch, err := cursors.Watch(ctx, keyOf(plan), jetstream.ResumeFromRevision(revision+1))
	if err != nil {
		return p, err
	}
	defer func() { _ = watch.Stop() }()
	patience := time.NewTimer(answers)
	defer patience.Stop()
	for {
		select {
		case entry, open := <-watch.Updates():
			switch {
			case !open:
				return p, nil
			case entry == nil: // what was there has been handed on
				continue
			}
			return codec.Decode[Progress](entry.Value())
		case <-patience.C:
			return p, nil
		case <-ctx.Done():
			return p, ctx.Err()
		}
	}
}

// listen hears what Control says until the returned function is called.
func (r *runner) listen(ctx context.Context, revision uint64) (stop func(), err error) {
	watch, err := r.cursors.Watch(ctx, keyOf(r.plan), jetstream.ResumeFromRevision(revision+1))
	if err != nil {
		return nil, fmt.Errorf("watch plan %s: %w", r.plan.Hash, err)
	}
	go func() {
		for entry := range watch.Updates() {
			if entry == nil {
				continue
			}
			if p, err := codec.Decode[Progress](entry.Value()); err == nil && (p.State == StatePaused || p.State == StateCancelled) {
				r.stopped.Store(true)
			}
		}
	}()
	return func() { _ = watch.Stop() }, nil
}

// ended is where a run stops before the plan's end: where Control said so, its word is kept with the counts of the run.
func (r *runner) ended(ctx context.Context, p Progress, cause error) (Progress, error) {
	if !errors.Is(cause, errStopped) && !moved(cause) {
		return p, cause
	}
	for {
		told, revision, err := r.progress(ctx)
		if err != nil {
			return p, err
		}
		switch told.State {
		case StateRunning:
			return p, fmt.Errorf("plan %s is applied by another command", r.plan.Hash)
		case StatePlanned:
			return p, fmt.Errorf("plan %s was cancelled and is made again", r.plan.Hash)
		}
		p.State, p.By, p.At, p.Act = told.State, told.By, told.At, told.Act
		p.count()
		if _, err := r.keep(ctx, p, revision); !moved(err) {
			return p, err
		}
	}
}
