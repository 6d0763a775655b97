package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
)

func (a *app) replayParse() *cobra.Command {
	var f planFlags
	var hash, note string
	c := &cobra.Command{
		Use: "parse", Short: "Show what today's parser makes of past deliveries; --apply HASH publishes exactly that", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.times(); err != nil {
				return usage{err}
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				bar := a.bar("orders parsed again")
				if hash == "" {
					shown, err := replay.Parse(ctx, js, f.request, bar)
					if err != nil {
						return err
					}
					return a.print(shown, func(w io.Writer) { printReparse(w, shown) })
				}
				published, err := replay.ApplyParse(ctx, js, f.request, hash, operator(), note, bar)
				if err != nil {
					return err
				}
				return a.print(map[string]int{"published": published}, func(w io.Writer) { fmt.Fprintf(w, "%d order events published; map takes them from here\n", published) })
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.request.Store, "store", "", "one store only")
	flags.StringVar(&f.since, "since", "", "orders made at or after, 2006-01-02 or RFC 3339, UTC")
	flags.StringVar(&f.until, "until", "", "orders made before, 2006-01-02 or RFC 3339, UTC")
	flags.StringSliceVar(&f.request.Orders, "orders", nil, "these orders only, by the shop's id")
	flags.StringVar(&hash, "apply", "", "hash of what was shown with the same flags")
	flags.StringVar(&note, "note", "", "why, for the audit stream")
	return c
}

func printReparse(w io.Writer, r replay.Reparse) {
	fmt.Fprintf(w, "%d orders looked at: %d change, %d stay as they are, %d have no delivery left to parse, %d cannot be parsed; nothing has been published\n",
		r.Looked, len(r.Changes), r.Same, r.Gone, len(r.Troubles))
	for _, g := range r.Groups {
		fmt.Fprintf(w, "\n  %-9s %6d orders  %s\n", g.Kind, g.Orders, g.Field)
		for _, e := range g.Examples {
			fmt.Fprintf(w, "                             %s/%s  %q → %q\n", e.Store, e.Order, e.From, e.To)
		}
	}
	for _, t := range r.Troubles {
		fmt.Fprintf(w, "\n  cannot be parsed  %s/%s  %s: %s\n", t.Store, t.Order, t.Code, t.Reason)
	}
	if len(r.Changes) > 0 {
		fmt.Fprintf(w, "\norderstream replay parse --apply %s\n", r.Hash)
	}
}

func (a *app) replayFeed() *cobra.Command {
	var f planFlags
	var to, note string
	c := &cobra.Command{
		Use: "feed --to DURABLE|SUBJECT", Args: cobra.NoArgs,
		Short: "Give a channel the history of order events again: its durable consumer begins anew, or a subject gets them once more",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.times(); err != nil {
				return usage{err}
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				if strings.Contains(to, ".") { // no consumer's name has one
					return a.feedSubject(ctx, js, to, f.request, note)
				}
				fed, err := operate.Feed(ctx, js, to, f.request.Store, f.request.Since, operator(), note)
				if err != nil {
					return err
				}
				return a.print(fed, func(w io.Writer) {
					fmt.Fprintf(w, "consumer %s of ORDERS begins anew: %d events of %s before it\n", fed.Durable, fed.Pending, fed.Filter)
					if fed.Anew {
						fmt.Fprintln(w, "the consumer was made anew: a channel that was connected must connect again")
					}
				})
			})
		},
	}
	c.Flags().StringVar(&to, "to", "", "durable consumer of ORDERS, made where it does not exist; or, with a dot in it, a subject of the channel's own (required)")
	c.Flags().StringVar(&f.request.Store, "store", "", "one store only; a durable that exists keeps its filter")
	c.Flags().StringVar(&f.since, "since", "", "events stored at or after, 2006-01-02 or RFC 3339, UTC")
	c.Flags().StringVar(&note, "note", "", "why, for the audit stream")
	_ = c.MarkFlagRequired("to")
	return c
}

func (a *app) feedSubject(ctx context.Context, js jetstream.JetStream, to string, r replay.Request, note string) error {
	fed, err := operate.FeedSubject(ctx, js, to, r.Store, r.Since, operator(), note, a.bar("order events published"))
	if err != nil {
		return err
	}
	return a.print(fed, func(w io.Writer) {
		kept := "whoever listened has them; no stream keeps them"
		if fed.Stream != "" {
			kept = "stream " + fed.Stream + " keeps them"
		}
		fmt.Fprintf(w, "%d events of %s published to %s: %s\n", fed.Published, fed.Filter, fed.Subject, kept)
	})
}
