package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/pause"
)

const (
	connectWithin = 15 * time.Second // how long a process that needs JetStream waits for it, and for the proof, at the start
	firstAsk      = 250 * time.Millisecond
	lastAsk       = 30 * time.Second // between two looks at what is not known yet
)

// prover checks the server before anything relies on it, and goes on asking what could not be asked.
type prover struct {
	config Config
	link   Connection
	js     jetstream.JetStream
	log    *slog.Logger
	proven chan struct{}
	doubt  atomic.Pointer[error] // what is not known or not right at present; nil: nothing
}

// start proves the server. Units that need it wait for it a while; offline ones start without it, unless it is there
// and seen to be wrong.
func (p *prover) start(ctx context.Context, offline bool) error {
	if offline {
		if !p.link.Conn.IsConnected() {
			return nil
		}
		if err := p.step(ctx); fault.ClassOf(err) == fault.Terminal {
			return err
		}
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	if err := connected(wait, p.link.Conn); err != nil {
		return fmt.Errorf("connect to NATS: no server answers within %v: %w", connectWithin, err)
	}
	for {
		err := p.step(ctx)
		if err == nil || fault.ClassOf(err) == fault.Terminal {
			return err
		}
		if !pause.For(wait, firstAsk) {
			return fmt.Errorf("the server cannot be proven within %v: %w", connectWithin, err)
		}
	}
}

// run goes on until the server is proven and nothing is in doubt.
func (p *prover) run(ctx context.Context) {
	for wait := firstAsk; !p.isProven() || p.doubt.Load() != nil; wait = min(2*wait, lastAsk) {
		if connected(ctx, p.link.Conn) != nil {
			return
		}
		if p.isProven() || p.doubt.Load() != nil { // asked before
			pause.For(ctx, wait)
		}
		if ctx.Err() == nil {
			_ = p.step(ctx) // it stands in doubt
		}
	}
}

// step asks once. What is proven stays so: a process that works is not ended by what a node says later, it tells.
func (p *prover) step(ctx context.Context) error {
	doubt, err := proveDurable(ctx, p.config, p.link)
	if err == nil && !p.isProven() {
		if err = topology.Ensure(ctx, p.js, Topology(p.config)); err == nil {
			close(p.proven)
		}
	}
	p.note(errors.Join(err, doubt))
	return err
}

func (p *prover) isProven() bool {
	select {
	case <-p.proven:
		return true
	default:
		return false
	}
}

// note logs what has changed.
func (p *prover) note(doubt error) {
	before := p.doubt.Load()
	if doubt == nil {
		if p.doubt.Store(nil); before != nil {
			p.log.Info("the server is proven")
		}
		return
	}
	p.doubt.Store(&doubt)
	if before == nil || (*before).Error() != doubt.Error() {
		p.log.Warn("the server is not proven, or not all of it", "code", fault.CodeOf(doubt), "error", doubt)
	}
}

// degraded says what is in doubt, or "".
func (p *prover) degraded() string {
	if doubt := p.doubt.Load(); doubt != nil {
		return "NATS: " + (*doubt).Error()
	}
	return ""
}

// connected waits for the connection.
func connected(ctx context.Context, conn *nats.Conn) error {
	for !conn.IsConnected() {
		if !pause.For(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}
