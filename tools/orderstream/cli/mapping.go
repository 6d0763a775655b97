package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/services/operate"
)

func (a *app) mapping() *cobra.Command {
	c := &cobra.Command{Use: "mapping", Short: "Write, try and look at mapping documents and their revisions"}
	c.AddCommand(a.language()...)
	c.AddCommand(
		&cobra.Command{
			Use: "history", Short: "List every revision ever used, oldest first; * is active", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
					list, err := operate.Revisions(ctx, js)
					if err != nil {
						return err
					}
					return a.print(list, func(w io.Writer) {
						for _, r := range list {
							printRevision(w, r)
						}
					})
				})
			},
		},
		&cobra.Command{
			Use: "show <revision>", Short: "Print the document of a revision", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
					document, err := operate.Document(ctx, js, args[0])
					if err != nil {
						return err
					}
					return a.print(map[string]string{"document": string(document)}, func(w io.Writer) { fmt.Fprint(w, string(document)) })
				})
			},
		},
	)
	c.AddCommand(a.revisions()...)
	return c
}

func (a *app) derive() *cobra.Command {
	var at string
	var sequence uint64
	c := &cobra.Command{
		Use: "derive [<store>/]<order>", Short: "Make an order's desired state again from history, with a mapping revision", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			store, order, err := ordered(args[0])
			if err != nil {
				return err
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				d, err := operate.DeriveEvent(ctx, js, store, order, at, sequence)
				if err != nil && d.Failed == nil {
					return err
				}
				return errors.Join(err, a.print(d, func(w io.Writer) { printDerived(w, d) }))
			})
		},
	}
	eventFlags(c, &at, &sequence)
	return c
}

// eventFlags choose an order's event, and the revision that it is mapped with.
func eventFlags(c *cobra.Command, at *string, sequence *uint64) {
	c.Flags().Uint64Var(sequence, "event", 0, "another state of the order, by its sequence in ORDERS; without it the one its desired state was made from, the newest where it has none")
	c.Flags().StringVar(at, "at", "", "mapping revision; without it the one the order was mapped with, the active one where it was not mapped")
}

func printDerived(w io.Writer, d operate.Derived) {
	printParked(w, d.Parked, d.Note)
	if d.Failed != nil {
		printExplanation(w, *d.Failed, true)
		return
	}
	is := fmt.Sprintf("same as sent: %v", d.Same)
	if d.New {
		is = "nothing was sent yet"
	}
	fmt.Fprintf(w, "order %s of store %s with mapping %s revision %s: hash %s, %s\n  rule %s, %d lines, total %s %s\n",
		d.Desired.Order, d.Desired.Store, d.Desired.Source.Mapping, d.Desired.Source.Revision, d.Desired.Hash, is,
		d.Desired.Policy.Rule, len(d.Desired.SalesOrder.Lines), d.Desired.Expected.Total, d.Desired.SalesOrder.Currency)
}

// printParked says what has parked an order at map, and what nobody has recorded of it.
func printParked(w io.Writer, p *operate.Parked, note string) {
	if p != nil {
		fmt.Fprintf(w, "its state ORDERS %d is parked at map since %s (failure %s; --event %d looks at it)\n  %s\n", p.Event, p.Since.Format(time.RFC3339), p.Failure, p.Event, p.Fault.Message)
	}
	if note != "" {
		fmt.Fprintln(w, "note:", note)
	}
}
