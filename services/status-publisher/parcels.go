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
func (s *Service) list(ctx context.Context, c change, e entry) (*done, error) {
	var known []event.ShopParcel
	if e.last != nil && e.last.Deed != nil {
		known = e.last.Deed.Parcels
	}
	result := &done{deed: c.about()}
	one, concerns, err := s.parcel(ctx, c, known, &result.calls)
	if err != nil || !concerns {
		return nil, err
	}
	result.deed.Parcels = plan.MergeParcels(known, one)
	value, err := codec.Encode(shown(result.deed.Parcels))
	if err != nil {
		return nil, err
	}
	if result.hash, err = codec.Hash(string(value)); err != nil || e.told(result.hash) {
		return nil, err
	}
	calls, err := c.shop.change(ctx, c.Order, map[string]any{"meta_data": metaOf(woo.MetaTracking, string(value))})
	result.calls = append(result.calls, calls...)
	return result, err
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

func shown(parcels []event.ShopParcel) []listed {
	list := []listed{}
	for _, p := range parcels {
		if !p.Gone {
			list = append(list, listed{p.ID, p.Number, p.Carrier, p.Date, p.Tracking, p.Lines})
		}
	}
	return list
}
