// Package embednats runs a JetStream server inside the process. It alone links nats-server; only tools and
// tests import it.
package embednats

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// MaxPayload fits the largest delivery (8 MiB body) and its headers.
const MaxPayload = 16 << 20

// Options says how to run the server.
type Options struct {
	Dir        string // where streams are stored
	Listen     string // host:port for clients of other processes; empty: none
	SyncAlways bool   // fsync before every acknowledgement
	Trust      bool   // tests only: Connection.Durable says yes without SyncAlways
}

// Server is a running server.
type Server struct {
	inner   *server.Server
	options Options
}

// Start runs a server and waits until it takes connections (about 20 ms).
func Start(options Options) (*Server, error) {
	config := &server.Options{
		ServerName: "orderstream", JetStream: true, StoreDir: filepath.Join(options.Dir, "jetstream"), DontListen: options.Listen == "",
		SyncAlways: options.SyncAlways, SyncInterval: 2 * time.Minute, MaxPayload: MaxPayload, NoSigs: true, NoLog: true,
		JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: 1 << 40,
	}
	if options.Listen != "" {
		host, port, err := net.SplitHostPort(options.Listen)
		if err != nil {
			return nil, fmt.Errorf("nats listen %q: %w", options.Listen, err)
		}
		config.Host = host
		if config.Port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("nats listen %q: %w", options.Listen, err)
		}
		if config.Port == 0 {
			config.Port = server.RANDOM_PORT
		}
	}
	inner, err := server.NewServer(config)
	if err != nil {
		return nil, fmt.Errorf("embedded NATS server: %w", err)
	}
	inner.Start()
	if !inner.ReadyForConnections(30 * time.Second) {
		inner.Shutdown()
		return nil, errors.New("embedded NATS server: not ready within 30s (is the port taken or the store locked?)")
	}
	return &Server{inner, options}, nil
}

// Connect gives a connection of this process: over loopback where the server listens, whose buffers let both ends
// run on, else without a socket.
func (s *Server) Connect(options ...nats.Option) (*nats.Conn, error) {
	if s.options.Listen == "" {
		options = append(options, nats.InProcessServer(s.inner))
	}
	return nats.Connect(s.inner.ClientURL(), options...)
}

// URL is the address for clients of other processes; empty when the server does not listen.
func (s *Server) URL() string {
	if s.options.Listen == "" {
		return ""
	}
	return s.inner.ClientURL()
}

// Durable tells whether an acknowledged message survives a power cut; why says which setting to change.
func (s *Server) Durable() (ok bool, why string) {
	if s.options.Trust {
		return true, ""
	}
	info, err := s.inner.Jsz(nil)
	if err != nil {
		return false, "JetStream does not answer: " + err.Error()
	}
	if !info.Config.SyncAlways {
		return false, "jetstream.sync_interval must be \"always\""
	}
	return true, ""
}

// Stop ends the server; everything acknowledged is on disk.
func (s *Server) Stop() {
	s.inner.Shutdown()
	s.inner.WaitForShutdown()
}
