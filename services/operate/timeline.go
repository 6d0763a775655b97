// Package operate is what an operator can do, for the command and the console: follow an order through the
// streams, list parked work, retry it, dismiss it. Every act goes into the audit stream.
package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// Step is one thing that happened to an order.
type Step struct {
	At      time.Time      `json:"at"`
	Stage   string         `json:"stage"` // delivery, parse, map, write, publish, failure
	What    string         `json:"what"`
	Detail  string         `json:"detail,omitempty"`
	Message event.Position `json:"message"`
	Trace   string         `json:"trace,omitempty"` // W3C traceparent of the message
	Calls   []event.Call   `json:"calls,omitempty"`
}

// Timeline is everything the streams know about an order, oldest first.
type Timeline struct {
	Store string `json:"store"`
	Order string `json:"order"`
	Steps []Step `json:"steps"`
}

// ErrNoOrder says that no stream knows the order.
var ErrNoOrder = errors.New("no such order")

// Show follows an order; store may be empty when only one store has it.
func Show(ctx context.Context, js jetstream.JetStream, store, order string) (Timeline, error) {
	if store == "" {
		var err error
		if store, err = storeOf(ctx, js, order); err != nil {
			return Timeline{}, err
		}
	}
	t := Timeline{Store: store, Order: order}
	var known past
	for _, source := range []struct {
		stream, filter string
		read           func(m *jetstream.RawStreamMsg) (Step, error)
	}{
		{topology.Woo, subject.WebhooksOf(store, "order", order), known.delivery},
		{topology.Woo, subject.WebhooksOf(store, parse.ResourceRefund, order), known.delivery},
		{topology.Orders, subject.OrdersOf(store, order), known.event},
		{topology.Desired, subject.DesiredOf(store, order), desired},
		{topology.Outcomes, subject.SyncOf(store, order), outcome},
		{topology.ShopOutcomes, subject.ShopOf(store, order), shopOutcome},
		{topology.ShopOutcomes, subject.Shop(store, event.ShopKindNote, order+"-approved"), shopOutcome},
		{topology.ShopOutcomes, subject.Shop(store, event.ShopKindNote, order+"-part"), shopOutcome},
		{topology.ShopOutcomes, subject.Shop(store, event.ShopKindNote, order+"-backorder"), shopOutcome},
		{topology.ShopOutcomes, subject.Shop(store, event.ShopKindNote, order+"-gone"), shopOutcome},
		{topology.Failures, subject.FailuresAbout(store, order), failure},
		{topology.Failures, subject.FailuresAbout(store, parse.ResourceRefund+"-"+order), failure}, // of stage read
		{topology.Failures, subject.FailuresAbout(store, event.ShopKindStatus+"-"+order), failure},
		{topology.Failures, subject.FailuresAbout(store, event.ShopKindNote+"-"+order+"-gone"), failure},
		{topology.Failures, subject.FailuresAbout(store, event.ShopKindDocuments+"-"+order), failure},
		{topology.Failures, subject.FailuresAbout(store, event.ShopKindTracking+"-"+order), failure},
		{topology.Failures, subject.FailuresAbout(store, parse.ResourceOrder+"-"+order), failure}, // of stage parse, whose objects are not orders only
	} {
		err := each(ctx, js, source.stream, source.filter, func(m *jetstream.RawStreamMsg) error {
			step, err := source.read(m)
			if err != nil {
				step = Step{Stage: step.Stage, What: "unreadable", Detail: err.Error()}
			}
			step.Message = event.Position{Stream: source.stream, Sequence: m.Sequence, Subject: m.Subject}
			step.Trace = m.Header.Get(event.HeaderTraceparent)
			if step.At.IsZero() {
				step.At = m.Time.UTC()
			}
			t.Steps = append(t.Steps, step)
			return nil
		})
		if err != nil {
			return Timeline{}, err
		}
	}
	if len(t.Steps) == 0 {
		return Timeline{}, fmt.Errorf("%w: %s in store %s", ErrNoOrder, order, store)
	}
	known.name(t.Steps)
	slices.SortStableFunc(t.Steps, func(a, b Step) int { return a.At.Compare(b.At) })
	return t, nil
}

func storeOf(ctx context.Context, js jetstream.JetStream, order string) (string, error) {
	stores := map[string]bool{}
	err := each(ctx, js, topology.Woo, subject.WebhooksOfOrder(subject.Any, order), func(m *jetstream.RawStreamMsg) error {
		w, err := subject.ParseWebhook(m.Subject)
		stores[w.Store] = true
		return err
	})
	if err != nil {
		return "", err
	}
	var names []string
	for name := range stores {
		names = append(names, name)
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
		return "", fmt.Errorf("%w: %s", ErrNoOrder, order)
	case 1:
		return names[0], nil
	default:
		return "", fmt.Errorf("order %s is in several stores %v: name one as <store>/%s", order, names, order)
	}
}

// each reads a stream's present messages under a filter, oldest first.
func each(ctx context.Context, js jetstream.JetStream, name, filter string, visit func(m *jetstream.RawStreamMsg) error) error {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("stream %s: %w", name, err)
	}
	for next := uint64(1); ; {
		m, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(filter))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("stream %s: %w", name, err)
		}
		if err := visit(m); err != nil {
			return err
		}
		next = m.Sequence + 1
	}
}

const stageDelivery = "delivery"

