package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/services/operate"
)

func (a *app) shadow() *cobra.Command {
	c := &cobra.Command{Use: "shadow", Short: "Run a candidate revision beside the active one on live orders and customers; nothing of it is written"}
	c.AddCommand(a.shadowStart(), a.shadowStatus(),
		a.shadowEnd("stop", "Withdraw a running shadow; its counts stay", func(ctx context.Context, js jetstream.JetStream, name, note string) error {
			s, err := operate.StopShadow(ctx, js, name, operator(), note)
			if err != nil {
				return err
			}
			return a.print(s, func(w io.Writer) { printShadow(w, s) })
		}),
		a.shadowEnd("promote", "Make a running shadow the active revision", func(ctx context.Context, js jetstream.JetStream, name, note string) error {
			p, err := operate.PromoteShadow(ctx, js, name, operator(), note)
			return a.chosen(p, err)
		}),
	)
	return c
}

func (a *app) shadowStart() *cobra.Command {
	var name, note string
	var rule operate.ShadowRule
	c := &cobra.Command{
		Use: "start <file|revision>", Short: "Compare a candidate with the active revision, from the next order or customer on", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := least("promote-after", rule.After, 0); err != nil {
				return err
			}
			if rule.After == 0 && len(rule.Fields) > 0 {
				return usage{errors.New("--expect: it is for --promote-after, which says when the shadow is promoted by itself")}
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				document, err := a.document(ctx, js, args[0])
				if err != nil {
					return err
				}
				s, err := operate.StartShadow(ctx, js, name, document, rule, operator(), note)
				if err != nil {
					return err
				}
				return a.print(s, func(w io.Writer) { printShadow(w, s) })
			})
		},
	}
	c.Flags().StringVar(&name, "mapping", "", "key under mappings of the configuration; without it the document's own name")
	c.Flags().StringVarP(&note, "message", "m", "", "why, for the audit stream")
	c.Flags().IntVar(&rule.After, "promote-after", 0, "promote it after so many order states in which only expected fields differ, and withdraw it at the first other difference; 0: by command only")
	c.Flags().StringSliceVar(&rule.Fields, "expect", nil, "fields that may differ, as status names them, e.g. sales_order.fields.memo")
	return c
}

func (a *app) shadowStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what each shadow has counted", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				list, err := operate.Shadows(ctx, js)
				if err != nil {
					return err
				}
				return a.print(list, func(w io.Writer) {
					for _, s := range list {
						printShadow(w, s)
					}
					if len(list) == 0 {
						fmt.Fprintln(w, "no mapping has a shadow, or had one")
					}
				})
			})
		},
	}
}

func (a *app) shadowEnd(verb, short string, end func(ctx context.Context, js jetstream.JetStream, name, note string) error) *cobra.Command {
	var name, note string
	c := &cobra.Command{
		Use: verb, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error { return end(ctx, js, name, note) })
		},
	}
	c.Flags().StringVar(&name, "mapping", "default", "key under mappings of the configuration")
	c.Flags().StringVarP(&note, "message", "m", "", "why, for history and audit")
	return c
}

func printShadow(w io.Writer, s operate.Shadow) {
	fmt.Fprintf(w, "mapping %s: shadow %s beside %s is %s, since %s by %s\n  %d order states: %d the same, %d differ, %d mapped by one of the two only\n",
		s.Mapping, s.Revision, s.Against, s.State, s.Since.Format(time.RFC3339), s.By, s.Looked, s.Same, s.Differ(), s.Trouble)
	if c := s.Customers; c.Looked > 0 {
		fmt.Fprintf(w, "  %d states of customers: %d the same, %d differ, %d mapped by one of the two only\n", c.Looked, c.Same, c.Differ(), c.Trouble)
	}
	if s.EndedBy != "" {
		fmt.Fprintf(w, "  %s %s by %s: %s\n", s.State, s.EndedAt.Format(time.RFC3339), s.EndedBy, cmp.Or(s.Why, "no reason given"))
	}
	if s.Rule.After > 0 {
		fmt.Fprintf(w, "  promoted by itself after %d order states in which nothing but %v differs\n", s.Rule.After, s.Rule.Fields)
	}
	for _, g := range s.Groups {
		fmt.Fprintf(w, "  %-9s %6d states  %s\n", g.Kind, g.Count(), g.Field)
		for _, e := range g.Examples {
			fmt.Fprintf(w, "                             %s  %q → %q\n", e.Name(), e.From, e.To)
		}
	}
	for _, t := range s.Troubles {
		fmt.Fprintf(w, "  one of the two does not map  %s  %s\n", t.Name(), t.Reason)
	}
}
