package statuspublisher

import (
	"context"
	"slices"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/internal/woo"
	"github.com/orderstream/orderstream/services/status-publisher/plan"
)

// listed is a shipment as the order's meta key has it.
type listed struct {
	ID       string                 `json:"id"` // NetSuite's
	Number   string                 `json:"number"`
	Carrier  string                 `json:"carrier"`
	Date     string                 `json:"date"`
	Tracking []string               `json:"tracking"`
	Lines    []event.ShopParcelLine `json:"lines"`
}

// list keeps the tracking numbers on the order itself, with what is in each parcel, where the store has no other place for
// them than a note.
func (s *Service) list(ctx context.Context, c change, e entry, d deed) (*done, error) {
	var known []event.ShopParcel
	if e.last != nil && e.last.Deed != nil {
		known = e.last.Deed.Parcels
	}
	result := &done{deed: c.about()}
	result.deed.Parcels = known // a try that fails forgets none
	one, concerns, err := s.parcel(ctx, c, known, &result.calls)
	if err != nil {
		return result, err
	}
	if !concerns {
		return nil, nil
	}
	result.deed.Parcels = plan.MergeParcels(known, one)
	if _, hash, err := showing(result.deed.Parcels); err != nil || e.told(hash) {
		return nil, err
	}
	lost, err := c.shop.unrecorded(ctx, c.Order, known, &result.calls)
	if err != nil {
		return result, err
	}
	result.deed.Parcels = plan.MergeParcels(append(lost, known...), one)
	value, hash, err := showing(result.deed.Parcels)
	if err != nil {
		return result, err
	}
	result.hash = hash
	return result, s.change(ctx, c, e, d, result, map[string]any{"meta_data": metaOf(woo.MetaTracking, value)})
}

// unrecorded are parcels that the order shows and its ledger does not know: a crash came between their write and its record,
// and the redelivery is still to come. Their time is not known: any state of theirs is newer. What does not hold this order's
// lines came with a copy of another order.
func (b *batcher) unrecorded(ctx context.Context, id string, known []event.ShopParcel, calls *[]event.Call) ([]event.ShopParcel, error) {
	order, err := b.order(ctx, id, calls)
	if err != nil {
		return nil, err
	}
	list, err := codec.Decode[[]listed]([]byte(woo.TextOf(order.Meta, woo.MetaTracking)))
	if err != nil {
		return nil, nil //nolint:nilerr // none yet, or not as we write it: it is written anew
	}
	var lost []event.ShopParcel
	for _, l := range list {
		isKnown := slices.ContainsFunc(known, func(p event.ShopParcel) bool { return p.ID == l.ID })
		if !isKnown && l.of(order) {
			lost = append(lost, event.ShopParcel{ID: l.ID, Number: l.Number, Carrier: l.Carrier, Date: l.Date, Tracking: l.Tracking, Lines: l.Lines})
		}
	}
	return lost, nil
}

// of tells whether the parcel holds lines of the order, and no other's.
func (l listed) of(order woo.Order) bool {
	strange := func(line event.ShopParcelLine) bool {
		return !slices.ContainsFunc(order.Lines, func(o woo.LineItem) bool { return string(o.ID) == line.Line })
	}
	return len(l.Lines) > 0 && !slices.ContainsFunc(l.Lines, strange)
}

// parcel tells how a shipment stands, and whether it concerns the order's list: one that is on it already does.
func (s *Service) parcel(ctx context.Context, c change, known []event.ShopParcel, calls *[]event.Call) (event.ShopParcel, bool, error) {
	ledger, err := s.ledgerOf(ctx, c)
	if err != nil {
		return event.ShopParcel{}, false, err
	}
	shipment := plan.ShipmentOf(c.NetSuiteChangedV1, ledger.Lines)
	one := shipment.Parcel(c.NetSuiteChangedV1)
	if slices.ContainsFunc(known, func(p event.ShopParcel) bool { return p.ID == one.ID }) {
		return one, true, nil
	}
	if one.Gone || len(one.Tracking) == 0 {
		return one, false, nil
	}
	way, err := s.way(ctx, c, shipment, calls)
	return one, way == byNote, err
}

// showing is the value of the order's key, and its hash.
func showing(parcels []event.ShopParcel) (value, hash string, err error) {
	raw, err := codec.Encode(shown(parcels))
	if err != nil {
		return "", "", err
	}
	hash, err = codec.Hash(string(raw))
	return string(raw), hash, err
}

func shown(parcels []event.ShopParcel) []listed {
	list := []listed{}
	for _, p := range parcels {
		if !p.Gone {
			list = append(list, listed{p.ID, p.Number, p.Carrier, p.Date, p.Tracking, p.Lines})
		}
	}
	return list
}
