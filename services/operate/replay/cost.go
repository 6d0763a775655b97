package replay

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

const (
	assumedCall  = 500 * time.Millisecond  // where the ledger has measured none
	assumedSlots = 5                       // where no writer has said: Oracle's smallest service tier
	gathering    = 1500 * time.Millisecond // of read-backs, at most, while others may come
)

// account is what a plan costs at one account.
type account struct {
	creates, updates, kept, records int
	revises                         int           // of customers' records
	took                            time.Duration // of the writes that the ledger has measured
	measured                        int
}

type costs map[string]*account

func (c costs) add(v verdict) {
	if c[v.change.Account] == nil {
		c[v.change.Account] = &account{}
	}
	a := c[v.change.Account]
	a.records += v.change.Records
	switch v.change.Effect {
	case EffectCreate:
		a.creates++
	case EffectUpdate, EffectAlter:
		a.updates++
	case EffectRevise:
		a.revises++
	case EffectKeep, EffectPark, EffectHold:
		if !v.customer {
			a.kept++
		}
	case EffectNone:
	}
	if v.measured {
		a.took, a.measured = a.took+v.call, a.measured+1
	}
}

// of estimates one account. The writer reads an order before it decides and after it wrote. A read before is shared with
// those who ask while another runs, about every third of them; those after gather, so that the orders of one window take
// two. Nothing else is read of an order that is known. A customer's record is read and changed, and found before that where it is
// not known.
func (a account) of(slots int) Cost {
	c := Cost{Writes: a.creates + a.updates, Records: a.records, Revises: a.revises, Slots: slots, Call: assumedCall}
	if a.measured > 0 {
		c.Call = max(a.took/time.Duration(a.measured), time.Millisecond)
	}
	waves := (a.creates + a.updates + a.kept + a.revises + window(slots) - 1) / window(slots)
	before, after := (2*(a.updates+a.kept)+2)/3, min(2*waves, c.Writes)
	c.Calls = c.Writes + before + after + 2*c.Records + 2*c.Revises
	c.AtMost = 4*a.creates + 3*a.updates + a.kept + 2*c.Records + 3*c.Revises
	c.Elapsed = max(time.Duration(c.Calls)*c.Call/time.Duration(slots), time.Duration(waves)*(3*c.Call+gathering))
	return c
}

// sum adds the accounts up; they are written to at once, but a plan goes on with one order after the other.
func (c costs) sum(slots func(account string) int) Cost {
	sum := Cost{Call: assumedCall}
	busiest := 0
	for _, name := range slices.Sorted(maps.Keys(c)) {
		one := c[name].of(cmp.Or(slots(name), assumedSlots))
		sum.Writes, sum.Records, sum.Revises = sum.Writes+one.Writes, sum.Records+one.Records, sum.Revises+one.Revises
		sum.Calls, sum.AtMost = sum.Calls+one.Calls, sum.AtMost+one.AtMost
		sum.Elapsed += one.Elapsed
		if one.Calls >= busiest {
			busiest, sum.Slots, sum.Call = one.Calls, one.Slots, one.Call
		}
	}
	return sum
}
