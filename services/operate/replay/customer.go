package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/contrast"
	"github.com/orderstream/orderstream/services/internal/publish"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// lookCustomer is the looker of customers. The candidate maps a customer's newest event, which need not be the one that
// DESIRED was made from: map publishes no state that asks the same again.
func (l *lab) lookCustomer(ctx context.Context, m jetstream.Msg, again bool) (verdict, error) {
	metadata, err := m.Metadata()
	if err != nil {
		return verdict{}, err
	}
	from, err := codec.Decode[event.DesiredCustomerV1](m.Data())
	if err != nil {
		return verdict{}, fault.New(fault.MessageUndecodable, "want a desired state", fault.Field(m.Subject(), fmt.Sprint(metadata.Sequence.Stream)), fault.Because(err))
	}
	of := Object{Store: from.Store, Customer: from.Customer}
	if l.parked[of] || !l.wantedCustomer(of) { // what is parked is looked at by itself
		return verdict{customer: true, skipped: true}, nil
	}
	v, err := l.ofCustomer(ctx, of, from, metadata.Sequence.Stream, again)
	v.customer = true
	return v, err
}

func (l *lab) wantedCustomer(of Object) bool {
	return l.request.ofCustomers() && (len(l.request.Customers) == 0 || slices.Contains(l.request.Customers, of.Customer))
}

func (l *lab) ofCustomer(ctx context.Context, of Object, from event.DesiredCustomerV1, desired uint64, again bool) (verdict, error) {
	if other, err := l.elsewhere(ctx, from.Account, of.Store); other != nil || err != nil {
		return verdict{other: other}, err
	}
	if again {
		return verdict{moved: true}, nil
	}
	state, source, err := l.customer(ctx, of)
	if err != nil {
		return verdict{}, err
	}
	if source == 0 {
		return troubledCustomer(of, fault.New(fault.MappingFailed, "the customer's state is no longer kept in CUSTOMERS", fault.Field("sequence", fmt.Sprint(from.Source.Sequence)))), nil
	}
	to, err := l.deriveCustomer(from.Account, state, source, 0)
	if err != nil {
		return troubledCustomer(of, err), nil
	}
	if to.Hash == from.Hash {
		return verdict{}, nil
	}
	return l.changeOfCustomer(ctx, from, to, Change{Placed: state.Version.ModifiedAt, Source: source, Desired: desired})
}

// customer reads a customer's newest event and its position; 0: there is none.
func (l *lab) customer(ctx context.Context, of Object) (state event.CustomerChangedV1, source uint64, err error) {
	raw, err := l.customers.GetLastMsgForSubject(ctx, subject.Customer(of.Store, of.Customer))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return state, 0, nil
	}
	if err != nil {
		return state, 0, fmt.Errorf("stream %s: %w", topology.Customers, err)
	}
	state, err = codec.Decode[event.CustomerChangedV1](raw.Data)
	return state, raw.Sequence, err
}

func (l *lab) deriveCustomer(account string, state event.CustomerChangedV1, source, published uint64) (event.DesiredCustomerV1, error) {
	return l.candidate.Customer(state, mapping.Context{Account: account, Sequence: source, Published: published})
}

func troubledCustomer(of Object, err error) verdict {
	return verdict{trouble: &Trouble{of, string(fault.CodeOf(err)), err.Error()}}
}

// changeOfCustomer completes a customer's change: what differs from what DESIRED asks, and what applying it does.
func (l *lab) changeOfCustomer(ctx context.Context, from, to event.DesiredCustomerV1, c Change) (verdict, error) {
	t, err := l.terms.of(ctx, l.js, to.Account)
	if err != nil {
		return verdict{}, err
	}
	differences, err := contrast.Customers(from, to)
	if err != nil {
		return verdict{}, err
	}
	c.Differences = append(c.Differences, differences...)
	c.Object, c.Account, c.Hash, c.Fields = Object{Store: to.Store, Customer: to.Customer}, to.Account, to.Hash, len(c.Differences)
	written := addedTo(from, to)
	c.Effect = effectOnCustomer(t, to.Store, slices.ContainsFunc(differences, written))
	for _, d := range differences {
		if c.Effect != EffectRevise || !written(d) {
			c.Kept = append(c.Kept, d.Field)
		}
	}
	return verdict{change: &c}, nil
}

