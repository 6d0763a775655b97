package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/contracts/money"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

func (a *app) replay() *cobra.Command {
	c := &cobra.Command{Use: "replay", Short: "See what another mapping would do to history, then apply exactly that"}
	c.AddCommand(a.replayPlan(), a.replayShow(), a.replayApply(), a.replayParse(), a.replayFeed(),
		a.replayControl("pause", replay.StatePaused, "Stop applying a plan; apply goes on where it stopped"),
		a.replayControl("cancel", replay.StateCancelled, "Give a plan up; what it has published stays"),
	)
	return c
}

type planFlags struct {
	mapping, since, until string
	reports               reports
	request               replay.Request
}

// reports are the files that a plan is written to.
type reports struct{ html, changes string }

func (r *reports) flags(c *cobra.Command) {
	c.Flags().StringVar(&r.html, "html", "", "write the plan as a page to this file, every change with each of its fields")
	c.Flags().StringVar(&r.changes, "changes", "", "write every change with each of its fields to this file, a JSON document a line; - is the output")
}

func (a *app) report(r reports, p replay.Plan) error {
	if r.html != "" {
		if err := into(r.html, p.Page); err != nil {
			return err
		}
	}
	switch r.changes {
	case "":
		return nil
	case "-":
		return p.Lines(a.out)
	default:
		return into(r.changes, p.Lines)
	}
}

func into(path string, write func(io.Writer) error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return write(file)
}

func (a *app) replayPlan() *cobra.Command {
	var f planFlags
	c := &cobra.Command{
		Use: "plan --mapping FILE|REVISION", Short: "Show what a mapping would change; nothing is written to NetSuite", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.times(); err != nil {
				return usage{err}
			}
			if err := least("slots", f.request.Slots, 0); err != nil {
				return err
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				plan, err := a.makePlan(ctx, js, f)
				if err != nil || f.reports.changes == "-" {
					return err
				}
				return a.print(plan, func(w io.Writer) { printPlan(w, plan); printWay(w, plan) })
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.mapping, "mapping", "", "candidate: a file, or a revision kept in the bucket mappings (required)")
	flags.StringVar(&f.request.Store, "store", "", "this store only; without it every store that the candidate's mapping maps")
	flags.StringVar(&f.since, "since", "", "orders made at or after, 2006-01-02 or RFC 3339, UTC")
	flags.StringVar(&f.until, "until", "", "orders made before, 2006-01-02 or RFC 3339, UTC")
	flags.StringSliceVar(&f.request.Orders, "orders", nil, "these orders only, by the shop's id")
	flags.StringSliceVar(&f.request.Customers, "customers", nil, "these customers only, by the shop's id of the account; without it all of them, and none where --orders, --since, --until or --where choose orders")
	flags.StringVar(&f.request.Where, "where", "", `a condition in the mapping's language, e.g. 'order.currency == "USD"'`)
	flags.IntVar(&f.request.Slots, "slots", 0, "requests in flight NetSuite allows; without it what the account's writer counts with")
	f.reports.flags(c)
	_ = c.MarkFlagRequired("mapping")
	return c
}

func (f *planFlags) times() (err error) {
	for _, bound := range []struct {
		name, text string
		at         *time.Time
	}{{"--since", f.since, &f.request.Since}, {"--until", f.until, &f.request.Until}} {
		if bound.text == "" {
			continue
		}
		if *bound.at, err = time.Parse(time.DateOnly, bound.text); err == nil {
			continue
		}
		if *bound.at, err = time.Parse(time.RFC3339, bound.text); err != nil {
			return fmt.Errorf("%s %q: want 2006-01-02 or RFC 3339", bound.name, bound.text)
		}
	}
	if since, until := f.request.Since, f.request.Until; !until.IsZero() && !since.Before(until) {
		return fmt.Errorf("--until %q: want a time after --since %q", f.until, f.since)
	}
	return nil
}

func (a *app) makePlan(ctx context.Context, js jetstream.JetStream, f planFlags) (replay.Plan, error) {
	document, err := a.document(ctx, js, f.mapping)
	if err != nil {
		return replay.Plan{}, err
	}
	candidate, err := mapping.Compile(document)
	if err != nil {
		return replay.Plan{}, err
	}
	plan, err := replay.Make(ctx, js, candidate, f.request, a.bar("orders and customers looked at"))
	if err != nil {
		return replay.Plan{}, err
	}
	if err := replay.Save(ctx, js, plan, document); err != nil {
		return replay.Plan{}, err
	}
	return plan, a.report(f.reports, plan)
}

// bar shows progress on the error output, a line that is written over; silent with --json.
func (a *app) bar(what string) func(done, all int) {
	if a.json {
		return nil
	}
	const width = 30
	last := -1
	return func(done, all int) {
		percent := 100 * done / max(all, 1)
		if percent == last {
			return
		}
		last = percent
		full := width * percent / 100
		fmt.Fprintf(a.errs, "\r[%s%s] %3d %% of %d %s", strings.Repeat("#", full), strings.Repeat(".", width-full), percent, all, what)
		if done == all {
			fmt.Fprintln(a.errs)
		}
	}
}

func (a *app) replayShow() *cobra.Command {
	var r reports
	c := &cobra.Command{
		Use: "show <hash>", Short: "Print a plan that was made, and how far it is applied", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				plan, _, err := replay.Load(ctx, js, args[0])
				if err != nil {
					return err
				}
				if err := a.report(r, plan); err != nil || r.changes == "-" {
					return err
				}
				stands, err := replay.Stands(ctx, js, plan)
				if err != nil {
					return err
				}
				whole := struct {
					replay.Plan
					Stands replay.Progress `json:"stands"`
				}{plan, stands}
				return a.print(whole, func(w io.Writer) {
					printPlan(w, plan)
					fmt.Fprintln(w)
					printProgress(w, plan.Hash, stands)
					if stands.State != replay.StateDone && stands.State != replay.StateCancelled {
						printWay(w, plan)
					}
				})
			})
		},
	}
	r.flags(c)
	return c
}

