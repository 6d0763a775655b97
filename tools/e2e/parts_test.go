package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// adjusted is the shipped mapping with a change.
func adjusted(t *testing.T, change func(*mapping.Document)) string {
	t.Helper()
	d, err := mapping.Parse(mapping.Default)
	if err != nil {
		t.Fatal(err)
	}
	change(&d)
	data, err := yaml.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// An order that is paid in two parts has a deposit of each from the moment it is paid, with the amount it has then, and the
// outcome says what is left. Money that is only authorised is none. Invariant 2.
func TestPaymentInParts(t *testing.T) {
	w := world.Start(t, demo.Options{Mapping: adjusted(t, func(d *mapping.Document) {
		d.Payments.Gateways["stripe"] = mapping.Gateway{Authorised: []string{"on-hold"}, Parts: []mapping.Part{
			{Key: "first", AmountMeta: "_first", PaidMeta: "_first_paid"}, {Key: "rest", AmountMeta: "_rest", PaidMeta: "_rest_paid"},
		}}
	})})
	ids, err := w.Shop.Place(shopsim.Placement{Store: "main", Status: "on-hold"})
	if err != nil {
		t.Fatal(err)
	}
	b := &backward{World: w, t: t, store: "main", order: ids[0]}
	before := len(transactions(w, "customerDeposit"))
	b.quiet()
	total := money.MustParse(b.shopOrder().Total)
	rest := total.Sub(money.MustParse("10.00"))
	meta := func(key, value string) string {
		return fmt.Sprintf(`{"meta_data":[{"key":%q,"value":%q}]}`, key, value)
	}
	for _, step := range []struct {
		edit        string
		first, rest string // deposits after it; empty: none
		balance     money.Amount
	}{
		{`{"payment_method":"stripe"}`, "", "", money.Zero},
		{meta("_first", "10.00"), "", "", money.Zero},
		{meta("_first_paid", "2026-11-20"), "", "", money.Zero}, // authorised
		{`{"status":"processing"}`, "10.00", "", rest},
		{meta("_first", "12.00"), "10.00", "", rest},
		{meta("_rest", rest.String()), "10.00", "", rest},
		{meta("_rest_paid", "yes"), "10.00", rest.String(), money.Zero},
		{`{"customer_note":"ring twice"}`, "10.00", rest.String(), money.Zero},
	} {
		if err := w.Shop.Edit("main", b.order, []byte(step.edit)); err != nil {
			t.Fatal(err)
		}
		b.quiet()
		want, got := map[string]string{}, transactions(w, "customerDeposit")
		for key, amount := range map[string]string{"first": step.first, "rest": step.rest} {
			if amount != "" {
				want[fmt.Sprintf("wc-cd-main-%d-%s", b.order, key)] = amount
			}
		}
		if len(got) != before+len(want) {
			t.Errorf("after %s: %d deposits, want %d", step.edit, len(got)-before, len(want))
		}
		for id, amount := range want {
			if !world.SameAmount(got[id], amount) {
				t.Errorf("after %s: %s %q, want %s", step.edit, id, got[id], amount)
			}
		}
		said := lastOutcome(t, w, fmt.Sprint(b.order)).Reason
		if line := "balance " + step.balance.String() + ":"; strings.Contains(said, "balance ") == step.balance.IsZero() || !step.balance.IsZero() && !strings.Contains(said, line) {
			t.Errorf("after %s: the outcome says %q, want a balance of %s", step.edit, said, step.balance)
		}
	}
}