// effectOnCustomer is what the writer does about a customer's desired state. written: something of what differs is written
// where it may be.
func effectOnCustomer(t terms.Account, store string, written bool) Effect {
	switch {
	case !written, t.Owners[store].Customer:
		return EffectKeep
	case t.Hold:
		return EffectHold
	default:
		return EffectRevise
	}
}

// addedTo tells of a difference whether the record may get it: what a state names no longer stays, and an address that an
// earlier state named stands in the book already.
func addedTo(from, to event.DesiredCustomerV1) func(Difference) bool {
	return func(d Difference) bool {
		entry, is := strings.CutPrefix(d.Field, "customer_record.addresses[")
		if !is {
			return d.To != ""
		}
		at, err := strconv.Atoi(entry[:strings.IndexByte(entry+"]", ']')])
		return err != nil || at < len(to.Addresses) && !slices.Contains(from.Addresses, to.Addresses[at])
	}
}

// customerWaits gives the verdict on the newest event of a parked customer.
func (l *lab) customerWaits(ctx context.Context, of Object) (verdict, error) {
	if !l.wantedCustomer(of) {
		return verdict{customer: true, skipped: true}, nil
	}
	v, err := l.freedCustomer(ctx, of)
	v.customer = true
	return v, err
}

// freedCustomer compares a parked customer with what the candidate makes of him; one that the candidate cannot map either
// stays as he is.
func (l *lab) freedCustomer(ctx context.Context, of Object) (verdict, error) {
	state, source, err := l.customer(ctx, of)
	if err != nil || source == 0 {
		return verdict{skipped: true}, err
	}
	from, at, err := l.heldCustomer(ctx, of)
	if err != nil {
		return verdict{}, err
	}
	if at == 0 {
		from.Account = l.custom.store[of.Store].account
	}
	if from.Account == "" {
		return troubledCustomer(of, fmt.Errorf("store %s: no order of it was looked at, so its account is not known here: publish the mapping and retry the customer", of.Store)), nil
	}
	if other, err := l.elsewhere(ctx, from.Account, of.Store); other != nil || err != nil {
		return verdict{other: other}, err
	}
	to, err := l.deriveCustomer(from.Account, state, source, 0)
	if err != nil {
		return verdict{}, nil //nolint:nilerr // parked he is and parked he stays
	}
	return l.changeOfCustomer(ctx, from, to, Change{
		Placed: state.Version.ModifiedAt, Source: source, Desired: at, Parked: true, Differences: []Difference{{Field: "customer parked at map", To: "mapped"}},
	})
}

func (l *lab) heldCustomer(ctx context.Context, of Object) (d event.DesiredCustomerV1, at uint64, err error) {
	raw, err := l.desired.GetLastMsgForSubject(ctx, subject.DesiredOfCustomer(of.Store, of.Customer))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return d, 0, nil
	}
	if err != nil {
		return d, 0, fmt.Errorf("stream %s: %w", topology.Desired, err)
	}
	d, err = codec.Decode[event.DesiredCustomerV1](raw.Data)
	return d, raw.Sequence, err
}

// revised makes the state of a customer that the plan shows; reason: why it is left out.
func (r *runner) revised(ctx context.Context, c Change) (m publish.Message, reason string, err error) {
	from, at, err := r.heldCustomer(ctx, c.Object)
	if err != nil {
		return m, "", err
	}
	state, source, err := r.customer(ctx, c.Object)
	switch {
	case err != nil:
		return m, "", err
	case at != c.Desired, source > c.Source:
		return m, changed, nil
	case source < c.Source:
		return m, unstored, nil
	}
	to, err := r.deriveCustomer(c.Account, state, source, r.published)
	if err != nil {
		return m, err.Error(), nil //nolint:nilerr // what cannot be mapped is left out
	}
	if to.Hash != c.Hash {
		return m, another, nil
	}
	t, err := r.terms.of(ctx, r.js, c.Account)
	if err != nil {
		return m, "", err
	}
	differences, err := contrast.Customers(from, to)
	if err != nil {
		return m, "", err
	}
	if foreseen := effectOnCustomer(t, c.Store, slices.ContainsFunc(differences, addedTo(from, to))); foreseen != c.Effect {
		return m, otherwise(foreseen, c), nil
	}
	m, err = publish.JSON(topology.Desired, subjectOf(c), to.Envelope, to)
	return m, "", err
}
