package shopsim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Server is a running double.
type Server struct {
	cfg      Config
	listener net.Listener
	http     *http.Server
	shops    map[string]*shop
	gates    map[string]*gate
	runners  map[string]*runner
	saboteur *saboteur
	trace    *trace
	traffic  *traffic

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	once   sync.Once
}

// New opens the stores and binds the listener, so that URL is known; Start
// begins to answer and deliver.
func New(c Config) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("shopsim: %w", err)
	}
	s := &Server{cfg: c, listener: listener, shops: map[string]*shop{}, gates: map[string]*gate{}, runners: map[string]*runner{},
		saboteur: newSaboteur(c.Seed), trace: newTrace(), traffic: newTraffic()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{Handler: s.handler()}
	for _, cfg := range c.Stores {
		if err := s.open(cfg); err != nil {
			return nil, errors.Join(fmt.Errorf("shopsim: %w", err), listener.Close(), s.closeShops())
		}
	}
	return s, nil
}

func (s *Server) open(cfg StoreConfig) error {
	home := strings.TrimSuffix(cfg.HomeURL, "/")
	if home == "" {
		home = s.StoreURL(cfg.Key)
	}
	shop, err := openShop(cfg, s.cfg, home)
	if err != nil {
		return err
	}
	s.shops[cfg.Key] = shop
	s.gates[cfg.Key] = newGate(cfg, s.cfg)
	s.runners[cfg.Key] = &runner{shop: shop, trust: s.cfg.TrustTLS, timeout: s.cfg.DeliveryTimeout, trace: s.trace}
	return nil
}

// URL is the double's own address, without trailing slash.
func (s *Server) URL() string {
	return or(s.cfg.TLS != nil, "https://", "http://") + s.listener.Addr().String()
}

// StoreURL is the home address of a store, below which /wp-json/wc/v3 answers.
func (s *Server) StoreURL(key string) string {
	if key == "main" {
		return s.URL()
	}
	return s.URL() + "/" + key
}

// Start answers requests and delivers webhooks until Close.
func (s *Server) Start() {
	s.work.Go(func() {
		listener := s.listener
		if s.cfg.TLS != nil {
			listener = tls.NewListener(listener, s.cfg.TLS)
		}
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.trace.fail(err)
		}
	})
	for _, r := range s.runners {
		s.work.Go(func() { r.run(s.ctx) })
	}
	s.work.Go(func() { s.traffic.run(s.ctx, s) })
}

// Close stops deliveries at once, lets requests finish until ctx ends, and
// closes the state. Deliveries that wait stay in the state.
func (s *Server) Close(ctx context.Context) error {
	var err error
	s.once.Do(func() {
		s.cancel()
		err = s.http.Shutdown(ctx)
		if err != nil {
			err = errors.Join(err, s.http.Close())
		}
		_ = s.listener.Close() // Shutdown has closed it already if it was served
		s.work.Wait()
		err = errors.Join(err, s.closeShops())
	})
	return err
}

func (s *Server) closeShops() error {
	var err error
	for _, shop := range s.shops {
		err = errors.Join(err, shop.close())
	}
	return err
}

// shop finds a store; "" is the first one configured.
func (s *Server) shop(key string) (*shop, error) {
	if key == "" {
		key = s.cfg.Stores[0].Key
	}
	shop := s.shops[key]
	if shop == nil {
		return nil, fmt.Errorf("store %q: not configured", key)
	}
	return shop, nil
}

const (
	restRoot = "wp-json/"
	ordinary = "wc/v3/" // the namespace that routes do not name
)

// handler splits controls from the stores' APIs.
func (s *Server) handler() http.Handler {
	controls := s.controls()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/")
		if strings.HasPrefix(path, "sim/") {
			controls.ServeHTTP(w, r)
			return
		}
		key := "main"
		if !strings.HasPrefix(path, restRoot) {
			key, path, _ = strings.Cut(path, "/")
		}
		rest, found := strings.CutPrefix(path, restRoot)
		switch {
		case s.shops[key] == nil || !found:
			http.NotFound(w, r)
		case rest == "":
			s.index(w, key)
		default:
			s.rest(w, r, key, strings.TrimPrefix(rest, ordinary))
		}
	})
}

func (s *Server) rest(w http.ResponseWriter, r *http.Request, key, path string) {
	e := Entry{Store: key, Kind: Requested, Method: r.Method, Path: r.URL.RequestURI()}
	done := s.trace.begin(&e)
	defer done()
	status, hit := s.saboteur.plan(r, s.cfg.Clock()).act(w, r)
	if !hit {
		c := &call{shop: s.shops[key], hooks: s.runners[key], r: r, path: path, query: parseParams(r.URL.RawQuery)}
		status = c.serve(w, s.gates[key])
	}
	e.Status = status
}
