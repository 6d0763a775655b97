package mapping

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

var update = flag.Bool("update", false, "write testdata/derived.txt anew: CHANGELOG.md says why past orders are derived otherwise")

// past is the default mapping as it was once: a document of the past stays as it is, whatever becomes of the shipped one.
//
//go:embed testdata/past.yaml
var past string

const derivedFile = "testdata/derived.txt"

// Invariant 6 from one build to the next: of the same orders and documents every build derives the same bytes.
func TestThePastIsDerivedAsItWas(t *testing.T) {
	got := derived(t)
	if *update {
		if err := os.WriteFile(derivedFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(derivedFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("past orders are derived otherwise than they were; where that is meant, run the test with -update and say why in CHANGELOG.md:\n%s", diff)
	}
}

// derived is a line for each document of the past and each capture: the hash of the desired state, or why there is none.
func derived(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, mode := range strategies {
		derive(t, &b, string(mode), strategy(mode))
	}
	derive(t, &b, "header", func(d *Document) { d.Discounts.As = DiscountHeader })
	derive(t, &b, "bills", policy(PolicyCashSale))
	derive(t, &b, "rules", func(d *Document) {
		if err := yaml.Unmarshal([]byte(lively), d); err != nil {
			t.Fatal(err)
		}
	})
	return b.String()
}

func derive(t *testing.T, b *strings.Builder, name string, change func(*Document)) {
	t.Helper()
	d, err := Parse([]byte(past))
	if err != nil {
		t.Fatal(err)
	}
	change(&d)
	data, err := yaml.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Compile(data)
	if err != nil {
		t.Fatal(err)
	}
	all := orders(t)
	for _, capture := range sorted(all) {
		fmt.Fprintf(b, "%s %s %s\n", name, capture, outcome(m, all[capture]))
	}
}

func outcome(m *Mapping, o event.OrderStateV1) string {
	d, err := m.Map(o, Context{Account: "ns", Adoption: []string{"otherrefnum"}})
	if err != nil {
		return string(fault.CodeOf(err))
	}
	return d.Hash
}
