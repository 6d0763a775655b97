package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-json"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

const ordersPerMinute = 20

func (a *app) demo() *cobra.Command {
	var o demo.Options
	var traffic string
	c := &cobra.Command{
		Use: "demo", Short: "Run everything in one process, with doubles of the shop and of NetSuite and a little traffic", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if traffic != "on" && traffic != "off" {
				return usage{fmt.Errorf("--traffic %q: want on or off", traffic)}
			}
			o.Stores, o.SyncEach = []string{"main"}, true
			return a.runDemo(c.Context(), o, traffic == "on")
		},
	}
	c.Flags().StringVar(&traffic, "traffic", "on", "place orders in the shop: on, off")
	c.Flags().StringVar(&o.Dir, "data", "data", "folder that keeps everything")
	c.Flags().StringVar(&o.Ingest, "ingest-listen", "127.0.0.1:8080", "where the shop's webhooks arrive")
	c.Flags().StringVar(&o.Health, "console-listen", "127.0.0.1:8088", "health and metrics")
	c.Flags().StringVar(&o.NetSuite, "netsuite-listen", "127.0.0.1:9191", "the NetSuite double")
	c.Flags().StringVar(&o.Shop, "shop-listen", "127.0.0.1:8081", "the shop double")
	c.Flags().StringVar(&o.NATS, "nats-listen", "127.0.0.1:4222", "the embedded NATS server")
	return c
}

func (a *app) runDemo(ctx context.Context, o demo.Options, traffic bool) error {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	logs, err := os.OpenFile(filepath.Join(dir, "orderstream.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	defer func() { _ = logs.Close() }()
	o.Log = host.NewLogger(host.Config{}, logs)
	slog.SetDefault(o.Log)
	d, err := demo.Start(ctx, o)
	if err != nil {
		return err
	}
	defer d.Stop()
	a.greet(d, dir)
	if err := d.Shop.Traffic(traffic, ordersPerMinute); err != nil {
		return err
	}
	if err := a.follow(ctx, d.JS); err != nil {
		return err
	}
	return d.Host.Wait(ctx)
}

func (a *app) greet(d *demo.Demo, dir string) {
	f := d.Facts
	if a.json {
		line, err := json.Marshal(f)
		if err == nil {
			fmt.Fprintln(a.out, string(line))
		}
		return
	}
	fmt.Fprintf(a.out, `Orderstream is running.

  shop webhooks     %s
  shop double       %s   (orders: %s/sim/state?type=order)
  NetSuite double   %s   (sales orders: %s/sim/state?type=salesOrder)
  NATS              %s
  health, metrics   %s/readyz  %s/metrics
  kept in           %s

  Follow an order:  bin/orderstream order show <number>
  Stop:             Ctrl-C

`, f.Webhooks["main"], f.Shop, f.Shop, f.NetSuite, f.NetSuite, f.NATS, f.Health, f.Health, dir)
}

// follow prints each outcome as it happens, and counters in between, until ctx ends.
func (a *app) follow(ctx context.Context, js jetstream.JetStream) error {
	consumer, err := js.OrderedConsumer(ctx, topology.Outcomes, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return err
	}
	running, err := consumer.Consume(func(m jetstream.Msg) { a.tell(m) })
	if err != nil {
		return err
	}
	defer running.Stop()
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := a.counters(ctx, js); err != nil && !errors.Is(err, context.Canceled) {
				fmt.Fprintln(a.errs, "counters:", err)
			}
		}
	}
}

func (a *app) tell(m jetstream.Msg) {
	o, err := codec.Decode[event.SyncRecordedV1](m.Data())
	if err != nil {
		return
	}
	if a.json {
		fmt.Fprintln(a.out, string(m.Data()))
		return
	}
	line := fmt.Sprintf("%s  %s/%s  %-8s", o.Time.Local().Format(time.TimeOnly), o.Store, o.Number, o.Kind)
	switch so := o.Ledger.SalesOrder; {
	case o.Fault != nil:
		line += "  " + o.Fault.Code + ": " + o.Fault.Rule
	case so != nil:
		line += fmt.Sprintf("  sales order %s  status %s  total %s  (%d calls)", so.TranID, so.Status, so.Total, len(o.Calls))
	case o.Rule != "":
		line += "  by rule " + o.Rule
	}
	fmt.Fprintln(a.out, strings.TrimRight(line, " "))
}

func (a *app) counters(ctx context.Context, js jetstream.JetStream) error {
	c, err := operate.Count(ctx, js, []string{demo.Account})
	if err != nil {
		return err
	}
	if a.json {
		line, err := json.Marshal(struct {
			Type string `json:"type"`
			operate.Counts
		}{"counters", c})
		if err == nil {
			fmt.Fprintln(a.out, string(line))
		}
		return err
	}
	fmt.Fprintf(a.out, "          deliveries %d · events %d · outcomes %d · told to the shop %d · waiting %d · failures %d\n",
		c.Deliveries, c.Events, c.Outcomes, c.ToShop, c.Waiting, c.Failures)
	return nil
}
