// Package cli is the orderstream command: run the demo or the services, check a configuration, follow an
// order, handle parked work.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"

	"github.com/goccy/go-json"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/host"
)

// app is what every verb shares.
type app struct {
	out, errs io.Writer
	json      bool
	config    string
	nats      string
}

// usage is a mistake of the caller's.
type usage struct{ error }

// ended says that the services ended badly: the host has logged why, its exit code is the command's.
type ended struct{ code int }

func (e ended) Error() string { return fmt.Sprintf("ended with code %d", e.code) }

// Main runs the command and gives its exit code: 0 done, 1 failed, 2 wrong use or configuration, 3
// environment.
func Main(args []string, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, out, errs)
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	a := &app{out: out, errs: errs}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return host.ExitDrained
	}
	fmt.Fprintln(errs, "orderstream:", err)
	return exitCode(err)
}

func exitCode(err error) int {
	var wrong usage
	var services ended
	switch {
	case errors.As(err, &services):
		return services.code
	case errors.As(err, &wrong), fault.CodeOf(err) == fault.ConfigurationWrong, fault.CodeOf(err) == fault.MappingInvalid:
		return host.ExitConfiguration
	case fault.CodeOf(err) == fault.ServerNotDurable:
		return host.ExitEnvironment
	default:
		return host.ExitFailed
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "orderstream", Short: "The real-time order pipeline from WooCommerce to NetSuite", SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON")
	root.PersistentFlags().StringVar(&a.config, "config", "orderstream.yaml", "configuration file")
	root.PersistentFlags().StringVar(&a.nats, "nats", "nats://127.0.0.1:4222", "NATS server to ask")
	root.AddCommand(a.demo(), a.up(), a.check(), a.order(), a.customer(), a.failures(), a.mapping(), a.replay(), a.topology())
	strict(root)
	return root
}

// strict makes wrong words a usage mistake that says what is wanted, also of a group of verbs, which would take any for a wish
// for help and succeed.
func strict(c *cobra.Command) {
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return wanted(c, err) })
	if want := c.Args; want != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := errors.Join(want(c, args), c.ValidateRequiredFlags()); err != nil {
				return wanted(c, err)
			}
			return nil
		}
	}
	if c.HasSubCommands() && c.HasParent() {
		c.SuggestionsMinimumDistance = 2
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			meant := ""
			if list := c.SuggestionsFor(args[0]); len(list) > 0 {
				meant = "; did you mean " + strings.Join(list, " or ") + "?"
			}
			return usage{fmt.Errorf("%s has no verb %q%s", c.CommandPath(), args[0], meant)}
		}
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

func wanted(c *cobra.Command, err error) error {
	return usage{fmt.Errorf("%w: want %s; --help says more", err, c.UseLine())}
}

// least refuses a number that is too small.
func least(flag string, value, least int) error {
	if value < least {
		return usage{fmt.Errorf("--%s %d: want at least %d", flag, value, least)}
	}
	return nil
}

// ask connects to JetStream for one verb.
func (a *app) ask(ctx context.Context, work func(ctx context.Context, js jetstream.JetStream) error) error {
	conn, err := nats.Connect(a.nats, nats.Name("orderstream command"))
	if err != nil {
		return fmt.Errorf("--nats %s: %w (is Orderstream running?)", a.nats, err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	return work(ctx, js)
}

func (a *app) print(value any, text func(w io.Writer)) error {
	if !a.json {
		text(a.out)
		return nil
	}
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, string(data))
	return err
}

// operator names who acts, for the audit stream.
func operator() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
