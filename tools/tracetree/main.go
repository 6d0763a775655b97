// Command tracetree sends one captured order through the whole of Orderstream, in one process with both
// doubles, and prints the order's trace as an indented tree: from the webhook to the NetSuite call and back to
// the shop.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// patience bounds the whole run.
const patience = 60 * time.Second

// sample is the captured order that is followed: one item, one shipping line, taxed.
const sample = "order.created-simple"

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	spans, err := follow(ctx, "meta")
	if err == nil {
		err = report(os.Stdout, spans)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tracetree:", err)
		cancel()
		os.Exit(1)
	}
}

// report prints the order's trace, then the calls that serve many orders at once and have traces of their own.
func report(w io.Writer, spans []span) error {
	id := traceOf(spans, "ingest")
	if id == "" {
		return fmt.Errorf("%d spans arrived, none of them begins at ingest", len(spans))
	}
	of, others := split(spans, id)
	fmt.Fprintf(w, "trace %s: %d spans, %s from the webhook on\n\n", id, len(of), millis(last(of).Sub(of[0].Start)))
	fmt.Fprintf(w, "%9s %9s  %-*s %s\n", "begins", "takes", nameWidth, "step", "about")
	printTree(w, of, of[0].Start)
	if len(others) > 0 {
		fmt.Fprintln(w, "\nin traces of their own: calls that may serve many orders at once")
		printTree(w, others, of[0].Start)
	}
	return nil
}

func last(spans []span) time.Time {
	end := spans[0].End
	for _, s := range spans {
		if s.End.After(end) {
			end = s.End
		}
	}
	return end
}

// follow runs the demo, posts the order and gives every span of the run. writeBack says how the shop is told:
// meta or note. Stopping the demo flushes the spans.
func follow(ctx context.Context, writeBack string) (_ []span, err error) {
	dir, err := os.MkdirTemp("", "tracetree-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r, err := receive(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close()
	const any = "127.0.0.1:0"
	d, err := demo.Start(ctx, demo.Options{
		Dir: dir, Stores: []string{"main"}, Ingest: any, Health: any, NetSuite: any, Shop: any, NATS: any, SyncEach: true, Mute: true,
		Log: slog.New(slog.DiscardHandler), Adjust: func(c *host.Config) { adjust(c, r.url(), writeBack) },
	})
	if err != nil {
		return nil, err
	}
	err = roundTrip(ctx, d)
	d.Stop()
	return r.all(), err
}

func adjust(c *host.Config, otlp, writeBack string) {
	c.Telemetry.OTLP = otlp
	for key, store := range c.Stores {
		store.WriteBack = writeBack
		c.Stores[key] = store
	}
}

// roundTrip gives the order to the shop, posts its webhook and waits until the shop has been told.
func roundTrip(ctx context.Context, d *demo.Demo) error {
	delivery, err := pick(sample)
	if err != nil {
		return err
	}
	order, err := d.Shop.Load(shopsim.Load{Store: delivery.Store, Order: delivery.Body})
	if err != nil {
		return fmt.Errorf("load %s: %w", delivery.Name, err)
	}
	told, err := d.JS.OrderedConsumer(ctx, topology.ShopOutcomes, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject.Shop(delivery.Store, "order", fmt.Sprint(order))},
	})
	if err != nil {
		return err
	}
	messages, err := told.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	if err := post(ctx, d.Facts.Ingest, delivery); err != nil {
		return err
	}
	if _, err := messages.Next(jetstream.NextContext(ctx)); err != nil {
		return fmt.Errorf("order %d has not come back to the shop: %w", order, err)
	}
	return nil
}

func pick(name string) (capture.Delivery, error) {
	all, err := capture.All()
	if err != nil {
		return capture.Delivery{}, err
	}
	i := slices.IndexFunc(all, func(d capture.Delivery) bool { return d.Name == name })
	if i < 0 {
		return capture.Delivery{}, fmt.Errorf("capture %q: there is none of this name", name)
	}
	return all[i], nil
}

// post sends a captured delivery with the headers WooCommerce gave it.
func post(ctx context.Context, base string, d capture.Delivery) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+d.Path, bytes.NewReader(d.Body))
	if err != nil {
		return err
	}
	for _, name := range []string{"Content-Type", "User-Agent", "X-WC-Webhook-Source", "X-WC-Webhook-Topic", "X-WC-Webhook-Resource", "X-WC-Webhook-Event",
		"X-WC-Webhook-Signature", "X-WC-Webhook-ID", "X-WC-Webhook-Delivery-ID"} {
		request.Header.Set(name, d.Get(name))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("post %s: %w", d.Name, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("post %s: ingest answered %d, want 200", d.Name, response.StatusCode)
	}
	return nil
}
