package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/schemas"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/services/transformer/parse"
)

// language are the verbs that work on a mapping's text, without a server.
func (a *app) language() []*cobra.Command {
	return []*cobra.Command{a.mappingCheck(), a.mappingTest(), a.mappingCoverage(), a.mappingExplain(), a.mappingFuzz(), a.mappingResolve(), a.mappingSchema()}
}

// mappingFile reads and compiles a mapping with its shared parts; "default" is the shipped one.
func mappingFile(path string) (mapping.Source, *mapping.Mapping, error) {
	source := mapping.Source{Text: mapping.Default}
	if path != "default" {
		var err error
		if source, err = mapping.Open(path, os.ReadFile); err != nil {
			return source, nil, usage{err}
		}
	}
	m, err := source.Compile()
	return source, m, err
}

func printFindings(w io.Writer, findings []mapping.Finding) {
	for _, f := range findings {
		fmt.Fprintf(w, "  %s (%s): %s\n", f.Path, f.Place, f.Text)
	}
}

func (a *app) mappingCheck() *cobra.Command {
	strict := false
	var needs []string
	c := &cobra.Command{
		Use: "check <file>", Short: "Compile a mapping document and explain its mistakes", Args: cobra.ExactArgs(1),
		Long: "Compile a mapping document and explain its mistakes; tell what compiles and is likely one: fields that NetSuite's records do not have, values of the wrong kind, rules that never fire, fields never set that the form needs.",
		RunE: func(_ *cobra.Command, args []string) error {
			source, m, err := mappingFile(args[0])
			if err != nil {
				return err
			}
			findings, err := source.Findings(needs...)
			if err != nil {
				return err
			}
			sound := struct {
				Mapping  string            `json:"mapping"`
				Revision string            `json:"revision"`
				Findings []mapping.Finding `json:"findings"`
			}{m.Name(), m.Revision(), append([]mapping.Finding{}, findings...)}
			if err := a.print(sound, func(w io.Writer) {
				fmt.Fprintf(w, "mapping %s, revision %s: sound\n", m.Name(), m.Revision())
				printFindings(w, findings)
			}); err != nil {
				return err
			}
			if strict && len(findings) > 0 {
				return fmt.Errorf("%d findings", len(findings))
			}
			return nil
		},
	}
	c.Flags().StringSliceVar(&needs, "needs", nil, "fields that the account's own form needs, as salesOrder.location,customer.category")
	c.Flags().BoolVar(&strict, "strict", false, "fail when there are findings")
	return c
}

func (a *app) mappingTest() *cobra.Command {
	return &cobra.Command{
		Use: "test <file>", Short: "Run the examples a mapping carries under tests", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, m, err := mappingFile(args[0])
			if err != nil {
				return err
			}
			results := tryExamples(m, args[0], mapping.NewTrace())
			failed := 0
			for _, r := range results {
				if !r.Passed {
					failed++
				}
			}
			if err := a.print(results, func(w io.Writer) { printResults(w, results) }); err != nil {
				return err
			}
			if failed > 0 {
				return fmt.Errorf("%d of %d examples failed", failed, len(results))
			}
			return nil
		},
	}
}

func printResults(w io.Writer, results []mapping.Result) {
	for _, r := range results {
		switch {
		case r.Passed:
			fmt.Fprintf(w, "ok    %s\n", r.Name)
		case r.Error != "":
			fmt.Fprintf(w, "FAIL  %s: %s\n", r.Name, r.Error)
		default:
			fmt.Fprintf(w, "FAIL  %s\n", r.Name)
		}
		for _, d := range r.Differences {
			fmt.Fprintf(w, "        %s: want %q, got %q\n", d.Path, d.Want, d.Got)
		}
	}
	if len(results) == 0 {
		fmt.Fprintln(w, "the mapping has no examples under tests")
	}
}

// tryExamples runs a mapping's examples; their files lie beside the mapping.
func tryExamples(m *mapping.Mapping, file string, t *mapping.Trace) []mapping.Result {
	results := []mapping.Result{}
	for _, e := range m.Examples() {
		order, err := orderFile(filepath.Join(filepath.Dir(file), e.Order), e.Store)
		if err != nil {
			results = append(results, mapping.Result{Name: e.Name, Error: err.Error()})
			continue
		}
		results = append(results, m.Try(e, order, t))
	}
	return results
}

