package replay

import (
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/internal/terms"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
)

// unwritten are the differences that applying does not write.
func (c Change) unwritten() (list []Difference) {
	for _, d := range c.Differences {
		if c.IsKept(d.Field) {
			list = append(list, d)
		}
	}
	return list
}

// UnwrittenOf tells of how many of a group's orders or customers applying does not write the difference.
func (p Plan) UnwrittenOf(g Group) int {
	for _, kept := range p.Kept {
		if kept.Field == g.Field && kept.Kind == g.Kind {
			return kept.Count()
		}
	}
	return 0
}

// IsKept tells whether applying does not write a field that differs.
func (c Change) IsKept(field string) bool { return slices.Contains(c.Kept, field) }

// keeper tells which differences an effect does not write. Policies are the writer's, not NetSuite's; customers, deposits,
// refunds and bills that NetSuite holds are never written again.
type keeper struct {
	effect   Effect
	customer bool     // it is there, and stays the order's
	status   bool     // the order keeps the one that people gave it
	made     []string // beginnings of the fields of money that is made
}

func keeperOf(to event.DesiredOrderV1, s standing, t terms.Account, e Effect, differences []Difference) keeper {
	k := keeper{effect: e, customer: s.ledger.Customer != nil && !slices.ContainsFunc(differences, s.identifies)}
	if d, err := plan.Decide(to, s.facts(to, t)); err == nil {
		k.status = d.Status != ""
	}
	owner := t.Owners[to.Store]
	money, _ := plan.Lacking(to, s.ledger).Owned(owner.Payment, owner.Refunds)
	for _, d := range money.Deposits {
		if d.Question == "" {
			k.made = append(k.made, "deposits["+d.ExternalID+"]")
		}
	}
	for _, r := range money.Refunds {
		if r.Question == "" {
			k.made = append(k.made, "refunds["+r.ExternalID+"]")
		}
	}
	if money.Bill != nil {
		k.made = append(k.made, "bill.")
	}
	return k
}

// identifies tells whether a difference may give the order another customer: one that was found by its e-mail goes by that.
func (s standing) identifies(d Difference) bool {
	return d.Field == "customer.external_id" || strings.HasPrefix(d.Field, "customer.default") || s.ledger.Customer.Adopted && d.Field == "customer.email"
}

// kept lists the fields of differences that are not written.
func (k keeper) kept(differences []Difference) (fields []string) {
	for _, d := range differences {
		if k.keeps(d) {
			fields = append(fields, d.Field)
		}
	}
	return fields
}

func (k keeper) keeps(d Difference) bool {
	part := d.Field[:strings.IndexAny(d.Field+".", ".[")]
	switch {
	case part == "policy", k.effect == EffectPark, k.effect == EffectHold, k.effect == EffectNone:
		return true
	case part == "deposits", part == "refunds", part == "bill":
		return !slices.ContainsFunc(k.made, func(start string) bool { return strings.HasPrefix(d.Field, start) })
	case part == "customer":
		return k.effect != EffectCreate && (k.effect != EffectUpdate || k.customer)
	case part == "sales_order", part == "expected":
		return k.effect == EffectKeep || k.effect == EffectAlter && !alters([]Difference{d}) || k.status && d.Field == "sales_order.order_status"
	default:
		return false // of two states that no field tells apart nothing is known
	}
}
