package replay

import (
	"context"
	"errors"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/internal/contrast"
	"github.com/orderstream/orderstream/services/internal/revisions"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// sent is what a change is compared with.
type sent struct {
	state *event.DesiredOrderV1 // nil: it cannot be made again
	hash  string
	total money.Amount
}

func (s sent) differences(to event.DesiredOrderV1) ([]Difference, error) {
	if s.state == nil {
		return []Difference{{Field: contrast.Unnamed, From: s.hash, To: to.Hash}}, nil
	}
	return contrast.Between(*s.state, to)
}

func sentState(d event.DesiredOrderV1) sent { return sent{&d, d.Hash, d.Expected.Total} }

// sent finds what NetSuite was last sent of an order: what DESIRED holds, or an earlier state where that one waits, is
// parked, held or kept. Unsent: NetSuite was sent nothing, or holds what the candidate asks; then it is what DESIRED asks.
func (l *lab) sent(ctx context.Context, from, to event.DesiredOrderV1, s standing) (base sent, unsent bool, err error) {
	switch s.applied() {
	case from.Hash:
		return sentState(from), false, nil
	case "", to.Hash:
		return sentState(from), true, nil
	}
	d, err := l.again(ctx, from, s)
	if err != nil {
		return sent{}, false, err
	}
	if d == nil || d.Hash != s.applied() {
		return sent{nil, s.applied(), s.ledger.SalesOrder.Total}, false, nil
	}
	return sentState(*d), false, nil
}

// again makes the state that NetSuite was last sent once more, from its event and with the mapping of then. Invariant 6:
// that gives the same. nil: event or mapping are no longer kept.
func (l *lab) again(ctx context.Context, from event.DesiredOrderV1, s standing) (*event.DesiredOrderV1, error) {
	taken, err := l.taken(ctx, from, s.applied())
	if err != nil || taken == nil {
		return nil, err
	}
	from.Source.Sequence = taken.Orders
	state, err := l.state(ctx, from)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := l.past.of(ctx, l.js, taken.Revision)
	if errors.Is(err, revisions.ErrUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := m.Map(state, mapping.Context{Account: from.Account, Sequence: taken.Orders, Adoption: from.SalesOrder.AdoptedBy(), Inputs: from.Inputs})
	if err != nil {
		return nil, nil //nolint:nilerr // what it was cannot be told, which is told
	}
	return &d, nil
}

// taken looks among an order's outcomes for the newest about the state of a hash.
func (l *lab) taken(ctx context.Context, d event.DesiredOrderV1, hash string) (taken *event.DesiredTaken, err error) {
	name := subject.Sync{Account: d.Account, Store: d.Store, Order: d.Order}.String()
	for next := uint64(1); ; {
		raw, err := l.outcomes.GetMsg(ctx, next, jetstream.WithGetMsgSubject(name))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return taken, nil
		}
		if err != nil {
			return nil, err
		}
		entry, err := codec.Decode[event.SyncRecordedV1](raw.Data)
		if err != nil {
			return nil, err
		}
		if entry.Desired.Hash == hash {
			taken = &entry.Desired
		}
		next = raw.Sequence + 1
	}
}

// past compiles the mappings of then, each once.
type past struct {
	mu   sync.Mutex
	with map[string]*mapping.Mapping
}

func (p *past) of(ctx context.Context, js jetstream.JetStream, revision string) (*mapping.Mapping, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.with[revision]; m != nil {
		return m, nil
	}
	shelf, err := revisions.Open(ctx, js)
	if err != nil {
		return nil, err
	}
	document, err := shelf.Anywhere(ctx, revision)
	if err != nil {
		return nil, err
	}
	m, err := mapping.Compile(document)
	if err != nil {
		return nil, err
	}
	if p.with == nil {
		p.with = map[string]*mapping.Mapping{}
	}
	p.with[revision] = m
	return m, nil
}

// accountTerms are the terms of the accounts, each read once.
type accountTerms struct {
	mu sync.Mutex
	by map[string]terms.Account
}

func (c *accountTerms) of(ctx context.Context, js jetstream.JetStream, account string) (terms.Account, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, known := c.by[account]; known {
		return t, nil
	}
	t, err := terms.Of(ctx, js, account)
	if err != nil {
		return t, err
	}
	if c.by == nil {
		c.by = map[string]terms.Account{}
	}
	c.by[account] = t
	return t, nil
}

// slots is how many requests an account allows at once; 0: nobody has said.
func (l *lab) slots(ctx context.Context, account string) int {
	if l.request.Slots > 0 {
		return l.request.Slots
	}
	t, err := l.terms.of(ctx, l.js, account)
	if err != nil {
		return 0
	}
	return t.Slots
}