// orderFile reads an order event, or an order as WooCommerce's REST shows it.
func orderFile(path, store string) (event.OrderStateV1, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return event.OrderStateV1{}, err
	}
	if state, err := codec.Decode[event.OrderStateV1](data); err == nil && strings.HasPrefix(state.Type, "order.v1.") {
		return state, nil
	}
	if store == "" {
		store = "main"
	}
	r, err := parse.Read(parse.Delivery{Sequence: 1, Body: data, Facts: event.WebhookReceivedV1{
		Store: store, Resource: parse.ResourceOrder, Event: "updated", Origin: event.OriginWebhook, ReceivedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}})
	switch {
	case err != nil:
		return event.OrderStateV1{}, fmt.Errorf("%s: %w", path, err)
	case r.Order == nil:
		return event.OrderStateV1{}, fmt.Errorf("%s: want an order event or an order as WooCommerce's REST shows it", path)
	}
	return *r.Order, nil
}

func (a *app) mappingCoverage() *cobra.Command {
	atLeast, among := 0, replay.Among{}
	c := &cobra.Command{
		Use: "coverage <file>", Short: "Tell which rules and expressions of a mapping its examples and the last orders exercise", Args: cobra.ExactArgs(1),
		Long: "Tell which rules and expressions of a mapping its examples exercise, and with --last the newest orders and customers of history, of the stores that its mapping maps. What a store has of its own is told apart.",
		RunE: func(c *cobra.Command, args []string) error {
			if err := least("last", among.Last, 0); err != nil {
				return err
			}
			_, m, err := mappingFile(args[0])
			if err != nil {
				return err
			}
			t := mapping.NewCounts()
			of := covered{Failed: []mapping.Result{}}
			for _, r := range tryExamples(m, args[0], t) {
				if of.Examples++; !r.Passed {
					of.Failed = append(of.Failed, r)
				}
			}
			if of.History, err = a.exercise(c.Context(), m, among, t); err != nil {
				return err
			}
			of.Coverage = m.Coverage(t)
			if err := a.print(of, func(w io.Writer) { printCoverage(w, of) }); err != nil {
				return err
			}
			if of.Percent() < atLeast {
				return fmt.Errorf("%d%% is less than %d%%", of.Percent(), atLeast)
			}
			return nil
		},
	}
	c.Flags().IntVar(&atLeast, "at-least", 0, "fail below this percentage")
	c.Flags().IntVar(&among.Last, "last", 0, "orders of history to map too, and as many customers, the newest; 0 asks no server")
	c.Flags().StringVar(&among.Mapping, "mapping", "", "key under mappings of the configuration, whose orders and customers --last takes; without it the document's own")
	return c
}

// covered is what of a mapping was exercised, and by what.
type covered struct {
	mapping.Coverage

	Examples int               `json:"examples"`
	Failed   []mapping.Result  `json:"failed"`            // of the examples: what one that could not be read would exercise is missing
	History  *replay.Exercised `json:"history,omitempty"` // nil: history was not asked for
}

func (a *app) exercise(ctx context.Context, m *mapping.Mapping, among replay.Among, t *mapping.Trace) (done *replay.Exercised, err error) {
	if among.Last == 0 {
		return nil, nil
	}
	err = a.ask(ctx, func(ctx context.Context, js jetstream.JetStream) error {
		of, err := replay.Exercise(ctx, js, m, among, t)
		done = &of
		return err
	})
	return done, err
}

func printCoverage(w io.Writer, c covered) {
	by := fmt.Sprintf("%d examples", c.Examples)
	if h := c.History; h != nil {
		by += fmt.Sprintf(", the last %d orders and %d customers of mapping %s", h.Orders, h.Customers, h.Mapping)
	}
	fmt.Fprintf(w, "%d%% of %d rules and %d expressions, by %s\n", c.Percent(), c.Rules, c.Expressions, by)
	if len(c.Failed) > 0 {
		fmt.Fprintf(w, "%d of the examples failed:\n", len(c.Failed))
		printResults(w, c.Failed)
	}
	for _, list := range []struct {
		word  string
		names []string
	}{{"never fired", c.Unfired}, {"never ran", c.Unrun}, {"never false", c.Always}} {
		for _, name := range list.names {
			fmt.Fprintf(w, "  %s: %s\n", list.word, name)
		}
	}
}

