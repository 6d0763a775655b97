package consume

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lanes keep order within a key and run different keys side by side, at most Config.Lanes at once.
type lanes struct {
	consumer *Consumer
	ackWait  time.Duration
	slots    chan struct{} // handlers at work
	held     chan struct{} // messages in hand
	minor    minor
	running  sync.WaitGroup
	told     func() error // whether Run was told to stop: nil while it was not

	mu       sync.Mutex
	stopping bool
	queued   map[string][]delivery    // by key; the key is present while a lane runs
	inHand   map[uint64]jetstream.Msg // by stream sequence, for heartbeats
	failed   map[uint64]int           // attempts by stream sequence
}

type delivery struct {
	msg     jetstream.Msg
	message Message
	minor   bool
}

func newLanes(c *Consumer, ackWait time.Duration, told func() error) *lanes {
	return &lanes{
		consumer: c, ackWait: ackWait, slots: make(chan struct{}, c.config.Lanes), held: make(chan struct{}, max(c.config.Prefetch, c.config.Lanes)),
		minor: newMinor(c.config.Lanes, max(c.config.Prefetch, c.config.Lanes)), told: told,
		queued: map[string][]delivery{}, inHand: map[uint64]jetstream.Msg{}, failed: map[uint64]int{},
	}
}

// add takes a message in hand; it blocks while Prefetch messages are held. A minor one that finds its part of them held
// is put off, so that what comes behind it is seen.
func (l *lanes) add(ctx, work context.Context, msg jetstream.Msg) {
	select {
	case l.held <- struct{}{}:
	case <-ctx.Done():
		_ = msg.Nak()
		return
	}
	d, ok := l.take(msg)
	if ok && d.minor && !l.minor.enter() {
		l.settle(d, verdict{wait, l.minor.putOff(time.Now())})
		ok = false
	}
	if !ok {
		<-l.held
		return
	}
	key := l.consumer.config.Lane(d.message)
	l.mu.Lock()
	queue, active := l.queued[key]
	l.queued[key] = append(queue, d)
	l.mu.Unlock()
	if !active {
		l.running.Go(func() { l.run(work, key) })
	}
}

// take registers the message; a redelivery of one that is still in hand is left alone.
func (l *lanes) take(msg jetstream.Msg) (delivery, bool) {
	metadata, err := msg.Metadata()
	if err != nil {
		l.consumer.log.Error("message without metadata", "subject", msg.Subject(), "error", err)
		_ = msg.Nak()
		return delivery{}, false
	}
	sequence := metadata.Sequence.Stream
	l.mu.Lock()
	defer l.mu.Unlock()
	_, twice := l.inHand[sequence]
	l.inHand[sequence] = msg
	if twice {
		return delivery{}, false
	}
	m := Message{
		Stream: metadata.Stream, Sequence: sequence, Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data(),
		StoredAt: metadata.Timestamp.UTC(), Pending: metadata.NumPending, Attempt: l.failed[sequence],
	}
	return delivery{msg, m, l.consumer.config.Minor(m)}, true
}

func (l *lanes) run(work context.Context, key string) {
	for {
		l.mu.Lock()
		queue := l.queued[key]
		if len(queue) == 0 {
			delete(l.queued, key)
			l.mu.Unlock()
			return
		}
		d := queue[0]
		l.queued[key] = queue[1:]
		l.mu.Unlock()
		l.one(work, d)
	}
}

func (l *lanes) one(work context.Context, d delivery) {
	defer func() { <-l.held }()
	if d.minor {
		defer l.minor.leave()
		defer l.minor.work(work)()
	}
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-work.Done():
	}
	if l.isStopping() {
		l.settle(d, verdict{action: handBack})
		return
	}
	l.settle(d, l.consumer.process(work, d.message, l.isStopping))
}

// settle answers the server for the newest delivery of the message.
func (l *lanes) settle(d delivery, v verdict) {
	l.mu.Lock()
	msg := l.inHand[d.message.Sequence]
	delete(l.inHand, d.message.Sequence)
	switch v.action {
	case retry:
		l.failed[d.message.Sequence]++
	case ack:
		delete(l.failed, d.message.Sequence)
	}
	l.mu.Unlock()
	if err := v.tell(msg); err != nil {
		// The server delivers again after AckWait; handling is idempotent (Invariant 2).
		l.consumer.log.Warn("answer to the server lost", "subject", d.message.Subject, "sequence", d.message.Sequence, "error", err)
	}
}

// isStopping holds from the moment Run is told to stop, not only from when it takes note: nothing begins in between.
func (l *lanes) isStopping() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopping || l.told() != nil
}

// stop lets handlers in flight end within the grace, then interrupts them.
func (l *lanes) stop(work context.Context, interrupt context.CancelFunc) {
	l.mu.Lock()
	l.stopping = true
	l.mu.Unlock()
	l.consumer.gates.release()
	done := make(chan struct{})
	go func() { l.running.Wait(); close(done) }()
	timer := time.NewTimer(l.consumer.config.Grace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		interrupt()
		<-done
	}
}

// beat tells the server that the messages in hand are being worked on, at a third of AckWait.
func (l *lanes) beat(work context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(work)
	var ended sync.WaitGroup
	ended.Go(func() {
		ticker := time.NewTicker(max(l.ackWait/3, 100*time.Millisecond))
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				l.inProgress()
			}
		}
	})
	return func() { cancel(); ended.Wait() }
}

func (l *lanes) inProgress() {
	l.mu.Lock()
	messages := make([]jetstream.Msg, 0, len(l.inHand))
	for _, msg := range l.inHand {
		messages = append(messages, msg)
	}
	l.mu.Unlock()
	for _, msg := range messages {
		_ = msg.InProgress()
	}
}
