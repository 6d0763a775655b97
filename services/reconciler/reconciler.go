// Package reconciler reads the shop where a delivery left a doubt or said too little: a deletion to confirm, two
// states in one second, the lines of a refund. What it reads becomes a delivery of origin read, so that parse
// decides on stored input only (Invariant 6).
package reconciler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/consume"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/woo/rest"
)

// Unit is the service.
var Unit = host.Unit{Name: "reconciler", Uses: []config.Part{config.Shops}, New: func(ctx context.Context, env host.Env) (host.Service, error) { return New(ctx, env) }}

// StageRead is the stage's word in failures, metrics and traces.
const StageRead = "read"

// Service reads objects that were asked for.
type Service struct {
	shops    map[string]*rest.Client
	consumer *consume.Consumer
	book     *failures.Book
	now      func() time.Time
}

// New prepares a client per shop.
func New(ctx context.Context, env host.Env) (*Service, error) {
	shops, err := rest.Shops(env.Config.Stores)
	if err != nil {
		return nil, err
	}
	s := &Service{shops: shops, now: func() time.Time { return time.Now().UTC() }}
	if s.book, err = failures.Open(context.WithoutCancel(ctx), env.JS, StageRead); err != nil {
		return nil, err
	}
	s.consumer, err = consume.New(env.JS, env.Log, consume.Config{
		Stream: topology.Reads, Durable: topology.ConsumerRead, Stage: StageRead, Handle: s.read, Lanes: 16, Attempts: 10, Side: storeOf,
		Park: func(ctx context.Context, m consume.Message, cause error) ([]publish.Message, error) {
			wish, err := decode(m)
			if err != nil {
				return s.book.Park(ctx, "", m.Subject, m.Position(), failures.FaultOf(cause), s.now())
			}
			return s.book.Park(ctx, wish.Store, keyOf(wish), m.Position(), failures.FaultOf(cause), s.now())
		},
	})
	return s, err
}

// Ready says whether a shop keeps the reads waiting.
func (s *Service) Ready() error {
	if away := s.consumer.Away(); len(away) > 0 {
		return fmt.Errorf("store %s: the shop is unavailable; reads wait", strings.Join(away, ", "))
	}
	return nil
}

// storeOf is the shop a wish is about: one that is down holds up no other.
func storeOf(m consume.Message) string {
	wish, err := decode(m)
	if err != nil {
		return ""
	}
	return wish.Store
}

// Run works until ctx ends, then drains.
func (s *Service) Run(ctx context.Context) error {
	defer s.book.Close()
	for _, shop := range s.shops {
		defer shop.Close()
	}
	return s.consumer.Run(ctx)
}

func decode(m consume.Message) (event.ReadRequestedV1, error) {
	wish, err := codec.Decode[event.ReadRequestedV1](m.Data)
	if err != nil {
		return wish, fault.New(fault.MessageUndecodable, "want a wish to read", fault.Field(m.Subject, fmt.Sprint(m.Sequence)), fault.Because(err))
	}
	return wish, nil
}

// secondOver is when nothing more can happen in the shop's second that a tie is about, and what did happen is saved. Invariant 4:
// an order that goes back to bytes of that second which were delivered already is told of by nobody, as the same delivery is
// stored once; only a read behind the second finds it.
const secondOver = 2 * time.Second

// read stores the shop's answer, an error about a missing order included: that is an answer too.
func (s *Service) read(ctx context.Context, m consume.Message) ([]publish.Message, error) {
	wish, err := decode(m)
	if err != nil {
		return nil, err
	}
	shop, known := s.shops[wish.Store]
	if !known {
		return nil, fault.New(fault.ConfigurationWrong, "reading from the shop needs stores.<store>.consumer_key and consumer_secret", fault.Field("store", wish.Store))
	}
	if left := secondOver - s.now().Sub(m.StoredAt); wish.Reason == event.ReadTie && left > 0 {
		consume.Asked(ctx, false)
		return nil, fault.New(fault.ShopThrottled, "an order that says two things in one second is read once that second is over", fault.Field("order", wish.ObjectID), fault.After(left))
	}
	answer, err := shop.Get(ctx, "read "+wish.Resource, pathOf(wish))
	if err != nil && fault.CodeOf(err) != fault.ShopOrderMissing {
		return nil, err
	}
	resolved, err := s.book.Resolve(ctx, wish.Store, keyOf(wish), m.Position(), s.now())
	return append([]publish.Message{s.delivery(wish, m, answer)}, resolved...), err
}

// keyOf names the object in the failure queue: an order by its id, anything else by its resource too. A read of an
// order must not close the failed read of its refunds.
func keyOf(wish event.ReadRequestedV1) string {
	if wish.Resource == "order" {
		return wish.ObjectID
	}
	return wish.Resource + "-" + wish.ObjectID
}

// pathOf gives what is asked of the shop: an object, or an order's refunds. One page takes a
// hundred refunds; the details of an order's older ones stay unread.
func pathOf(wish event.ReadRequestedV1) string {
	if wish.Resource == "refund" {
		return "/orders/" + wish.ObjectID + "/refunds?per_page=100"
	}
	return "/" + wish.Resource + "s/" + wish.ObjectID
}

func (s *Service) delivery(wish event.ReadRequestedV1, m consume.Message, answer rest.Answer) publish.Message {
	sum := sha256.Sum256(answer.Body)
	w := event.WebhookReceivedV1{
		Store: wish.Store, Resource: wish.Resource, Event: "read", ObjectID: wish.ObjectID, Topic: wish.Resource + ".read",
		BodySHA256: hex.EncodeToString(sum[:]), ReceivedAt: s.now(), Origin: event.OriginRead, Status: answer.Status,
	}
	name := subject.Webhook{Store: w.Store, Resource: w.Resource, Event: w.Event, ID: w.ObjectID}
	return publish.Message{
		Stream: topology.Woo, Subject: name.String(), ID: fmt.Sprintf("read:%s:%d:%s", wish.ID, m.Sequence, w.BodySHA256), Header: w.Header(), Data: answer.Body,
	}
}