func (a *app) mappingExplain() *cobra.Command {
	var of explained
	var steps bool
	c := &cobra.Command{
		Use: "explain <file> | [<store>/]<order>", Short: "Say of each field which expression or rule made it, and of what", Args: cobra.ExactArgs(1),
		Long: "Say of each field which expression or rule made it, and of what. The order is a file (an order event, or an order as WooCommerce's REST shows it) mapped with --mapping, or one of history, mapped with the revision it was mapped with unless --mapping or --at names another. Of an order that map has parked it says why, and explains what was made before the field that fails; with a revision that maps it, all.",
		RunE: func(c *cobra.Command, args []string) error {
			x, err := a.explanation(c.Context(), args[0], of)
			if err != nil {
				return err
			}
			return a.print(x, func(w io.Writer) {
				printParked(w, x.Parked, x.Note)
				printExplanation(w, x.Explanation, steps)
			})
		},
	}
	c.Flags().StringVar(&of.file, "mapping", "", "mapping file; default is the shipped one")
	c.Flags().StringVar(&of.store, "store", "", "store of an order file that names none")
	c.Flags().BoolVar(&steps, "steps", false, "list every expression in the order of evaluation")
	eventFlags(c, &of.at, &of.sequence)
	c.MarkFlagsMutuallyExclusive("mapping", "at")
	return c
}

// explained says what is explained with which mapping.
type explained struct {
	file, store string // of an order file the store
	at          string
	sequence    uint64
}

// explanation is one of an order, with what has parked it.
type explanation struct {
	mapping.Explanation

	Note   string          `json:"note,omitempty"`   // what nobody has recorded of the order
	Parked *operate.Parked `json:"parked,omitempty"` // map has parked the order
}

func (a *app) explanation(ctx context.Context, order string, of explained) (x explanation, err error) {
	if _, err := os.Stat(order); err == nil {
		x.Explanation, err = ofFile(order, of)
		return x, err
	}
	store, number, err := ordered(order)
	if err != nil {
		return x, err
	}
	err = a.ask(ctx, func(ctx context.Context, js jetstream.JetStream) error {
		c, err := operate.CaseOf(ctx, js, store, number, of.sequence)
		if errors.Is(err, operate.ErrNoOrder) {
			return fmt.Errorf("%w, and no file %s", err, order)
		}
		if err != nil {
			return err
		}
		m, err := mappingOf(ctx, js, c.Held, of)
		if err == nil {
			x = explanation{m.Explain(c.State, c.Context()), c.Untold(m), c.Parked}
		}
		return err
	})
	return x, err
}

func ofFile(order string, of explained) (x mapping.Explanation, err error) {
	if of.at != "" || of.sequence != 0 {
		return x, usage{fmt.Errorf("%s is a file: --at and --event are of orders of history, a file is mapped with --mapping", order)}
	}
	_, m, err := mappingFile(cmp.Or(of.file, "default"))
	if err != nil {
		return x, err
	}
	state, err := orderFile(order, of.store)
	if err != nil {
		return x, err
	}
	return m.Explain(state, mapping.Context{}), nil
}

// mappingOf is a file's, a revision, or the one that a desired state was made with.
func mappingOf(ctx context.Context, js jetstream.JetStream, held event.DesiredOrderV1, of explained) (*mapping.Mapping, error) {
	if of.file != "" {
		_, m, err := mappingFile(of.file)
		return m, err
	}
	held.Source.Revision = cmp.Or(of.at, held.Source.Revision)
	return operate.MadeWith(ctx, js, held)
}

