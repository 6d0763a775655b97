package supply

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/failures"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// changeOf is the kind of NetSuite's change that a fact follows from.
var changeOf = map[string]string{event.ShopKindStock: event.ChangeInventory, event.ShopKindPrice: event.ChangePrice}

// entry is the ledger's word of a fact.
func (d *desk) entry(f fact, o order, cause error) event.ShopRecordedV1 {
	account, record, kind := d.rules.Account, o.figure.Record, changeOf[f.kind]
	entry := event.ShopRecordedV1{
		Kind: f.kind, Key: event.SKUKey(f.sku), State: event.ShopWritten, Written: event.ShopFacts{Account: account}, Hash: o.value,
		Deed:   &event.ShopDeed{Account: account, Record: kind, RecordID: record, ModifiedAt: o.figure.At, SKU: f.sku, Units: o.units, Price: o.shown()},
		Source: event.Position{Stream: topology.NetSuiteChanges, Sequence: o.figure.Sequence, Subject: subject.Change{Account: account, Kind: kind, Key: record}.String()},
		Calls:  []event.Call{},
	}
	switch {
	case cause == nil:
	case fault.CodeOf(cause) == fault.ShopSKUUnknown:
		entry.State, entry.Deed.Rule = event.ShopKept, RuleNotSold
	default:
		why := failures.FaultOf(cause)
		entry.State, entry.Fault = event.ShopParked, &why
	}
	entry.Envelope = event.Envelope{
		Type: "shop.v1.recorded", ID: fmt.Sprintf("shop:%s:%s:%d:%s", d.store, entry.Key, o.last.sequence, o.value), Store: d.store, Time: d.supply.options.Now(),
	}
	return entry
}

func (d *desk) takeTold(_ context.Context, msg jetstream.Msg, at *jetstream.MsgMetadata) error {
	entry, err := codec.Decode[event.ShopRecordedV1](msg.Data())
	if err != nil {
		return err
	}
	if entry.Deed == nil || entry.Deed.SKU == "" {
		return fmt.Errorf("want deed.sku in an entry of kind %q", entry.Kind)
	}
	d.learn(entry, at.Sequence.Stream)
	return nil
}

func (d *desk) learn(entry event.ShopRecordedV1, sequence uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := fact{entry.Kind, entry.Deed.SKU}
	if d.told[f].sequence >= sequence {
		return
	}
	last := told{sequence: sequence, value: entry.Hash, record: entry.Deed.RecordID, written: entry.State == event.ShopWritten}
	if entry.Fault != nil {
		last.why = fault.Code(entry.Fault.Code)
	}
	if entry.State == event.ShopKept {
		last.why = fault.ShopSKUUnknown
	}
	d.told[f] = last
}

// conclude writes the ledger's entry of a fact. One that somebody else wrote meanwhile, or that could not be stored, is
// written again: a value that is written twice does no harm.
func (d *desk) conclude(ctx context.Context, f fact, o order, cause error) {
	if o.known(cause) {
		return
	}
	entry := d.entry(f, o, cause)
	message, err := publish.JSON(topology.ShopOutcomes, subject.Shop(d.store, entry.Kind, entry.Key), entry.Envelope, entry)
	if err == nil {
		message.Expect = &publish.Expect{Sequence: o.last.sequence}
		var acks []publish.Ack
		if acks, err = d.supply.publisher.Publish(ctx, message); err == nil {
			d.learn(entry, acks[0].Sequence)
			d.stillDoubts(f)
			return
		}
	}
	d.supply.options.Log.Debug("a ledger entry of a SKU is made again", "store", d.store, "kind", f.kind, "code", fault.CodeOf(err), "error", err)
	d.mu.Lock()
	w := d.dirty[f]
	w.doubted, w.at, w.after = true, d.told[f].sequence, time.Now().Add(firstWait)
	d.dirty[f] = w
	d.mu.Unlock()
}

// stillDoubts keeps a doubt that arose while the fact was being written: the shop may have moved its quantity after it took the
// write, and before the ledger said so.
func (d *desk) stillDoubts(f fact) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w, marked := d.dirty[f]; marked && w.doubted {
		w.at = d.told[f].sequence
		d.dirty[f] = w
	}
}

// known tells that the ledger says so already: a product that does not manage its stock is reported once.
func (o order) known(cause error) bool {
	return cause != nil && !o.asked && o.last.sequence > 0 && !o.last.written && o.last.why == fault.CodeOf(cause)
}
