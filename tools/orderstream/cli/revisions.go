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
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// revisions are the verbs that change which revision orders are mapped with.
func (a *app) revisions() []*cobra.Command {
	return []*cobra.Command{a.publish(), a.rollback()}
}

func (a *app) publish() *cobra.Command {
	var name, message string
	c := &cobra.Command{
		Use: "publish <file>", Short: "Make a document the active revision of a mapping, on every transformer and without a restart", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			document, err := mapping.Load(args[0], os.ReadFile)
			if err != nil {
				return usage{err}
			}
			return a.ask(c.Context(), func(ctx context.Context, js jetstream.JetStream) error {
				p, err := operate.Publish(ctx, js, name, document, operator(), message)
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