func (a *app) replayApply() *cobra.Command {
	var note string
	c := &cobra.Command{
		Use: "apply <hash>", Short: "Write exactly what the plan showed, behind live traffic", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				bar := a.bar("changes applied")
				p, err := replay.Apply(ctx, js, args[0], operator(), note, func(p replay.Progress) {
					if bar != nil {
						bar(p.Next, p.All)
					}
				})
				if err != nil {
					return err
				}
				return a.print(p, func(w io.Writer) { printProgress(w, args[0], p) })
			})
		},
	}
	c.Flags().StringVar(&note, "note", "", "why, for the audit stream")
	return c
}

func (a *app) replayControl(verb string, to replay.State, short string) *cobra.Command {
	var note string
	c := &cobra.Command{
		Use: verb + " <hash>", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				p, err := replay.Control(ctx, js, args[0], to, operator(), note)
				if err != nil {
					return err
				}
				return a.print(p, func(w io.Writer) { printProgress(w, args[0], p) })
			})
		},
	}
	c.Flags().StringVar(&note, "note", "", "why, for the audit stream")
	return c
}

func printProgress(w io.Writer, hash string, p replay.Progress) {
	fmt.Fprintf(w, "plan %s is %s: %d of %d changes, %d published, %d left out\n", hash, p.State, p.Next, p.All, p.Published, len(p.Left))
	for _, l := range p.Left {
		fmt.Fprintf(w, "  left out  %s  %s\n", l.Name(), l.Reason)
	}
}

// unmapped counts the orders and the customers that cannot be mapped.
func unmapped(list []replay.Trouble) (orders, customers int) {
	for _, t := range list {
		if t.Customer != "" {
			customers++
		} else {
			orders++
		}
	}
	return orders, customers
}

