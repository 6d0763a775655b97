// Package parse turns deliveries into canonical events and decides which of an order's states is news.
// Pure: bytes and facts in, values out; the same input gives the same bytes (Invariant 6).
package parse

import (
	"fmt"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/woo"
)

// Delivery is a stored delivery: its facts, its sequence in WOO and its bytes.
type Delivery struct {
	Facts    event.WebhookReceivedV1
	Sequence uint64
	Body     []byte
}

// Result is what a delivery says. At most one member is set beside Alert.
type Result struct {
	Order    *event.OrderStateV1      // a state of an order
	Refunds  []event.Refund           // an order's refunds with their details; not nil where they were read
	Customer *event.CustomerChangedV1 // a state of a customer
	Gone     bool                     // a read found that the order is gone for good
	Read     string                   // the object must be read from the shop: why
	Ignored  string                   // the named rule that ignores it
	Alert    fault.Code               // an operator must see it
}

// The resources of a read. The refunds of an order are read at once: their object is the order.
const (
	ResourceOrder  = "order"
	ResourceRefund = "refund"
)

// The named rules that ignore a delivery.
const (
	RuleDraft        = "draft"         // an order that is not placed: checkout-draft, auto-draft, draft, new
	RuleOrderGone    = "order-gone"    // the order was deleted before its delivery was built
	RuleNoPermission = "no-permission" // the webhook's owner may not read orders any more
	RuleErrorBody    = "error-body"    // another REST error instead of an object
	RuleTopic        = "topic"         // a topic that no one consumes, e.g. product.updated
	RuleSuperseded   = "superseded"    // older than what is known
	RuleRepeat       = "repeat"        // changes nothing we care about: a repeat, or the echo of our own write
)

// Statuses of orders that are not placed. Source: WooCommerce 8.9 and 10.4 make them for open checkouts.
var drafts = map[string]bool{"checkout-draft": true, "auto-draft": true, "draft": true, "new": true}

// Read says what a delivery is about.
func Read(d Delivery) (Result, error) {
	if len(strings.TrimSpace(string(d.Body))) == 0 {
		return Result{}, undecodable("body", "", "want a JSON object, have nothing")
	}
	if problem, is := woo.ParseProblem(d.Body); is {
		return readProblem(d, problem), nil
	}
	switch d.Facts.Resource {
	case ResourceOrder:
		return readOrder(d)
	case ResourceRefund:
		refunds, err := Refunds(d)
		return Result{Refunds: refunds}, err
	case "customer":
		if d.Facts.Event == "deleted" {
			return Result{Ignored: RuleTopic}, nil
		}
		customer, err := Customer(d)
		return Result{Customer: &customer}, err
	default:
		return Result{Ignored: RuleTopic}, nil
	}
}

func readProblem(d Delivery, p woo.Problem) Result {
	switch {
	case strings.HasSuffix(p.Code, "order_invalid_id") && d.Facts.Resource == ResourceRefund:
		return Result{Ignored: RuleOrderGone}
	case p.Code == "woocommerce_rest_shop_order_invalid_id" && d.Facts.Origin == event.OriginRead:
		return Result{Gone: true}
	case p.Code == "woocommerce_rest_shop_order_invalid_id":
		return Result{Ignored: RuleOrderGone}
	case p.Code == "woocommerce_rest_cannot_view":
		return Result{Ignored: RuleNoPermission, Alert: fault.WebhookNoPermission}
	default:
		return Result{Ignored: RuleErrorBody, Alert: fault.DeliveryUndecodable}
	}
}

func readOrder(d Delivery) (Result, error) {
	if d.Facts.Event == "deleted" {
		return Result{Read: event.ReadDeleted}, nil
	}
	order, err := Order(d)
	switch {
	case err != nil:
		return Result{}, err
	case drafts[order.Status]:
		return Result{Ignored: RuleDraft}, nil
	default:
		return Result{Order: &order}, nil
	}
}

func undecodable(field, value, rule string) error {
	return fault.New(fault.DeliveryUndecodable, rule, fault.Field(field, value))
}

// Next decides whether a state is news against the last event of its order (nil: none). It returns the event
// to publish, completed by what is known of its refunds, or the named rule that drops the state; read asks for
// a second look at the shop.
func Next(last *event.OrderStateV1, state event.OrderStateV1) (news *event.OrderStateV1, read, rule string, err error) {
	if last != nil {
		if state.Version.Compare(last.Version) <= 0 {
			return nil, "", RuleSuperseded, nil
		}
		if state, err = carry(last, state); err != nil {
			return nil, "", "", err
		}
		if again, err := repeats(last, state); again || err != nil {
			return nil, "", RuleRepeat, err
		}
		if state.Version.ModifiedAt.Equal(last.Version.ModifiedAt) && state.Source.Origin != event.OriginRead {
			read = event.ReadTie
		}
	}
	return name(last, state), read, "", nil
}

// Deleted is the event of an order that a read found gone for good: its last known state with status
// "deleted". A 404 carries no date: arrival makes it newer.
func Deleted(last event.OrderStateV1, d Delivery) (*event.OrderStateV1, error) {
	if last.Status == "deleted" {
		return nil, nil
	}
	state := last
	state.Status = "deleted"
	state.Version.Sequence = d.Sequence
	state.Source = sourceOf(d)
	state.Time = d.Facts.ReceivedAt
	if err := seal(&state); err != nil {
		return nil, err
	}
	return name(&last, state), nil
}

func name(last *event.OrderStateV1, state event.OrderStateV1) *event.OrderStateV1 {
	state.Kind = kind(last, state)
	state.Type = "order.v1." + state.Kind
	state.ID = fmt.Sprintf("order:%s:%s:%d", state.Store, state.Order, state.Source.Sequence)
	return &state
}

// kind names what changed; where several things did, the one that matters most to a reader of the feed.
func kind(last *event.OrderStateV1, state event.OrderStateV1) string {
	switch {
	case gone(state.Status):
		return event.KindDeleted
	case last == nil:
		return event.KindPlaced
	case gone(last.Status):
		return event.KindRestored
	case state.Status == last.Status:
	case state.Status == "cancelled":
		return event.KindCancelled
	case state.Status == "refunded":
		return event.KindRefunded
	case state.Status == "completed":
		return event.KindCompleted
	case state.Status == "failed":
		return event.KindFailed
	}
	switch {
	case last.Payment.PaidAt == nil && state.Payment.PaidAt != nil:
		return event.KindPaid
	case len(state.Refunds) > len(last.Refunds): // deleted ones stay listed
		return event.KindRefunded
	default:
		return event.KindUpdated
	}
}

func gone(status string) bool { return status == "trash" || status == "deleted" }
