// Command netsuitesim runs the NetSuite double by itself.
//
//	netsuitesim -listen 127.0.0.1:9191 -dir state -client-id ID -certificate-id KID -public-key key.pem -switches '{"BillInAdvance":true}'
//
// The controls and services are described in the package netsuitesim.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	cfg, err := parse(args)
	if err != nil {
		return err
	}
	s, err := netsuitesim.New(cfg)
	if err != nil {
		return err
	}
	s.Start()
	fmt.Println(s.URL() + "/services/rest")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.Close(end)
}

// parse reads the flags; the public key is a PEM file.
func parse(args []string) (netsuitesim.Config, error) {
	var cfg netsuitesim.Config
	flags := flag.NewFlagSet("netsuitesim", flag.ContinueOnError)
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1:9191", "address to listen on")
	flags.StringVar(&cfg.Dir, "dir", "", "folder of the state; empty keeps it in memory")
	flags.StringVar(&cfg.Account, "account", "1234567_SB1", "account id")
	flags.StringVar(&cfg.ClientID, "client-id", "", "OAuth 2.0 client id")
	flags.StringVar(&cfg.CertificateID, "certificate-id", "", "id of the uploaded certificate")
	flags.IntVar(&cfg.ConcurrencyLimit, "concurrency", 5, "requests in flight the account allows, negative for no limit")
	flags.IntVar(&cfg.AsyncProcessors, "processors", 2, "tasks of asynchronous jobs that run at a time")
	flags.DurationVar(&cfg.AsyncDelay, "async-delay", 0, "how long a job waits in the queue")
	flags.Func("switches", `switches as JSON, {"BillInAdvance":true}`, func(text string) error {
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		return d.Decode(&cfg.Switches)
	})
	key := flags.String("public-key", "", "PEM file with the public key or certificate")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if *key == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(*key)
	if err != nil {
		return cfg, fmt.Errorf("public-key: %w", err)
	}
	cfg.PublicKeyPEM = text
	return cfg, nil
}
