package statuspublisher

import (
	"context"
	"fmt"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// change is one change in NetSuite on its way to the shop's order.
type change struct {
	event.NetSuiteChangedV1
	message consume.Message
	shop    *batcher
	rules   config.Back
	view    *view
}

// deed is one thing that follows from a change. do looks before it writes: it may run again after a crash that nobody
// recorded. It gives nil where the ledger says that there is nothing to do.
type deed struct {
	kind, key string
	do        func(ctx context.Context, c change, e entry, d deed) (*done, error)
}

// done is how a deed went: what it wanted (hash), what came of it, the calls it took.
type done struct {
	hash  string
	deed  event.ShopDeed
	calls []event.Call

	claimed   uint64 // the sequence of the claim to it in its own ledger; 0: none stands there
	claimedAt time.Time
}

// about begins the deed of a change.
func (c change) about() event.ShopDeed {
	return event.ShopDeed{Account: c.Account, Record: c.Kind, RecordID: c.Record.ID, ModifiedAt: c.ModifiedAt}
}

// peek reads whose order a change is about; empty where it cannot be read: the handler says so.
func peek(m consume.Message) (store, order string) {
	c, err := codec.Decode[struct {
		Store string `json:"store"`
		Order string `json:"order"`
	}](m.Data)
	if err != nil {
		return "", m.Subject
	}
	return c.Store, c.Order
}

// orderOf keeps the changes of one order in their order.
func orderOf(m consume.Message) string {
	store, order := peek(m)
	return store + "/" + order
}

// sideOf is the shop a change is told to: one that is down holds up no other.
func sideOf(m consume.Message) string {
	store, _ := peek(m)
	return store
}

func (s *Service) handleChange(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	c, err := codec.Decode[event.NetSuiteChangedV1](m.Data)
	if err != nil {
		return nil, fault.New(fault.MessageUndecodable, "want a change in NetSuite", fault.Field(m.Subject, fmt.Sprint(m.Sequence)), fault.Because(err))
	}
	var messages []publish.Message
	for _, part := range plan.Parts(c) {
		more, err := s.follow(ctx, part, m)
		messages = append(messages, more...)
		if err != nil {
			return messages, err
		}
	}
	return messages, nil
}

// follow does what follows from a change for the one order that it is about.
func (s *Service) follow(ctx context.Context, c event.NetSuiteChangedV1, m consume.Message) ([]publish.Message, error) {
	shop, known := s.writers[c.Store]
	if !known || c.Order == "" {
		return nil, nil
	}
	work := change{c, m, shop, s.stores[c.Store].Back, &view{}}
	if err := s.numbersFirst(ctx, work); err != nil {
		return nil, err
	}
	var messages []publish.Message
	for _, d := range s.deeds(work) {
		more, err := s.perform(ctx, work, d)
		messages = append(messages, more...)
		if err != nil {
			return messages, err
		}
	}
	return messages, nil
}

// deeds lists what may follow from a change.
func (s *Service) deeds(c change) []deed {
	if s.stores[c.Store].WriteBack == "off" {
		return s.goneDeeds(c)
	}
	return append(s.shopDeeds(c), s.goneDeeds(c)...)
}

// shopDeeds are those that tell the shop, by the change's kind.
func (s *Service) shopDeeds(c change) []deed {
	switch c.Kind {
	case event.ChangeSalesOrder:
		return s.orderDeeds(c)
	case event.ChangeFulfilment:
		return append(s.fulfilmentDeeds(c), s.documentDeeds(c)...)
	case event.ChangeRefund, event.ChangeCashRefund:
		return append(s.refundDeeds(c), s.documentDeeds(c)...)
	default:
		return s.documentDeeds(c)
	}
}

// perform does one deed unless its ledger says that this very message was seen to the end already.
func (s *Service) perform(ctx context.Context, c change, d deed) ([]publish.Message, error) {
	e, err := s.open(ctx, c.Store, d.kind, d.key)
	if err != nil || e.concluded(c.message) {
		return nil, err
	}
	if err := s.claimed(e, c.message); err != nil {
		return nil, err
	}
	result, err := d.do(ctx, c, e, d)
	if result == nil {
		if err == nil {
			return nil, nil
		}
		result = &done{deed: c.about()}
	}
	state := event.ShopWritten
	if result.deed.Rule != "" {
		state = event.ShopKept
	}
	return s.record(c.message, e.behind(*result), c.entry(d, state, *result), err)
}

// entry is the ledger's word of a deed.
func (c change) entry(d deed, state string, result done) event.ShopRecordedV1 {
	return event.ShopRecordedV1{
		Envelope: event.Envelope{Store: c.Store}, Kind: d.kind, Key: d.key, State: state,
		Written: event.ShopFacts{Account: c.Account, SalesOrderID: c.SalesOrder, TranID: c.TranID, Status: c.Status},
		Deed:    &result.deed, Hash: result.hash, Source: c.message.Position(), Calls: append([]event.Call{}, result.calls...),
	}
}

// concluded tells whether the entry is the end of this very message.
func (e entry) concluded(m consume.Message) bool {
	return e.last != nil && e.last.Source == m.Position() && e.last.State != event.ShopRetried
}

// told tells whether the shop was told this already, or a rule kept it from being told.
func (e entry) told(hash string) bool {
	return e.last != nil && e.last.Hash == hash && (e.last.State == event.ShopWritten || e.last.State == event.ShopKept)
}

// overtaken tells whether a newer state of the record was worked on already. Invariant 4: a change that waited does not
// undo what came after it.
func (e entry) overtaken(c change) bool {
	return e.last != nil && e.last.Deed != nil && e.last.Deed.RecordID == c.Record.ID && e.last.Deed.ModifiedAt.After(c.ModifiedAt)
}

// parkChange records a change that cannot be handled at all.
func (s *Service) parkChange(ctx context.Context, m consume.Message, cause error) ([]publish.Message, error) {
	store, key := "", m.Subject
	if parsed, err := subject.ParseChange(m.Subject); err == nil {
		key = parsed.Kind + "-" + parsed.Key
	}
	if of, order := peek(m); of != "" {
		store, key = of, "change-"+order
	}
	return s.returns.Park(ctx, store, key, m.Position(), failures.FaultOf(cause), s.now())
}
