package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/host/embednats"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

func (a *app) up() *cobra.Command {
	var data, ingest, health, natsListen string
	c := &cobra.Command{
		Use: "up", Short: "Run every service in one process as configured", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := host.Load(a.config, os.Environ())
			if err != nil {
				return usage{err}
			}
			override(&config.Ingest.Listen, ingest)
			override(&config.Health.Listen, health)
			log := host.NewLogger(config, a.errs)
			connect := host.Connector(host.Dial)
			if data != "" {
				connect = func(_ context.Context, _ host.Config, log *slog.Logger) (host.Connection, error) {
					link, _, err := demo.Embedded(embednats.Options{Dir: data, Listen: natsListen, SyncAlways: true}, log)
					return link, err
				}
			}
			if code := host.Run(c.Context(), config, log, connect, demo.Units()...); code != host.ExitDrained {
				return ended{code}
			}
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "", "run JetStream in the process and keep it in this folder; empty: connect to nats.url")
	c.Flags().StringVar(&ingest, "ingest-listen", "", "instead of ingest.listen")
	c.Flags().StringVar(&health, "console-listen", "", "instead of health.listen")
	c.Flags().StringVar(&natsListen, "nats-listen", "127.0.0.1:4222", "with --data: where the embedded server listens")
	return c
}

func override(field *string, value string) {
	if value != "" {
		*field = value
	}
}

func (a *app) check() *cobra.Command {
	var elsewhere bool
	c := &cobra.Command{
		Use: "check", Short: "Check the configuration and the mappings, and explain each mistake with its path", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			config, err := host.Load(a.config, os.Environ())
			if err != nil {
				return usage{err}
			}
			var problems []error
			if !elsewhere {
				problems = append(problems, host.Probe(config))
			}
			for name, m := range config.Mappings {
				if _, _, err := mappingFile(m.File); err != nil {
					problems = append(problems, fmt.Errorf("mappings.%s: %w", name, err))
				}
			}
			if err := errors.Join(problems...); err != nil {
				return usage{err}
			}
			return a.print(map[string]any{"ok": true, "stores": len(config.Stores), "accounts": len(config.Accounts)}, func(w io.Writer) {
				fmt.Fprintf(w, "%s is sound: %d stores, %d accounts, %d mappings\n", a.config, len(config.Stores), len(config.Accounts), len(config.Mappings))
			})
		},
	}
	c.Flags().BoolVar(&elsewhere, "without-secrets", false, "leave out secrets, keys and certificates: they lie on another machine")
	return c
}

func (a *app) topology() *cobra.Command {
	return &cobra.Command{
		Use: "topology", Short: "Print the streams, consumers and buckets the configuration needs", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			config, err := host.Load(a.config, os.Environ())
			if err != nil {
				return usage{err}
			}
			t := host.Topology(config)
			if err := t.Validate(); err != nil {
				return err
			}
			return a.print(t, func(w io.Writer) {
				for _, s := range t.Streams {
					fmt.Fprintf(w, "stream    %-17s %-28s %s\n", s.Name, s.Subjects[0], s.Description)
				}
				for _, c := range t.Consumers {
					fmt.Fprintf(w, "consumer  %-17s %-28s %s\n", c.Stream+"/"+c.Config.Durable, c.Config.FilterSubjects[0], c.Config.Description)
				}
				for _, b := range t.Buckets {
					fmt.Fprintf(w, "bucket    %s\n", b.Name)
				}
			})
		},
	}
}
