package netsuitewriter

import (
	"context"
	"strings"
	"sync"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// people finds or makes the customer of an order. Look-up and creation are serialised per identity and per e-mail: two
// first orders of one guest run in two lanes, and those of one person in two stores.
type people struct {
	scribe    scribe
	directory *directory
	pinned    func(ctx context.Context) error

	mu   sync.Mutex
	busy map[string]chan struct{}
}

func customerBy(by, key string) event.Ref { return event.Ref{Record: "customer", By: by, Key: key} }

// customerRefs are the references under which an order's customer is looked up.
func customerRefs(d event.DesiredOrderV1) []event.Ref {
	refs := []event.Ref{customerBy("externalId", d.Customer.ExternalID), customerBy("email", strings.ToLower(d.Customer.Email))}
	if d.Customer.Default != nil {
		refs = append(refs, *d.Customer.Default)
	}
	return refs
}

func (p *people) find(ctx context.Context, d event.DesiredOrderV1, fresh bool) (event.RecordID, []event.Call, error) {
	if d.Customer.Default != nil {
		ids, calls, err := p.directory.resolve(ctx, []event.Ref{*d.Customer.Default}, fresh)
		return event.RecordID{ID: ids[*d.Customer.Default], Adopted: true}, calls, err
	}
	release, err := p.lock(ctx, d.Customer.ExternalID)
	if err != nil {
		return event.RecordID{}, nil, err
	}
	defer release()
	ours := customerBy("externalId", d.Customer.ExternalID)
	records, calls, err := p.directory.find(ctx, []event.Ref{ours}, fresh)
	if err != nil {
		return event.RecordID{}, calls, err
	}
	switch active := activeOf(records[ours]); {
	case len(active) > 0 && active[0].adopted:
		return event.RecordID{ID: active[0].id, Adopted: true}, calls, nil
	case len(active) > 0:
		return event.RecordID{ID: active[0].id, ExternalID: d.Customer.ExternalID}, calls, nil
	}
	return p.adoptOrMake(ctx, d, ours, len(records[ours]) > 0, calls)
}

// adoptOrMake looks for the e-mail before it makes a record. Two records of one e-mail, and none but inactive ones, are a
// question for a person, never a guess.
func (p *people) adoptOrMake(ctx context.Context, d event.DesiredOrderV1, ours event.Ref, inactive bool, calls []event.Call) (event.RecordID, []event.Call, error) {
	email := customerBy("email", strings.ToLower(d.Customer.Email))
	if email.Key != "" {
		release, err := p.lock(ctx, email.Key)
		if err != nil {
			return event.RecordID{}, calls, err
		}
		defer release()
		records, made, err := p.directory.find(ctx, []event.Ref{email}, true)
		calls = append(calls, made...)
		if err != nil {
			return event.RecordID{}, calls, err
		}
		switch active := activeOf(records[email]); len(active) {
		case 0:
			inactive = inactive || len(records[email]) > 0
		case 1:
			p.directory.learn(ours, found{id: active[0].id, adopted: true})
			return event.RecordID{ID: active[0].id, Adopted: true}, calls, nil
		default:
			return event.RecordID{}, calls, fault.New(fault.CustomerAmbiguous, "several customers in NetSuite carry the order's e-mail; merge them or set the externalId of the right one",
				fault.Field("customer.externalId", d.Customer.ExternalID))
		}
	}
	if inactive {
		return event.RecordID{}, calls, fault.New(fault.CustomerAmbiguous, "the order's customer is inactive in NetSuite; make it active, or set the externalId on another one",
			fault.Field("customer.externalId", d.Customer.ExternalID))
	}
	id, made, err := p.make(ctx, d)
	calls = append(calls, made...)
	if err == nil {
		p.directory.learn(ours, found{id: id})
		p.directory.learn(email, found{id: id}) // a query may not show it yet
	}
	return event.RecordID{ID: id, ExternalID: d.Customer.ExternalID}, calls, err
}

func (p *people) make(ctx context.Context, d event.DesiredOrderV1) (string, []event.Call, error) {
	ids, calls, err := p.directory.resolve(ctx, plan.PartyRefs(d), false)
	if err != nil {
		return "", calls, err
	}
	body, err := plan.Customer(d, ids)
	if err != nil {
		return "", calls, err
	}
	if err := p.pinned(ctx); err != nil {
		return "", calls, err
	}
	done, err := p.scribe.send(ctx, "customer", suitetalk.Upsert("customer", d.Customer.ExternalID, body))
	calls = append(calls, done.calls...)
	switch fault.CodeOf(err) {
	case fault.NetSuiteAmbiguous, fault.ExternalIDTaken:
		// An earlier attempt of ours may have made it: look before repeating.
		ours := customerBy("externalId", d.Customer.ExternalID)
		records, made, lookErr := p.directory.find(ctx, []event.Ref{ours}, true)
		calls = append(calls, made...)
		if lookErr != nil {
			return "", calls, lookErr
		}
		if len(records[ours]) > 0 {
			return records[ours][0].id, calls, nil
		}
	}
	if err != nil {
		return "", calls, err
	}
	id, err := done.ID()
	return id, calls, err
}

// lock serialises the work on one identity.
func (p *people) lock(ctx context.Context, identity string) (release func(), err error) {
	for {
		p.mu.Lock()
		held, taken := p.busy[identity]
		if !taken {
			mine := make(chan struct{})
			p.busy[identity] = mine
			p.mu.Unlock()
			return func() {
				p.mu.Lock()
				delete(p.busy, identity)
				p.mu.Unlock()
				close(mine)
			}, nil
		}
		p.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
