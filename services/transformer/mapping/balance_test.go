package mapping

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Generated orders are of every kind, and a cent too many or too few in any of their records is found.
func TestBalanceFindsEveryCent(t *testing.T) {
	cent := money.MustParse("0.01")
	wrong := map[string]func(d *event.DesiredOrderV1) *money.Amount{
		"line":    func(d *event.DesiredOrderV1) *money.Amount { return &d.SalesOrder.Lines[0].Amount },
		"total":   func(d *event.DesiredOrderV1) *money.Amount { return &d.Expected.Total },
		"deposit": func(d *event.DesiredOrderV1) *money.Amount { return amountOf(d.Deposits, paymentKey) },
		"card":    func(d *event.DesiredOrderV1) *money.Amount { return amountOf(d.Deposits, "gift-1") },
		"refund": func(d *event.DesiredOrderV1) *money.Amount {
			return refundIn(d, func(r *event.CustomerRefund) *money.Amount { return &r.Amount })
		},
		"shipping": func(d *event.DesiredOrderV1) *money.Amount {
			return refundIn(d, func(r *event.CustomerRefund) *money.Amount { return &r.Shipping })
		},
		"credit": func(d *event.DesiredOrderV1) *money.Amount {
			return refundIn(d, func(r *event.CustomerRefund) *money.Amount {
				if len(r.Lines) == 0 {
					return nil
				}
				return &r.Lines[0].Amount
			})
		},
	}
	tried, kinds := map[string]int{}, map[string]int{}
	for _, bundles := range []Bundles{BundlesAll, BundlesParent, BundlesChildren} {
		m := variant(t, func(d *Document) { d.Items.Bundles = bundles })
		for seed := range uint64(300) {
			o := m.Generate(seed)
			count(kinds, o)
			for name, place := range wrong {
				d, err := m.Map(o, Context{})
				if err != nil || len(d.SalesOrder.Lines) == 0 {
					break
				}
				if err := Balance(o, d); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				amount := place(&d)
				if amount == nil {
					continue
				}
				tried[name]++
				if *amount = amount.Add(cent); Balance(o, d) == nil {
					t.Errorf("bundles %s, seed %d: a cent more in the %s is not found", bundles, seed, name)
				}
				if *amount = amount.Sub(cent).Sub(cent); Balance(o, d) == nil {
					t.Errorf("bundles %s, seed %d: a cent less in the %s is not found", bundles, seed, name)
				}
			}
		}
	}
	for name := range wrong {
		if tried[name] < 15 {
			t.Errorf("%s: tried %d times", name, tried[name])
		}
	}
	for _, kind := range []string{"refunds", "refunds without pieces", "cards", "bundles", "tax at subtotal"} {
		if kinds[kind] < 15 {
			t.Errorf("%d orders with %s", kinds[kind], kind)
		}
	}
}

func amountOf(deposits []event.Deposit, key string) *money.Amount {
	for i := range deposits {
		if deposits[i].Payment == key {
			return &deposits[i].Amount
		}
	}
	return nil
}

func refundIn(d *event.DesiredOrderV1, of func(r *event.CustomerRefund) *money.Amount) *money.Amount {
	if len(d.Refunds) == 0 {
		return nil
	}
	return of(&d.Refunds[0])
}

func count(kinds map[string]int, o event.OrderStateV1) {
	seen := map[string]bool{"refunds": len(o.Refunds) > 0, "cards": len(o.GiftCards) > 0, "bundles": bundled(o)}
	for _, r := range o.Refunds {
		seen["refunds without pieces"] = seen["refunds without pieces"] || len(r.Detail.Lines) == 0
	}
	for _, tax := range o.Taxes {
		rows := money.Zero
		for _, line := range o.Lines {
			for _, row := range line.Taxes {
				if row.Rate == tax.Rate {
					rows = rows.Add(row.Total)
				}
			}
		}
		for _, fee := range o.Fees {
			for _, row := range fee.Taxes {
				if row.Rate == tax.Rate {
					rows = rows.Add(row.Total)
				}
			}
		}
		seen["tax at subtotal"] = seen["tax at subtotal"] || !rows.Equal(tax.Total)
	}
	for kind, is := range seen {
		if is {
			kinds[kind]++
		}
	}
}