func printExplanation(w io.Writer, x mapping.Explanation, steps bool) {
	if x.Customer != "" {
		fmt.Fprintf(w, "customer %s of store %s, mapping %s revision %s\n", x.Customer, x.Store, x.Mapping, x.Revision)
	} else {
		fmt.Fprintf(w, "order %s of store %s, mapping %s revision %s\n", x.Order, x.Store, x.Mapping, x.Revision)
	}
	if x.Error != "" {
		fmt.Fprintf(w, "parked: %s\n", x.Error)
	} else if x.Rule != "" {
		fmt.Fprintf(w, "rule %s\n", x.Rule)
	}
	for _, r := range x.Rules {
		fmt.Fprintf(w, "  %s %s %s\n", r.Section, r.Name, strings.Join(r.Lines, ", "))
	}
	for _, warning := range x.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	for _, f := range x.Fields {
		fmt.Fprintf(w, "%s = %q\n", f.Field, f.Value)
		switch {
		case f.Step != nil:
			fmt.Fprintf(w, "    %s %s: %s\n", strings.TrimSpace(f.Rule), f.Step.Path, f.Step.Expression)
			printInputs(w, f.Step.Inputs)
		case f.Rule != "":
			fmt.Fprintf(w, "    rule %s\n", f.Rule)
		default:
			fmt.Fprintf(w, "    from %s\n", f.From)
		}
		printChosen(w, f)
	}
	if steps || x.Error != "" {
		for _, s := range x.Steps {
			fmt.Fprintf(w, "%s: %s → %s %s\n", s.Path, s.Expression, s.Value, s.Error)
			printInputs(w, s.Inputs)
		}
	}
}

// printChosen says how the rule of a field came to be taken.
func printChosen(w io.Writer, f mapping.Explained) {
	if f.When != nil {
		fmt.Fprintf(w, "    for %s: %s\n", f.When.Path, f.When.Expression)
		printInputs(w, f.When.Inputs)
	}
	if len(f.Passed) > 0 {
		fmt.Fprintf(w, "    before it did not hold: %s\n", strings.Join(f.Passed, ", "))
	}
}

func printInputs(w io.Writer, inputs []mapping.Input) {
	for _, in := range inputs {
		fmt.Fprintf(w, "      %s = %q\n", in.Name, in.Value)
	}
}

func (a *app) mappingFuzz() *cobra.Command {
	var seed uint64
	var orders int
	c := &cobra.Command{
		Use: "fuzz <file>", Short: "Map generated orders and prove that no cent appears or vanishes", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, m, err := mappingFile(args[0])
			if err != nil {
				return err
			}
			if !c.Flags().Changed("seed") {
				seed = uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
			}
			if err := least("orders", orders, 1); err != nil {
				return err
			}
			f := m.Fuzz(seed, orders)
			if err := a.print(f, func(w io.Writer) { printFuzzed(w, f, args[0]) }); err != nil {
				return err
			}
			if len(f.Failures) > 0 {
				return fmt.Errorf("%d of %d orders broke a rule", len(f.Failures), f.Orders)
			}
			return nil
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 0, "first seed; without it one of the clock")
	c.Flags().IntVar(&orders, "orders", 10_000, "how many")
	return c
}

func printFuzzed(w io.Writer, f mapping.Fuzzed, file string) {
	fmt.Fprintf(w, "seed %d: %d orders, %d mapped to the cent\n", f.Seed, f.Orders, f.Mapped)
	for code, n := range f.Parked {
		fmt.Fprintf(w, "  %d parked: %s\n", n, code)
	}
	for _, failure := range f.Failures[:min(len(f.Failures), 10)] {
		fmt.Fprintf(w, "  orderstream mapping fuzz %s --orders 1 --seed %d\n    %s\n", file, failure.Seed, failure.Error)
	}
}

func (a *app) mappingResolve() *cobra.Command {
	return &cobra.Command{
		Use: "resolve <file>", Short: "Print a mapping with its shared parts put together, as a revision keeps it", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			source, _, err := mappingFile(args[0])
			if err != nil {
				return err
			}
			return a.print(map[string]string{"document": string(source.Text)}, func(w io.Writer) { fmt.Fprint(w, string(source.Text)) })
		},
	}
}

func (a *app) mappingSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of mapping documents, for an editor that completes and checks them", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			schema, err := schemas.Files.ReadFile("mapping/v1.json")
			if err != nil {
				return err
			}
			_, err = a.out.Write(schema)
			return err
		},
	}
}
