package statuspublisher

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/woo"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// orderDeeds are what follows from a sales order: the order's status, and notes.
func (s *Service) orderDeeds(c change) []deed {
	var list []deed
	if c.rules.Owner.Status == config.ByNetSuite {
		list = append(list, deed{event.ShopKindStatus, c.Order, s.setStatus})
	}
	if c.rules.Notes == "off" {
		return list
	}
	for _, topic := range []string{plan.TopicApproved, plan.TopicPart, plan.TopicBackOrder} {
		list = append(list, s.noteDeed(c, topic))
	}
	return list
}

// setStatus gives the shop's order the status that NetSuite's asks for.
func (s *Service) setStatus(ctx context.Context, c change, e entry, d deed) (*done, error) {
	rules := plan.Rules{Status: c.rules.Status, Virtual: c.rules.Virtual}
	if c.Deleted || e.overtaken(c) {
		return nil, nil
	}
	if !rules.Concern(c.Status) {
		return openAgain(c, e)
	}
	result := &done{deed: c.about()}
	v, err := s.see(ctx, c, &result.calls)
	if err != nil {
		return result, err
	}
	want := rules.Want(c.Status, v.lines)
	if want == plan.Completed && len(c.Lines) == 0 {
		return nil, nil // nothing says that it was shipped
	}
	if want == "" {
		return openAgain(c, e)
	}
	have := string(v.order.Status)
	rule := plan.Keep(have, want)
	hash, told, err := e.asked(want, have, rule)
	if err != nil || told {
		return nil, err
	}
	result.hash, result.deed.From, result.deed.To, result.deed.Rule = hash, have, want, rule
	if rule != "" {
		return result, nil
	}
	return result, s.mark(ctx, c, e, d, v.order, want, result)
}

// openAgain notes that an order which the shop was given a status for has goods to ship again, by new lines or a fulfilment that
// is gone: what the status asked for is settled no more. Without that a status which people in the shop took back stays so.
func openAgain(c change, e entry) (*done, error) {
	settled := e.last != nil && e.last.Deed != nil && e.last.Deed.To != "" && (e.last.State == event.ShopWritten || e.last.State == event.ShopKept)
	if !settled || !plan.Unshipped(c.Lines) {
		return nil, nil
	}
	result := &done{deed: c.about()}
	result.deed.Rule = plan.RuleOpen
	hash, err := codec.Hash([]string{plan.RuleOpen})
	result.hash = hash
	return result, err
}

// asked names what a status asks for, and tells whether that is settled. What was written, or stood there already, is; what a
// final status kept is asked again once the order has another.
func (e entry) asked(want, have, rule string) (hash string, settled bool, err error) {
	hash, err = codec.Hash([]string{want})
	if settled = e.told(hash); settled || err != nil || rule != plan.RuleFinal {
		return hash, settled, err
	}
	hash, err = codec.Hash([]string{want, have})
	return hash, e.told(hash), err
}

// mark writes a status together with the mark by which parse knows it as ours: both or none.
func (s *Service) mark(ctx context.Context, c change, e entry, d deed, shop woo.Order, want string, result *done) error {
	mark, err := codec.Encode(shop.MarkOf(want))
	if err != nil {
		return err
	}
	return s.change(ctx, c, e, d, result, map[string]any{"status": want, "meta_data": metaOf(woo.MetaStatus, string(mark))})
}

// view is the shop's order and how far its lines have come, read once for all that follows from a change.
type view struct {
	read  bool
	order woo.Order
	lines []plan.Progress
}

func (s *Service) see(ctx context.Context, c change, calls *[]event.Call) (*view, error) {
	if c.view.read {
		return c.view, nil
	}
	ledger, err := s.ledgerOf(ctx, c)
	if err != nil {
		return nil, err
	}
	order, err := c.shop.order(ctx, c.Order, calls)
	if err != nil {
		return nil, err
	}
	lines, err := whole(ctx, c, order, plan.Join(c.Lines, ledger.Lines, goodsOf(order)), calls)
	if err != nil {
		return nil, err
	}
	if err := s.goods(ctx, c, order, lines, calls); err != nil {
		return nil, err
	}
	*c.view = view{true, order, lines}
	return c.view, nil
}

// ledgerOf is what the writer knows of the order's sales order; the zero value where it knows nothing.
func (s *Service) ledgerOf(ctx context.Context, c change) (event.LedgerOrder, error) {
	ledger, err := s.ledgerWhole(ctx, c)
	if err != nil || ledger.SalesOrder == nil {
		return event.LedgerOrder{}, err
	}
	return *ledger.SalesOrder, nil
}

// ledgerWhole is everything that the writer knows of the order in NetSuite.
func (s *Service) ledgerWhole(ctx context.Context, c change) (event.Ledger, error) {
	outcome, err := s.outcomeOf(ctx, c)
	return outcome.Ledger, err
}

