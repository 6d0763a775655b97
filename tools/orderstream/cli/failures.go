package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/services/operate"
)

func (a *app) failures() *cobra.Command {
	c := &cobra.Command{Use: "failures", Short: "Handle parked work"}
	var all bool
	list := &cobra.Command{
		Use: "list", Short: "List parked work, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				failures, err := operate.Failures(ctx, js, all)
				if err != nil {
					return err
				}
				return a.print(failures, func(w io.Writer) { printFailures(w, failures) })
			})
		},
	}
	list.Flags().BoolVar(&all, "all", false, "resolved and dismissed ones too")
	var note string
	dismiss := a.act("dismiss <id>", "Close a failure without a retry", func(ctx context.Context, js jetstream.JetStream, id string) (operate.Failure, error) {
		return operate.Dismiss(ctx, js, id, operator(), note)
	})
	dismiss.Flags().StringVar(&note, "note", "", "why (required)")
	c.AddCommand(list, dismiss,
		a.act("show <id>", "Print one failure", func(ctx context.Context, js jetstream.JetStream, id string) (operate.Failure, error) {
			f, _, err := operate.Find(ctx, js, id)
			return f, err
		}),
		a.act("retry <id>", "Handle the parked message again", func(ctx context.Context, js jetstream.JetStream, id string) (operate.Failure, error) {
			return operate.Retry(ctx, js, id, operator())
		}),
	)
	return c
}

func (a *app) act(use, short string, do func(ctx context.Context, js jetstream.JetStream, id string) (operate.Failure, error)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				f, err := do(ctx, js, args[0])
				if err != nil {
					return err
				}
				return a.print(f, func(w io.Writer) { printFailure(w, f) })
			})
		},
	}
}

func printFailures(w io.Writer, failures []operate.Failure) {
	if len(failures) == 0 {
		fmt.Fprintln(w, "nothing is parked")
		return
	}
	for _, f := range failures {
		e := f.Entry
		fmt.Fprintf(w, "%-30s %-9s %-22s %s = %q\n", f.Name, e.State, e.Fault.Code, e.Fault.Field, e.Fault.Value)
	}
}

func printFailure(w io.Writer, f operate.Failure) {
	e := f.Entry
	fmt.Fprintf(w, "%s is %s\n\n  code      %s (%s)\n  reason    %s\n  field     %s = %q\n  rule      %s\n  message   %s %d (%s)\n  first     %s\n  last      %s\n  attempts  %d\n  runbook   deploy/runbooks/%s.md\n",
		f.Name, e.State, e.Fault.Code, e.Fault.Class, e.Fault.Message, e.Fault.Field, e.Fault.Value, e.Fault.Rule,
		e.Message.Stream, e.Message.Sequence, e.Message.Subject, e.FirstAt.Format(time.RFC3339), e.LastAt.Format(time.RFC3339), e.Attempts, e.Fault.Code)
	for _, h := range e.History {
		fmt.Fprintf(w, "    %s  %-9s %s\n", h.At.Format(time.RFC3339), h.State, h.Text)
	}
}
