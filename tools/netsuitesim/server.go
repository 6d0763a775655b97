package netsuitesim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// maxBody is NetSuite's request size limit.
const maxBody = 104 << 20

// servicePath is the root of all REST services.
const servicePath = "/services/rest/"

// tokenPath is the path of the token endpoint below servicePath.
const tokenPath = "auth/oauth2/v1/token"

// Server is a running double. It listens from New on and answers from Start
// or Serve on.
type Server struct {
	cfg          Config
	listener     net.Listener
	http         *http.Server
	kinds        *kinds
	store        *store
	disk         *disk
	sql          *suiteQL
	tokens       *tokens
	certificates *certificates
	tba          *signatures
	gate         gate
	faults       *injector
	journal      *journal
	processors   *processors
	pushes       *pushes
	warehouse    *warehouse
	unused       unused
	unanswered   sync.WaitGroup // work whose answer went before it
	closing      chan struct{}
	once         sync.Once
}

// New binds the address, opens the state and seeds it if it is new. Errors
// name the setting, the file or the address at fault.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("netsuitesim: %w", err)
	}
	s := &Server{cfg: cfg, closing: make(chan struct{}), journal: newJournal(), tokens: newTokens()}
	var err error
	if s.certificates, err = newCertificates(&s.cfg); err != nil {
		return nil, fmt.Errorf("netsuitesim: %w", err)
	}
	s.processors = newProcessors(s)
	s.tba = newSignatures(&s.cfg)
	s.faults = newInjector(&s.cfg, s.closing)
	if err := s.open(); err != nil {
		_ = s.release()
		return nil, fmt.Errorf("netsuitesim: %w", err)
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		_ = s.release()
		return nil, fmt.Errorf("netsuitesim: %w", err)
	}
	s.listener = listener
	s.pushes = newPushes(&s.cfg)
	s.store.submitted = s.pushes.submitted
	s.processors.start()
	s.warehouse = newWarehouse(s, cfg.Warehouse)
	s.http = &http.Server{Handler: s, ConnState: s.unused.follow, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	return s, nil
}

// open builds the record types and brings the state in.
func (s *Server) open() (err error) {
	if s.kinds, err = newKinds(&s.cfg); err != nil {
		return err
	}
	if s.cfg.Dir != "" {
		if s.disk, err = openDisk(s.cfg.Dir); err != nil {
			return err
		}
	}
	s.store = newStore(&s.cfg, s.kinds, s.disk)
	s.sql = newSuiteQL(s.store)
	if s.disk != nil {
		known, err := s.disk.load(s.store)
		if known && err == nil {
			err = s.processors.load(s.disk.db)
		}
		if known || err != nil {
			return err
		}
	}
	return s.store.reset()
}

// URL is the base address, "http://127.0.0.1:9191" for example; the services
// lie below /services/rest.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// TokenURL is the address of the token endpoint and the audience of assertions.
func (s *Server) TokenURL() string { return s.URL() + servicePath + tokenPath }

// Start serves in the background until Close.
func (s *Server) Start() { go func() { _ = s.Serve() }() }

// Serve answers requests until Close; it returns nil after one.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("netsuitesim: %w", err)
	}
	return nil
}

// Close lets running requests finish until ctx ends, then frees everything.
// Calling it again has no effect.
func (s *Server) Close(ctx context.Context) error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		s.unused.close()
		if err = s.http.Shutdown(ctx); err != nil {
			err = errors.Join(err, s.http.Close())
		}
		_ = s.listener.Close() // Shutdown knows it only once served
		s.unanswered.Wait()
		s.processors.close()
		s.warehouse.close(ctx)
		s.pushes.close()
		err = errors.Join(err, s.release())
	})
	return err
}

// unused are the connections that never carried a request. Clients open them
// in advance, and Shutdown would wait for each of them for seconds.
type unused struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

func (u *unused) follow(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state != http.StateNew {
		delete(u.conns, c)
		return
	}
	if u.conns == nil {
		u.conns = map[net.Conn]bool{}
	}
	u.conns[c] = true
}

func (u *unused) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		_ = c.Close() // gone either way
	}
}