// outcomeOf is what the writer recorded of the order last; the zero value before it did.
func (s *Service) outcomeOf(ctx context.Context, c change) (event.SyncRecordedV1, error) {
	outcome, _, err := newest[event.SyncRecordedV1](ctx, s, topology.Outcomes, subject.Sync{Account: c.Account, Store: c.Store, Order: c.Order}.String())
	return outcome, err
}

// released tells whether the writer is about to approve the order itself: a state asks for it that no outcome tells of.
func (s *Service) released(ctx context.Context, c change, recorded uint64) (bool, error) {
	desired, at, err := newest[event.DesiredOrderV1](ctx, s, topology.Desired, subject.Desired{Kind: "order", Account: c.Account, Store: c.Store, Key: c.Order}.String())
	return at > recorded && desired.SalesOrder.OrderStatus != plan.Pending, err
}

// newest gives the newest message of a subject and its sequence; 0 where there is none.
func newest[T any](ctx context.Context, s *Service, of, name string) (message T, sequence uint64, err error) {
	stream, err := s.stream(ctx, of)
	if err != nil {
		return message, 0, err
	}
	raw, err := stream.GetLastMsgForSubject(ctx, name)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return message, 0, nil
	}
	if err != nil {
		return message, 0, publish.Classify(err)
	}
	if message, err = codec.Decode[T](raw.Data); err != nil {
		return message, 0, fault.New(fault.MessageUndecodable, "want a message of the stream "+of, fault.Field(name, ""), fault.Because(err))
	}
	return message, raw.Sequence, nil
}

// order reads an order of the shop.
func (b *batcher) order(ctx context.Context, id string, calls *[]event.Call) (woo.Order, error) {
	answer, err := b.shop.Get(ctx, "read the order", "/orders/"+id)
	*calls = append(*calls, answer.Call)
	if err != nil {
		return woo.Order{}, err
	}
	order, err := codec.Decode[woo.Order](answer.Body)
	if err != nil {
		return order, fault.New(fault.Unexpected, "the shop must answer with an order", fault.Because(err))
	}
	order.Read = answer.Date()
	return order, nil
}

// noteDeed is the note of one topic.
func (s *Service) noteDeed(c change, topic string) deed {
	return deed{event.ShopKindNote, c.Order + "-" + topic, func(ctx context.Context, c change, e entry, d deed) (*done, error) {
		return s.tell(ctx, c, e, d, topic)
	}}
}

// tell adds the note of a topic where there is something to say, once it is claimed.
func (s *Service) tell(ctx context.Context, c change, e entry, d deed, topic string) (*done, error) {
	if c.Deleted || e.overtaken(c) {
		return nil, nil
	}
	result := &done{deed: c.about()}
	note, err := s.noteOf(ctx, c, topic, &result.calls)
	if err != nil {
		return result, err
	}
	hash, err := codec.Hash(note.Text)
	if err != nil || note.Text == "" || e.told(hash) {
		return nil, err
	}
	result.hash, result.deed.Note = hash, note.Text
	calls, err := c.shop.say(ctx, c.Order, note.Begins, note.Text, note.Customer && c.rules.Notes == "customer", s.claiming(c.message, e, c.entry(d, event.ShopRetried, *result), result))
	result.calls = append(result.calls, calls...)
	return result, err
}

// approval words what people in NetSuite approved, not what the shop let go on.
func (s *Service) approval(ctx context.Context, c change) (plan.Note, error) {
	outcome, err := s.outcomeOf(ctx, c)
	so := outcome.Ledger.SalesOrder
	if err != nil || so == nil {
		return plan.Note{}, err
	}
	before := so.Status
	switch {
	case plan.Approved(c.TranID, so.Given, so.Status).Text != "":
		before = so.Given // an edit of the shop's was written since, and left the order approved
	case so.VerifiedAt.Truncate(time.Second).After(c.ModifiedAt):
		return plan.Note{}, nil // what is older, by NetSuite's seconds, says how the order stood before
	}
	note := plan.Approved(c.TranID, before, c.Status)
	if note.Text == "" {
		return note, nil
	}
	if ours, err := s.released(ctx, c, outcome.Desired.Sequence); ours || err != nil {
		return plan.Note{}, err
	}
	return note, nil
}

// noteOf words a topic; without text there is nothing to say. The shop is asked only where NetSuite's lines speak.
func (s *Service) noteOf(ctx context.Context, c change, topic string, calls *[]event.Call) (plan.Note, error) {
	if topic == plan.TopicApproved {
		return s.approval(ctx, c)
	}
	if !plan.Speak(c.Lines) {
		return plan.Note{}, nil
	}
	v, err := s.see(ctx, c, calls)
	if err != nil {
		return plan.Note{}, err
	}
	if topic == plan.TopicPart {
		return plan.Part(c.TranID, v.lines), nil
	}
	return plan.BackOrder(c.TranID, v.lines), nil
}
