package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// revisions are the verbs that change which revision orders are mapped with.
func (a *app) revisions() []*cobra.Command {
	return []*cobra.Command{a.publish(), a.rollback(), a.diff(), a.prove(), a.shadow()}
}

func (a *app) publish() *cobra.Command {
	var name, message string
	c := &cobra.Command{
		Use: "publish <file>", Short: "Make a document the active revision of a mapping, on every transformer and without a restart", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			source, _, err := mappingFile(args[0])
			if err != nil {
				return err
			}
			findings, err := source.Findings()
			if err != nil {
				return err
			}
			printFindings(a.errs, findings)
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				p, err := operate.Publish(ctx, js, name, source.Text, operator(), message)
				return a.chosen(p, err)
			})
		},
	}
	c.Flags().StringVar(&name, "mapping", "", "key under mappings of the configuration; without it the document's own name")
	c.Flags().StringVarP(&message, "message", "m", "", "why, for history and audit (required)")
	_ = c.MarkFlagRequired("message")
	return c
}

func (a *app) rollback() *cobra.Command {
	var name, message string
	c := &cobra.Command{
		Use: "rollback [<revision>]", Short: "Make an earlier revision active; without one that which was active before", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				p, err := operate.Rollback(ctx, js, name, first(args), operator(), message)
				return a.chosen(p, err)
			})
		},
	}
	c.Flags().StringVar(&name, "mapping", "", "key under mappings of the configuration, where several fit")
	c.Flags().StringVarP(&message, "message", "m", "", "why, for history and audit")
	return c
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (a *app) chosen(p operate.Published, err error) error {
	if err != nil {
		return err
	}
	return a.print(p, func(w io.Writer) {
		if !p.Changed {
			fmt.Fprintf(w, "mapping %s: revision %s is active already\n", p.Mapping, p.Revision)
			return
		}
		fmt.Fprintf(w, "mapping %s: revision %s is active, it was %s; orders mapped before stay as they are (orderstream replay plan shows what would change)\n",
			p.Mapping, p.Revision, p.Before)
	})
}

func (a *app) diff() *cobra.Command {
	var among replay.Among
	c := &cobra.Command{
		Use: "diff <revision|file> <revision|file>", Short: "Compare two documents: their text, and what they make of the last orders and customers; nothing is written", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := least("last", among.Last, 0); err != nil {
				return err
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				var documents [2][]byte
				var compiled [2]*mapping.Mapping
				var err error
				for i, name := range args {
					if documents[i], err = a.document(ctx, js, name); err != nil {
						return err
					}
					if compiled[i], err = mapping.Compile(documents[i]); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
				text := operate.TextDiff(string(documents[0]), string(documents[1]))
				compared, err := replay.Compare(ctx, js, compiled[0], compiled[1], among)
				if err != nil {
					return err
				}
				whole := struct {
					Text []string `json:"text"`
					replay.Comparison
				}{append([]string{}, text...), compared}
				return a.print(whole, func(w io.Writer) { printComparison(w, text, compared) })
			})
		},
	}
	c.Flags().IntVar(&among.Last, "last", 100, "orders to look at, and as many customers, the newest of the stores that the mapping maps")
	c.Flags().StringVar(&among.Mapping, "mapping", "", "key under mappings of the configuration, whose orders and customers are looked at; without it the documents' own")
	return c
}

func printComparison(w io.Writer, text []string, c replay.Comparison) {
	for _, line := range text {
		fmt.Fprintln(w, line)
	}
	if len(text) == 0 {
		fmt.Fprintln(w, "the documents have the same text")
	}
	fmt.Fprintf(w, "\nmapping %s, %s → %s\n", c.Mapping, c.From, c.To)
	printCompared(w, "orders", c.Orders)
	printCompared(w, "customers", c.Customers)
}

func printCompared(w io.Writer, what string, c replay.Compared) {
	fmt.Fprintf(w, "the last %d %s: %d differ, %d stay as they are, %d are mapped by one of them only\n", c.Looked, what, len(c.Differing), c.Same, len(c.Troubles))
	for _, of := range c.Differing {
		fmt.Fprintf(w, "  %s\n", of.Name())
		for _, d := range of.Differences {
			fmt.Fprintf(w, "      %s  %q → %q\n", d.Field, d.From, d.To)
		}
	}
	for _, t := range c.Troubles {
		fmt.Fprintf(w, "  %s  %s: %s\n", t.Name(), t.Code, t.Reason)
	}
}

func (a *app) prove() *cobra.Command {
	return &cobra.Command{
		Use: "prove", Short: "Derive every desired state again, each with its own revision: those of now by their bytes, those of the past by the hash in their outcomes", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				p, err := operate.Prove(ctx, js, a.bar("states derived again"))
				if err != nil {
					return err
				}
				if err := a.print(p, func(w io.Writer) { printProof(w, p) }); err != nil || p.Holds() {
					return err
				}
				return fmt.Errorf("%d of %d desired states of orders come out otherwise, of those that outcomes name %d of %d, of customers %d of %d",
					p.Differing, p.States, p.Past.Differing, p.Past.States, p.Customers.Differing, p.Customers.States)
			})
		},
	}
}

func printProof(w io.Writer, p operate.Proof) {
	printDerivation(w, "desired states of orders", "order", p.Derivation)
	printDerivation(w, "desired states of customers", "customer", p.Customers)
	printDerivation(w, "outcomes' states", "order", p.Past)
	if p.Past.Unprovable > 0 {
		fmt.Fprintf(w, "%d outcomes do not say what the mapping was given beside the order: not provable\n", p.Past.Unprovable)
	}
}

func printDerivation(w io.Writer, what, whose string, d operate.Derivation) {
	fmt.Fprintf(w, "%d %s derived again with %d revisions; of %d the %s's state is no longer kept\n  stored   %s\n  derived  %s\n",
		d.States, what, len(d.Revisions), d.Gone, whose, d.Stored, d.Derived)
	for _, name := range d.Different {
		fmt.Fprintln(w, "  differs ", name)
	}
	if more := d.Differing - len(d.Different); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}

// document reads a file, or a revision that is kept.
func (a *app) document(ctx context.Context, js jetstream.JetStream, name string) ([]byte, error) {
	document, unread := mapping.Load(name, os.ReadFile)
	if unread == nil {
		return document, nil
	}
	document, err := operate.Document(ctx, js, name)
	if err != nil {
		return nil, usage{errors.Join(err, unread)}
	}
	return document, nil
}

func printRevision(w io.Writer, r operate.Revision) {
	mark := " "
	if r.Active {
		mark = "*"
	}
	fmt.Fprintf(w, "%s %s  %s.%s  %d bytes\n", mark, r.At.Format(time.RFC3339), r.Mapping, r.Revision, r.Bytes)
	for _, act := range r.Acts {
		fmt.Fprintf(w, "      active from %s  by %s: %s\n", act.At.Format(time.RFC3339), act.By, act.Note)
	}
}
