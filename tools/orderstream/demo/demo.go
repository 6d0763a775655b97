// Package demo runs the whole of Orderstream in one process on embedded JetStream, with doubles of the shop
// and of NetSuite beside it: what `orderstream demo` shows and what the end-to-end tests drive.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/host/embednats"
	"github.com/orderstream/orderstream/services/ingest"
	netsuitewriter "github.com/orderstream/orderstream/services/netsuite-writer"
	"github.com/orderstream/orderstream/services/notifier"
	"github.com/orderstream/orderstream/services/reconciler"
	statuspublisher "github.com/orderstream/orderstream/services/status-publisher"
	"github.com/orderstream/orderstream/services/transformer"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// Secret signs the deliveries of every demo store.
const Secret = "whsec_test"

// PushSecret signs the notices of the NetSuite double.
const PushSecret = "push_test"

// Options says where to run. The zero listen addresses are the fixed ones of the product.
type Options struct {
	Dir      string   // everything is kept here
	Stores   []string // keys of the shop's stores; the first must be "main"
	Ingest   string
	Health   string
	NetSuite string
	Shop     string
	NATS     string
	SyncEach bool   // fsync JetStream before every acknowledgement
	Slots    int    // requests in flight at NetSuite; 0: 5
	Mapping  string // file of the mapping; empty: the shipped one
	Mute     bool   // the doubles send no webhooks and notices of their own
	Log      *slog.Logger
	People   netsuitesim.Warehouse      // of NetSuite's double: they ship what is ordered; the zero value does nothing by itself
	Stock    bool                       // what the shops may sell follows NetSuite's stock
	Units    []host.Unit                // what runs; nil: all of Units
	Adjust   func(*host.Config)         // last changes to the configuration
	Account  func(*netsuitesim.Config)  // last changes to NetSuite's double
	Store    func(*shopsim.StoreConfig) // last changes to each store of the shop's double
}

// Units lists every service, downstream first: what is started first is stopped last.
func Units() []host.Unit {
	return []host.Unit{notifier.Unit, statuspublisher.Unit, netsuitewriter.Unit, reconciler.Unit, transformer.Unit, ingest.Unit}
}

// Demo is a running demo.
type Demo struct {
	Facts    Facts
	Config   host.Config
	Host     *host.Host
	NATS     *embednats.Server
	JS       jetstream.JetStream
	NetSuite *netsuitesim.Server
	Shop     *shopsim.Server
	closers  []func()
}

// Start runs the doubles, then the services, and writes Dir/demo.json and Dir/orderstream.yaml.
func Start(ctx context.Context, o Options) (_ *Demo, err error) {
	d := &Demo{}
	defer func() {
		if err != nil {
			d.Stop()
		}
	}()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("demo folder: %w", err)
	}
	keys, err := loadKeys(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := d.doubles(o, keys); err != nil {
		return nil, err
	}
	config, err := writeConfig(o, keys, d.NetSuite.URL(), d.Shop)
	if err != nil {
		return nil, err
	}
	if o.Adjust != nil {
		o.Adjust(&config)
	}
	if o.Units == nil {
		o.Units = Units()
	}
	d.Config = config
	if d.Host, err = host.Start(ctx, config, o.Log, d.connector(o), o.Units...); err != nil {
		return nil, err
	}
	d.onStop(func() {
		if err := d.Host.Stop(); err != nil {
			o.Log.Error("stop", "error", err)
		}
	})
	return d, d.announce(o, keys)
}

func (d *Demo) doubles(o Options, keys keys) (err error) {
	account := netsuitesim.Config{
		Listen: o.NetSuite, Dir: filepath.Join(o.Dir, "netsuite"), Account: AccountID, ClientID: keys.ClientID, CertificateID: keys.CertificateID,
		PublicKeyPEM: []byte(keys.PublicKey), ConcurrencyLimit: slots(o), TBA: netsuitesim.TBA(keys.TBA),
	}
	if o.Account != nil {
		o.Account(&account)
	}
	if d.NetSuite, err = netsuitesim.New(account); err != nil {
		return err
	}
	d.NetSuite.Start()
	d.onStop(func() { bounded(d.NetSuite.Close) })
	var stores []shopsim.StoreConfig
	for _, key := range o.Stores {
		store := shopsim.StoreConfig{Key: key, Secret: Secret, ConsumerKey: "ck_" + key, ConsumerSecret: "cs_" + key}
		if o.Store != nil {
			o.Store(&store)
		}
		stores = append(stores, store)
	}
	if d.Shop, err = shopsim.New(shopsim.Config{Listen: o.Shop, Dir: filepath.Join(o.Dir, "shop"), Stores: stores, Seed: 1}); err != nil {
		return err
	}
	d.Shop.Start()
	d.onStop(func() { bounded(d.Shop.Close) })
	return nil
}

func slots(o Options) int {
	if o.Slots == 0 {
		return 5
	}
	return o.Slots
}

// connector hands every service the embedded server.
func (d *Demo) connector(o Options) host.Connector {
	return func(_ context.Context, _ host.Config, log *slog.Logger) (host.Connection, error) {
		link, server, err := Embedded(embednats.Options{Dir: o.Dir, Listen: o.NATS, SyncAlways: o.SyncEach, Trust: !o.SyncEach}, log)
		d.NATS = server
		if err == nil {
			d.JS, err = jetstream.New(link.Conn)
		}
		return link, err
	}
}

// Embedded starts a server in the process and connects to it.
func Embedded(options embednats.Options, log *slog.Logger) (host.Connection, *embednats.Server, error) {
	server, err := embednats.Start(options)
	if err != nil {
		return host.Connection{}, nil, err
	}
	open := func(name string) (*nats.Conn, error) {
		return server.Connect(append(host.ConnOptions(log), nats.Name("orderstream "+name))...)
	}
	conn, err := open("host")
	if err != nil {
		server.Stop()
		return host.Connection{}, nil, err
	}
	return host.Connection{
		Conn: conn, Open: open, Durable: func(context.Context) (bool, error) { return host.Durability(server.Durable()) },
		Close: func() { conn.Close(); server.Stop() },
	}, server, nil
}

// announce connects the doubles, sets NetSuite's people to work and writes demo.json.
func (d *Demo) announce(o Options, keys keys) error {
	addresses := d.Host.Addresses()
	d.Facts = facts(o, keys, d, addresses)
	if !o.Mute {
		if err := d.connect(o.Stores); err != nil {
			return err
		}
	}
	// After the push: what people do before is found by polls only.
	if err := d.NetSuite.SetWarehouse(o.People); err != nil {
		return err
	}
	return writeJSON(filepath.Join(o.Dir, "demo.json"), d.Facts)
}

// connect lets both doubles tell of what happens in them.
func (d *Demo) connect(stores []string) error {
	if err := d.NetSuite.SetPush(netsuitesim.Push{URL: d.Facts.Account.PushURL, Secret: PushSecret}); err != nil {
		return err
	}
	for _, store := range stores {
		if err := d.Shop.SetDeliveryURL(store, d.Facts.Webhooks[store]); err != nil {
			return err
		}
	}
	return nil
}

func (d *Demo) onStop(f func()) { d.closers = append(d.closers, f) }

// Stop drains the services, then ends the doubles.
func (d *Demo) Stop() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		d.closers[i]()
	}
	d.closers = nil
}

func bounded(close func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := close(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
		slog.Debug("double closed", "error", err)
	}
}
