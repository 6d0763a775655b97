package ingest

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
)

func listen(c config.Ingest, log *slog.Logger) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("ingest.listen: %w", err)
	}
	if c.TLSCertificate == "" {
		return listener, nil
	}
	shown := &certificate{config: c, log: log}
	if err := shown.load(); err != nil {
		_ = listener.Close()
		return nil, fault.New(fault.ConfigurationWrong, "want a certificate and its key in PEM", fault.Field("ingest.tls_certificate", c.TLSCertificate), fault.Because(err))
	}
	return tls.NewListener(listener, &tls.Config{GetCertificate: shown.get, MinVersion: tls.VersionTLS12}), nil
}

// certificate is the door's, read again when its files change: renewed ones are short-lived, and a restart for each
// would close the door.
type certificate struct {
	config config.Ingest
	log    *slog.Logger

	mu    sync.Mutex
	pair  *tls.Certificate
	dates [2]time.Time // of the files when they were read
}

func (c *certificate) load() error {
	c.dates = c.changed()
	pair, err := tls.LoadX509KeyPair(c.config.TLSCertificate, c.config.TLSKey)
	if err == nil {
		c.pair = &pair
	}
	return err
}

// changed gives when the files were written; zero: a file is not there.
func (c *certificate) changed() (dates [2]time.Time) {
	for i, path := range []string{c.config.TLSCertificate, c.config.TLSKey} {
		if info, err := os.Stat(path); err == nil {
			dates[i] = info.ModTime()
		}
	}
	return dates
}

// get is asked at each handshake. Files that cannot be used, e.g. half renewed, leave the last good pair.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed() != c.dates {
		if err := c.load(); err != nil {
			c.log.Warn("the door's certificate cannot be read again; the last one stays", "code", fault.ConfigurationWrong, "error", err)
		} else {
			c.log.Info("the door shows a renewed certificate")
		}
	}
	return c.pair, nil
}