// delivery gives the step, and the state of an order that the delivery brought.
func delivery(m *jetstream.RawStreamMsg) (Step, *event.OrderStateV1) {
	w := event.WebhookFromHeader(m.Header)
	step := Step{At: w.ReceivedAt, Stage: stageDelivery, What: fmt.Sprintf("%s, origin %s", w.Topic, w.Origin)}
	result, err := parse.Read(parse.Delivery{Facts: w, Sequence: m.Sequence, Body: m.Data})
	switch {
	case err != nil:
		step.Detail = err.Error()
	case result.Ignored != "":
		step.Detail = "ignored by rule " + result.Ignored
	case result.Read != "":
		step.Detail = "read again: " + result.Read
	case result.Gone:
		step.Detail = "gone for good"
	case result.Refunds != nil:
		step.Detail = fmt.Sprintf("records of %d refunds", len(result.Refunds))
	case result.Order != nil:
		o := result.Order
		step.Detail = fmt.Sprintf("status %s, total %s %s, modified %s", o.Status, o.Totals.Total, o.Currency, o.Version.ModifiedAt.Format(time.RFC3339))
	}
	return step, result.Order
}

func orderEvent(m *jetstream.RawStreamMsg) (Step, event.OrderStateV1, error) {
	o, err := codec.Decode[event.OrderStateV1](m.Data)
	return Step{At: m.Time.UTC(), Stage: "parse", What: o.Type, Detail: fmt.Sprintf("status %s, hash %.12s, from WOO %d", o.Status, o.Hash, o.Source.Sequence)}, o, err
}

func desired(m *jetstream.RawStreamMsg) (Step, error) {
	d, err := codec.Decode[event.DesiredOrderV1](m.Data)
	return Step{
		At: m.Time.UTC(), Stage: "map", What: fmt.Sprintf("mapping %s revision %s, rule %s", d.Source.Mapping, d.Source.Revision, d.Policy.Rule),
		Detail: fmt.Sprintf("%d lines, total %s %s, from ORDERS %d", len(d.SalesOrder.Lines), d.Expected.Total, d.SalesOrder.Currency, d.Source.Sequence) + fired(d.Rules),
	}, err
}

// fired names the mapping's rules that applied, section by section: "; classes wholesale, international".
func fired(rules []event.FiredRule) string {
	var b strings.Builder
	section := ""
	for _, r := range rules {
		if r.Section != section {
			section = r.Section
			b.WriteString("; " + section + " ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(r.Name)
		if len(r.Lines) > 0 {
			fmt.Fprintf(&b, " (%d lines)", len(r.Lines))
		}
	}
	return b.String()
}

func outcome(m *jetstream.RawStreamMsg) (Step, error) {
	o, err := codec.Decode[event.SyncRecordedV1](m.Data)
	step := Step{At: o.Time, Stage: "write", What: o.Kind, Detail: o.Reason, Calls: o.Calls}
	if o.Rule != "" {
		step.What += " by rule " + o.Rule
	}
	if so := o.Ledger.SalesOrder; so != nil && o.Fault == nil {
		step.Detail = fmt.Sprintf("sales order %s (id %s), status %s, total %s, mapping revision %s", so.TranID, so.ID, so.Status, so.Total, so.Revision)
		if o.Reason != "" {
			step.Detail += "; " + o.Reason
		}
	}
	if o.Fault != nil {
		step.What += ": " + o.Fault.Code
	}
	for _, s := range o.Superseded {
		step.Detail += fmt.Sprintf("; superseded: ORDERS %d (%s)", s.Orders, s.Status)
	}
	for _, q := range o.Questions {
		step.Detail += fmt.Sprintf("; waits: %s (%s)", q.Subject, q.Fault.Code)
	}
	return step, err
}

func shopOutcome(m *jetstream.RawStreamMsg) (Step, error) {
	o, err := codec.Decode[event.ShopRecordedV1](m.Data)
	holds := "holds"
	if o.UnderWay() {
		holds = "is about to hold"
	}
	step := Step{At: o.Time, Stage: "publish", What: o.State, Detail: fmt.Sprintf("the shop's order %s %s (id %s), status %s", holds, o.Written.TranID, o.Written.SalesOrderID, o.Written.Status), Calls: o.Calls}
	if o.Deed != nil {
		step.Stage, step.What, step.Detail = "return", o.Kind+" "+o.State, deed(*o.Deed)
	}
	if o.UnderWay() {
		step.What = o.Kind + " begun"
	}
	if o.Fault != nil {
		step.What, step.Detail = step.What+": "+o.Fault.Code, o.Fault.Message
	}
	return step, err
}

// deed words what a change in NetSuite led to.
func deed(d event.ShopDeed) string {
	words := []string{d.Record + " " + d.RecordID}
	if d.To != "" {
		words = append(words, "status "+d.From+" → "+d.To)
	}
	if d.Rule != "" {
		words = append(words, "kept by rule "+d.Rule)
	}
	if d.Note != "" {
		words = append(words, "note: "+d.Note)
	}
	for _, document := range d.Documents {
		words = append(words, document.Kind+" "+document.Number)
	}
	return strings.Join(words, "; ")
}

func failure(m *jetstream.RawStreamMsg) (Step, error) {
	f, err := codec.Decode[event.FailureParkedV1](m.Data)
	return Step{At: f.LastAt, Stage: "failure", What: fmt.Sprintf("%s in stage %s: %s", f.State, f.Stage, f.Fault.Code), Detail: f.Fault.Message}, err
}