// release closes the state; nil parts were never opened.
func (s *Server) release() error {
	var errs []error
	if s.sql != nil {
		errs = append(errs, s.sql.close())
	}
	if s.disk != nil {
		errs = append(errs, s.disk.close())
	}
	return errors.Join(errs...)
}

// reply is an answer before it is written.
type reply struct {
	status int
	header http.Header
	body   []byte
	drop   bool // close the connection without an answer

	tables []string // that the statement of the request reads
}

func (r reply) with(name, value string) reply {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
	return r
}

// ServeHTTP answers controls and services.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if strings.HasPrefix(r.URL.Path, "/sim/") {
		write(w, s.control(r))
		return
	}
	write(w, s.service(r))
}

// service answers one request of the account and logs it.
func (s *Server) service(r *http.Request) reply {
	started := s.cfg.Now()
	clock := time.Now()
	inFlight := s.gate.enter()
	answer := s.answer(r)
	if s.cfg.Switches.GuideWording {
		answer = answer.guided()
	}
	s.gate.leave()
	s.journal.add(Entry{
		Time: started.UTC(), Method: r.Method, Path: r.URL.RequestURI(), Status: answer.status,
		InFlight: inFlight, Milliseconds: float64(time.Since(clock).Microseconds()) / 1000, Dropped: answer.drop, Tables: answer.tables,
	})
	return answer
}

// answer passes the request through outage, login, concurrency limit and
// faults to its handler.
func (s *Server) answer(r *http.Request) reply {
	if down, out := s.faults.outage(); out {
		return down
	}
	path, ok := strings.CutPrefix(r.URL.Path, servicePath)
	if !ok {
		return notFound().reply()
	}
	if path != tokenPath {
		if err := s.authorize(r); err != nil {
			return refusal(err)
		}
		if !s.gate.take(s.faults.allowed()) {
			return s.faults.overload().reply()
		}
		defer s.gate.give()
	}
	f := s.faults.draw(r, false)
	if f.late() {
		return s.later(f, r, path)
	}
	f.wait(s.closing)
	if early, stop := f.before(); stop {
		return early
	}
	return f.after(s.route(r, path))
}

// later answers now and does the work once the delay is over, which nobody hears of. Close waits for it: NetSuite finishes
// what it began.
func (s *Server) later(f fault, r *http.Request, path string) reply {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return malformed().reply()
	}
	kept := r.Clone(context.WithoutCancel(r.Context()))
	kept.Body = io.NopCloser(bytes.NewReader(body)) // the server takes the request's own back with the answer
	s.gate.take(-1)
	s.unanswered.Go(func() {
		defer s.gate.give()
		f.wait(s.closing)
		s.route(kept, path)
	})
	return f.early()
}

func (s *Server) route(r *http.Request, path string) reply {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	async := prefers(r.Header, "respond-async")
	switch {
	case path == tokenPath:
		return s.token(r)
	case len(parts) == 3 && parts[0] == "record" && parts[2] == "metadata-catalog":
		return s.catalog(r)
	case len(parts) >= 3 && parts[0] == "record" && parts[1] == "v1" && (async || s.implied(r, parts[2:])):
		return s.submit(r, parts[2:])
	case len(parts) >= 3 && parts[0] == "record" && parts[1] == "v1":
		return s.record(r, parts[2:])
	case path == "query/v1/suiteql" && async:
		return s.suiteqlAsync(r)
	case path == "query/v1/suiteql":
		return s.suiteql(r)
	case len(parts) >= 4 && len(parts) <= 7 && parts[0] == "async" && parts[1] == "v1" && parts[2] == "job":
		return s.job(r, parts[2:])
	case path == "system/v1/serverTime":
		return s.serverTime(r)
	case path == "system/v1/governanceLimits":
		return s.governance(r)
	}
	return notFound().reply()
}

// write sends an answer, or closes the connection without one.
func write(w http.ResponseWriter, r reply) {
	if r.drop && drop(w) {
		return
	}
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the client may be gone
}

// drop closes the connection; a reset instead of an orderly end, as a broken
// line would look.
func drop(w http.ResponseWriter) bool {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return false
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return false
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
	return true
}

// readBody reads a JSON object from a request.
func readBody(r *http.Request) (map[string]any, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, malformed()
	}
	return decodeObject(text)
}
