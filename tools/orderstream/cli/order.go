package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/services/operate"
)

func (a *app) order() *cobra.Command {
	c := &cobra.Command{Use: "order", Short: "Follow an order"}
	c.AddCommand(&cobra.Command{
		Use: "show [<store>/]<order>", Short: "Print everything that happened to an order, with times", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			store, order, err := ordered(args[0])
			if err != nil {
				return err
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				t, err := operate.Show(ctx, js, store, order)
				if err != nil {
					return err
				}
				return a.print(t, func(w io.Writer) { printTimeline(w, t) })
			})
		},
	})
	c.AddCommand(a.derive())
	return c
}

// ordered reads "<order>" or "<store>/<order>".
func ordered(text string) (store, order string, err error) {
	store, order, named := strings.Cut(text, "/")
	if !named {
		store, order = "", text
	}
	if order == "" || named && store == "" {
		return "", "", usage{fmt.Errorf("order %q: want <order> or <store>/<order>, the shop's id of the order", text)}
	}
	return store, order, nil
}

func printTimeline(w io.Writer, t operate.Timeline) {
	fmt.Fprintf(w, "order %s of store %s\n\n", t.Order, t.Store)
	first := t.Steps[0].At
	for _, s := range t.Steps {
		fmt.Fprintf(w, "%s  +%-9s %-9s %s\n", s.At.Format("2006-01-02 15:04:05.000"), s.At.Sub(first).Round(time.Millisecond), s.Stage, s.What)
		if s.Detail != "" {
			fmt.Fprintf(w, "%46s%s\n", "", s.Detail)
		}
		for _, call := range s.Calls {
			shared := ""
			if call.Grouped > 1 {
				shared = fmt.Sprintf(", shared by %d orders", call.Grouped)
			}
			fmt.Fprintf(w, "%46s%-5s %s → %d in %d ms (%s%s)\n", "", call.Method, call.Path, call.Status, call.Millis, call.Purpose, shared)
			if call.Problem != "" {
				fmt.Fprintf(w, "%48s%s\n", "", call.Problem)
			}
		}
	}
}