func printPlan(w io.Writer, p replay.Plan) {
	orders, customers := unmapped(p.Troubles)
	fmt.Fprintf(w, "replay plan %s   mapping %s, revision %s\n\n%d orders looked at: %d change, %d stay as they are, %d cannot be mapped\n",
		p.Hash, p.Mapping, p.Revision, p.Looked, p.Changed, p.Same, orders)
	if c := p.Customers; c.Looked > 0 {
		fmt.Fprintf(w, "%d customers looked at: %d change, %d stay as they are, %d cannot be mapped\n", c.Looked, c.Changed, c.Same, customers)
	}
	fmt.Fprintf(w, "applying takes %d writes of sales orders, %d deposits, refunds and bills, %d customers' records, about %d calls (at most %d) of %v, %d at once, about %v in all; nothing has been written\n",
		p.Cost.Writes, p.Cost.Records, p.Cost.Revises, p.Cost.Calls, p.Cost.AtMost, replay.Brief(p.Cost.Call), p.Cost.Slots, replay.Brief(p.Cost.Elapsed))
	for _, e := range p.Effects {
		fmt.Fprintf(w, "  %-9s %6d  %s\n", e.Effect, e.Changes, e.Means)
	}
	for _, g := range p.Groups {
		fmt.Fprintf(w, "\n  %-9s %6d %s  %s%s\n", g.Kind, g.Count(), g.Of(), g.Field, unwritten(p.UnwrittenOf(g), g.Of()))
		for _, e := range g.Examples {
			fmt.Fprintf(w, "                             %s  %q → %q\n", e.Name(), e.From, e.To)
		}
	}
	printMoney(w, p)
	if p.Moved+p.Customers.Moved > 0 {
		fmt.Fprintf(w, "\n%d orders and %d customers changed after they were looked at; applying leaves them out\n", p.Moved, p.Customers.Moved)
	}
	for _, e := range p.Elsewhere {
		fmt.Fprintf(w, "\nstore %s: %d orders and %d customers left out, they are mapped with %s; --store %s plans them\n", e.Store, e.Orders, e.Customers, e.Mapping, e.Store)
	}
	printBehind(w, p.Behind)
	for _, t := range p.Troubles {
		fmt.Fprintf(w, "\n  cannot be mapped  %s  %s: %s\n", t.Name(), t.Code, t.Reason)
	}
}

// printWay says how a plan is applied.
func printWay(w io.Writer, p replay.Plan) {
	if p.All() > 0 {
		fmt.Fprintf(w, "\norderstream replay apply %s\n", p.Hash)
	}
}

func unwritten(count int, of string) string {
	if count == 0 {
		return ""
	}
	return fmt.Sprintf(", of %d %s not written", count, of)
}

func printMoney(w io.Writer, p replay.Plan) {
	row := func(of string, orders int, delta money.Amount, currency money.Currency) {
		fmt.Fprintf(w, "  %-11s  %4d orders  %12s %s\n", of, orders, delta, currency)
	}
	if p.Changed > 0 {
		fmt.Fprintln(w, "\nmoney of the sales orders that are written, candidate minus today")
	}
	for _, d := range p.Days {
		row(d.Day, d.Orders, d.Delta, d.Currency)
	}
	for _, t := range p.Totals {
		row("in all", t.Orders, t.Delta, t.Currency)
	}
	for _, t := range p.Unwritten {
		row("not written", t.Orders, t.Delta, t.Currency)
	}
}

func printBehind(w io.Writer, list []replay.Behind) {
	if len(list) > 0 {
		fmt.Fprintln(w, "\nasked already, and NetSuite holds something else; applying asks nothing new of them")
	}
	for _, b := range list {
		fmt.Fprintf(w, "  %-9s %6d orders  %s\n", cmp.Or(b.Kind, "no outcome"), b.Orders, b.Rule+b.Code)
		for _, e := range b.Examples {
			fmt.Fprintf(w, "                             %s/%s  %s\n", e.Store, e.Order, e.Reason)
		}
	}
}
