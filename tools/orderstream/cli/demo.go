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
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

const ordersPerMinute = 20

// people is how NetSuite's double works in the demo: an order takes four acts or more, and 20 orders a minute leave them
// three seconds for each.
var people = netsuitesim.Warehouse{Seed: 1, Every: 400, Partial: 0.15, Returns: 0.1, Restock: 300}

func (a *app) demo() *cobra.Command {
	var o demo.Options
	var traffic, warehouse string
	c := &cobra.Command{
		Use: "demo", Short: "Run everything in one process, with doubles of the shop and of NetSuite and a little traffic", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if traffic != "on" && traffic != "off" {
				return usage{fmt.Errorf("--traffic %q: want on or off", traffic)}
			}
			switch {
			case warehouse == "on", warehouse == "" && traffic == "on":
				o.People, o.Stock = people, true
			case warehouse != "" && warehouse != "off":
				return usage{fmt.Errorf("--warehouse %q: want on or off", warehouse)}
			}
			o.Stores, o.SyncEach = []string{"main"}, true
			o.Store = func(s *shopsim.StoreConfig) {
				s.Fulfilments = true                                             // as a new shop of WooCommerce 10.1 and later may have
				s.Counted = []string{"FREE-SAMPLE", "TASSE-GRÖSSE-L", "BOOK-77"} // what NetSuite counts, the shop counts
			}
			return a.runDemo(c.Context(), o, traffic == "on")
		},
	}
	c.Flags().StringVar(&traffic, "traffic", "on", "place orders in the shop: on, off")
	c.Flags().StringVar(&warehouse, "warehouse", "", "pick, pack, ship and bill in NetSuite what is ordered, take some of it back, and let the shop's stock follow: on, off; without it as --traffic")
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
	return a.stay(ctx, d)
}

// stay shows what happens until ctx ends (nil) or a service does (its error).
func (a *app) stay(ctx context.Context, d *demo.Demo) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- d.Host.Wait(ctx)
		stop()
	}()
	err := a.follow(ctx, d.JS)
	stop()
	return errors.Join(err, <-ended)
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

// follow prints what happens in NetSuite and in the shop as it happens, and counters in between, until ctx ends.
func (a *app) follow(ctx context.Context, js jetstream.JetStream) error {
	lines := make(chan string, 64)
	for stream, say := range map[string]func(jetstream.Msg) string{topology.Outcomes: a.outcome, topology.ShopOutcomes: a.deed} {
		running, err := listen(ctx, js, stream, func(m jetstream.Msg) {
			if line := say(m); line != "" {
				select {
				case lines <- line:
				case <-ctx.Done():
				}
			}
		})
		switch {
		case ctx.Err() != nil:
			return nil // stopped before it began
		case err != nil:
			return err
		}
		defer running.Stop()
	}
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-lines:
			fmt.Fprintln(a.out, line)
		case <-ticker.C:
			if err := a.counters(ctx, js); err != nil && !errors.Is(err, context.Canceled) {
				fmt.Fprintln(a.errs, "counters:", err)
			}
		}
	}
}

func listen(ctx context.Context, js jetstream.JetStream, stream string, each func(jetstream.Msg)) (jetstream.ConsumeContext, error) {
	consumer, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return nil, err
	}
	return consumer.Consume(each)
}

// outcome is a line about what was done to NetSuite.
func (a *app) outcome(m jetstream.Msg) string {
	o, err := codec.Decode[event.SyncRecordedV1](m.Data())
	if err != nil {
		return ""
	}
	if a.json {
		return string(m.Data())
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
	return strings.TrimRight(line, " ")
}

// deed is a line about what came back to the shop; without one for numbers that NetSuite's documents and orders have.
func (a *app) deed(m jetstream.Msg) string {
	o, err := codec.Decode[event.ShopRecordedV1](m.Data())
	if err != nil || o.Deed == nil || o.State != event.ShopWritten {
		return ""
	}
	var about string
	switch o.Kind {
	case event.ShopKindStatus:
		about = o.Deed.From + " → " + o.Deed.To
	case event.ShopKindFulfilment:
		about = "shipped: " + strings.Join(o.Deed.Tracking, ", ")
	case event.ShopKindRefund:
		about = "refunded"
		if o.Deed.Amount != nil {
			about += " " + o.Deed.Amount.String()
		}
	default:
		return ""
	}
	if a.json {
		return string(m.Data())
	}
	order, _, _ := strings.Cut(o.Key, "-")
	return fmt.Sprintf("%s  %s/%s  %-8s  %s", o.Time.Local().Format(time.TimeOnly), o.Store, order, "back", about)
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
