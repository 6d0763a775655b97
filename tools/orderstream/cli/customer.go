package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

func (a *app) customer() *cobra.Command {
	c := &cobra.Command{Use: "customer", Short: "See what is desired of a customer's record, and why"}
	c.AddCommand(a.deriveCustomer(), a.explainCustomer())
	return c
}

// account reads "<store>/<customer>".
func account(text string) (store, customer string, err error) {
	store, customer, named := strings.Cut(text, "/")
	if !named || store == "" || customer == "" {
		return "", "", usage{fmt.Errorf("customer %q: want <store>/<customer>, the shop's id of the account", text)}
	}
	return store, customer, nil
}

func (a *app) deriveCustomer() *cobra.Command {
	var at string
	c := &cobra.Command{
		Use: "derive <store>/<customer>", Short: "Make a customer's desired state again from history, with a mapping revision", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			store, customer, err := account(args[0])
			if err != nil {
				return err
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				d, err := operate.DeriveCustomer(ctx, js, store, customer, at)
				if err != nil {
					return err
				}
				return a.print(d, func(w io.Writer) {
					fmt.Fprintf(w, "customer %s of store %s with mapping %s revision %s: hash %s, same as desired: %v\n  record %s, %d fields, %d addresses\n",
						d.Desired.Customer, d.Desired.Store, d.Desired.Source.Mapping, d.Desired.Source.Revision, d.Desired.Hash, d.Same,
						d.Desired.ExternalID, len(d.Desired.Fields), len(d.Desired.Addresses))
				})
			})
		},
	}
	c.Flags().StringVar(&at, "at", "", "mapping revision; without it the one the customer was mapped with")
	return c
}

func (a *app) explainCustomer() *cobra.Command {
	var at string
	var steps bool
	c := &cobra.Command{
		Use: "explain <store>/<customer>", Short: "Say of each field of a customer's record which expression made it, and of what", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			store, customer, err := account(args[0])
			if err != nil {
				return err
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				held, state, err := operate.CustomerState(ctx, js, store, customer)
				if err != nil {
					return err
				}
				m, err := a.candidate(ctx, js, cmp.Or(at, held.Source.Revision))
				if err != nil {
					return err
				}
				x := m.ExplainCustomer(state, mapping.Context{Account: held.Account, Sequence: held.Source.Sequence, Published: held.Source.Published})
				return a.print(x, func(w io.Writer) { printExplanation(w, x, steps) })
			})
		},
	}
	c.Flags().StringVar(&at, "mapping", "", "mapping file or revision; without it the one the customer was mapped with")
	c.Flags().BoolVar(&steps, "steps", false, "list every expression in the order of evaluation")
	return c
}

// candidate compiles a file, or a revision that is kept.
func (a *app) candidate(ctx context.Context, js jetstream.JetStream, name string) (*mapping.Mapping, error) {
	document, err := a.document(ctx, js, name)
	if err != nil {
		return nil, err
	}
	return mapping.Compile(document)
}
