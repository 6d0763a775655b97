package operate_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// Who mends the mapping and retries what the writer parked has it sent as the mapping says now, made of the same event bit for
// bit; before a publication, and of a store that no writer has spoken of, as it was stored.
func TestARetryIsMended(t *testing.T) {
	p := newPlant(t)
	p.transformer()
	ctx := natstest.Context(t)
	s := streams{p.Server, t, day}
	p.deliver(1000)
	p.desired(1)
	p.wantedOf(2, p.shopper(2, day))
	newest := func(kind, key string) *jetstream.RawStreamMsg {
		t.Helper()
		stream, err := p.JS.Stream(ctx, topology.Desired)
		if err != nil {
			t.Fatal(err)
		}
		m, err := stream.GetLastMsgForSubject(ctx, subject.Desired{Kind: kind, Account: "ns", Store: "main", Key: key}.String())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	retry := func(kind, key string) (*jetstream.RawStreamMsg, error) {
		t.Helper()
		at := newest(kind, key)
		name := s.failure("write", kind+"-"+key, event.FailureParked, event.Position{Stream: topology.Desired, Sequence: at.Sequence, Subject: at.Subject}, 0)
		_, err := operate.Retry(ctx, p.JS, name.ID(), "kim")
		return newest(kind, key), err
	}
	stays := func(why string) {
		t.Helper()
		before := newest("order", "1000")
		if after, err := retry("order", "1000"); err != nil || after.Sequence == before.Sequence || !bytes.Equal(after.Data, before.Data) {
			t.Errorf("%s: %v: want the state again as it was stored", why, err)
		}
	}
	stays("nothing published")
	p.publish(second, "mended")
	stays("whose mapping nobody knows")
	if err := terms.Keep(ctx, p.JS, "ns", terms.Account{Mappings: map[string]string{"main": "default"}}); err != nil {
		t.Fatal(err)
	}
	was := newest("order", "1000")
	m, err := retry("order", "1000")
	if err != nil {
		t.Fatal(err)
	}
	made := p.again(m)
	if made.Source.Revision != mapping.Revision(second) || made.Source.Replaces != was.Sequence || *made.SalesOrder.Fields["memo"].Text != "Woo 36" && *made.SalesOrder.Fields["memo"].Text != "Woo 1000" {
		t.Errorf("made with %s in place of %d, memo %s", made.Source.Revision, made.Source.Replaces, *made.SalesOrder.Fields["memo"].Text)
	}
	if m.Header.Get(event.HeaderOrigin) != string(event.OriginRetry) {
		t.Error("the writer does not hear that it is a retry")
	}
	stays("nothing published since")

	p.publish(dialled, "mended again")
	m, err = retry("customer", "2")
	if err != nil {
		t.Fatal(err)
	}
	customer, err := codec.Decode[event.DesiredCustomerV1](m.Data)
	if err != nil || customer.Source.Revision != mapping.Revision(dialled) || *customer.Fields["phone"].Text != "tel +1 415 555 9999" {
		t.Errorf("%+v, %v: want the customer with the phone of now", customer, err)
	}
	if proof, err := operate.Prove(ctx, p.JS, nil); err != nil || !proof.Holds() {
		t.Errorf("%+v, %v: what a retry sends is not derived again", proof, err)
	}

	p.publish(bytes.Replace(mapping.Default, []byte("    US-CA-CA STATE TAX-1: {type: US Sales Tax, code: CA_STATE}\n"), nil, 1), "worse")
	before := newest("order", "1000")
	after, err := retry("order", "1000")
	if err == nil || !strings.Contains(err.Error(), "was published since, and cannot map it: tax-rate-unmapped") || after.Sequence != before.Sequence {
		t.Errorf("%v: want it refused, since the active revision cannot map the order", err)
	}
	if f := s.find(subject.Failure{Stage: "write", Store: "main", Key: "order-1000"}); f.Entry.State != event.FailureParked {
		t.Errorf("%s after a retry that was refused", fmt.Sprint(f.Entry.State))
	}
}
