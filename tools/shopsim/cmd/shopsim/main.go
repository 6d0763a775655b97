// Command shopsim runs a WooCommerce double on its own.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "shopsim:", err)
		os.Exit(1)
	}
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:8081", "address of the REST API and the controls")
	dir := flag.String("data", "", "folder that keeps the state; none keeps it in memory")
	deliver := flag.String("deliver", "", "address the webhooks of store main go to; none seeds no webhooks")
	rate := flag.Float64("orders-per-minute", 0, "demo traffic")
	basic := flag.Bool("basic-over-http", false, "accept consumer key and secret on plain HTTP")
	flag.Parse()

	s, err := shopsim.New(shopsim.Config{
		Listen: *listen, Dir: *dir, AllowBasicOverHTTP: *basic,
		Stores: []shopsim.StoreConfig{{Key: "main", DeliveryURL: *deliver}},
	})
	if err != nil {
		return err
	}
	if *rate > 0 {
		if err := s.Traffic(true, *rate); err != nil {
			return err
		}
	}
	s.Start()
	fmt.Println("store main answers at", s.StoreURL("main")+"/wp-json/wc/v3/ with key ck_main and secret cs_main")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.Close(ctx)
}
