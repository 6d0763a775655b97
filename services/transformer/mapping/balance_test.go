package mapping

import (
	"maps"
	"slices"
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
				if err := m.Balance(o, d); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				amount := place(&d)
				if amount == nil {
					continue
				}
				tried[name]++
				if *amount = amount.Add(cent); m.Balance(o, d) == nil {
					t.Errorf("bundles %s, seed %d: a cent more in the %s is not found", bundles, seed, name)
				}
				if *amount = amount.Sub(cent).Sub(cent); m.Balance(o, d) == nil {
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

// Every record that the document asks for is missed where it is gone, and money that moves from one line or rate to another
// is found, with every strategy, policy and form of discount and shipping.
func TestBalanceFindsWhatIsGoneOrMoved(t *testing.T) {
	one := money.MustParse("1.00")
	wrong := map[string]func(m *Mapping, o event.OrderStateV1, d *event.DesiredOrderV1) bool{
		"deposit gone": func(_ *Mapping, _ event.OrderStateV1, d *event.DesiredOrderV1) bool {
			had := len(d.Deposits)
			d.Deposits = d.Deposits[:max(0, had-1)]
			return had > 0
		},
		"deposit twice": func(_ *Mapping, _ event.OrderStateV1, d *event.DesiredOrderV1) bool {
			d.Deposits = append(slices.Clone(d.Deposits), d.Deposits...)
			return len(d.Deposits) > 0
		},
		"deposit for nothing": func(_ *Mapping, o event.OrderStateV1, d *event.DesiredOrderV1) bool {
			if amountOf(d.Deposits, paymentKey) != nil {
				return false
			}
			d.Deposits = append(slices.Clone(d.Deposits), event.Deposit{Payment: paymentKey, Amount: o.Totals.Total})
			return true
		},
		"refund gone": func(_ *Mapping, _ event.OrderStateV1, d *event.DesiredOrderV1) bool {
			had := len(d.Refunds)
			d.Refunds = nil
			return had > 0
		},
		"goods given back gone": func(_ *Mapping, _ event.OrderStateV1, d *event.DesiredOrderV1) bool {
			had := len(d.GivenBack)
			d.GivenBack = nil
			return had > 0
		},
		"goods given back twice": func(_ *Mapping, _ event.OrderStateV1, d *event.DesiredOrderV1) bool {
			d.GivenBack = append(slices.Clone(d.GivenBack), d.GivenBack...)
			return len(d.GivenBack) > 0
		},
		"line to line": func(m *Mapping, o event.OrderStateV1, d *event.DesiredOrderV1) bool {
			lines := slices.Clone(d.SalesOrder.Lines)
			d.SalesOrder.Lines = lines
			if len(o.Lines) < 2 || len(m.single(o.Lines)) < len(o.Lines) || m.document.Discounts.As == DiscountHeader && len(o.Refunds) > 0 {
				return false
			}
			first, second := placeOf(lines, o.Lines[0]), placeOf(lines, o.Lines[1])
			first.Amount, second.Amount = first.Amount.Add(one), second.Amount.Sub(one)
			return true
		},
		"tax to tax": func(_ *Mapping, o event.OrderStateV1, d *event.DesiredOrderV1) bool {
			rows := slices.Clone(d.SalesOrder.TaxDetails)
			d.SalesOrder.TaxDetails = rows
			if len(rows) < 2 || len(o.Refunds) > 0 || bundled(o) || rows[0].TaxCode.Key == rows[1].TaxCode.Key {
				return false
			}
			rows[0].Amount, rows[1].Amount = rows[0].Amount.Add(one), rows[1].Amount.Sub(one)
			return true
		},
		"tax of a line to another": func(_ *Mapping, o event.OrderStateV1, d *event.DesiredOrderV1) bool {
			rows := slices.Clone(d.SalesOrder.TaxDetails)
			d.SalesOrder.TaxDetails = rows
			if len(rows) < 2 || bundled(o) || !rowsAddUp(o) || rows[0].Reference == rows[len(rows)-1].Reference {
				return false
			}
			rows[0].Amount, rows[len(rows)-1].Amount = rows[0].Amount.Add(one), rows[len(rows)-1].Amount.Sub(one)
			return true
		},
		"shipping to a line": func(_ *Mapping, o event.OrderStateV1, d *event.DesiredOrderV1) bool {
			cost := d.SalesOrder.Fields["shippingCost"].Number
			if cost == nil || cost.IsZero() {
				return false
			}
			none := money.Number{}
			lines, fields := slices.Clone(d.SalesOrder.Lines), maps.Clone(d.SalesOrder.Fields)
			lines[0].Amount, fields["shippingCost"] = lines[0].Amount.Add(money.AmountOf(cost.Decimal())), event.Value{Number: &none}
			d.SalesOrder.Lines, d.SalesOrder.Fields = lines, fields
			return true
		},
	}
	tried := map[string]int{}
	for _, mode := range strategies {
		for _, p := range policies {
			for form := range 4 {
				m := variant(t, strategy(mode), policy(p), func(d *Document) {
					if form%2 == 1 && mode != event.TaxCodes {
						d.Discounts.As = DiscountHeader
					}
					if form/2 == 1 {
						d.Shipping.As, d.Shipping.Item = ShippingLine, "WOO-SHIPPING"
					}
				})
				for seed := range uint64(60) {
					o := m.Generate(seed)
					d, err := m.Map(o, Context{})
					if err != nil || len(d.SalesOrder.Lines) == 0 {
						continue
					}
					if err := m.Balance(o, d); err != nil {
						t.Fatalf("%s, %s, %d, seed %d: %v", mode, p, form, seed, err)
					}
					for name, spoil := range wrong {
						spoiled := d
						if !spoil(m, o, &spoiled) {
							continue
						}
						if tried[name]++; m.Balance(o, spoiled) == nil {
							t.Errorf("%s, %s, %d, seed %d: %s is not found", mode, p, form, seed, name)
						}
					}
				}
			}
		}
	}
	for name := range wrong {
		if tried[name] < 100 {
			t.Errorf("%s: tried %d times", name, tried[name])
		}
	}
}

func placeOf(lines []event.OrderLine, l event.Line) *event.OrderLine {
	at := slices.IndexFunc(lines, func(line event.OrderLine) bool { return line.Key == "line-"+l.ID })
	return &lines[at]
}

// Of real orders the money is where it belongs, with every strategy and policy.
func TestCapturesAreBalanced(t *testing.T) {
	for _, mode := range strategies {
		for _, p := range policies {
			m := variant(t, strategy(mode), policy(p))
			for name, o := range orders(t) {
				d, err := m.Map(o, Context{})
				if err != nil {
					continue
				}
				if err := m.Balance(o, d); err != nil {
					t.Errorf("%s, %s, %s: %v", mode, p, name, err)
				}
			}
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
