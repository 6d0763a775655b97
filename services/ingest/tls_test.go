package ingest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// issue writes a certificate for 127.0.0.1 and its key, as of a moment, and trusts it.
func issue(t *testing.T, dir string, serial int64, roots *x509.CertPool, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "door"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"door.crt": {Type: "CERTIFICATE", Bytes: der}, "door.key": {Type: "PRIVATE KEY", Bytes: secret}} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// posts a signed delivery over a new TLS connection and tells whose certificate was shown.
func (d door) posts(roots *x509.CertPool) (status int, serial int64, err error) {
	d.t.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	body := `{"id":1}`
	request, err := http.NewRequestWithContext(natstest.Context(d.t), http.MethodPost, "https://"+d.service.Address()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		d.t.Fatal(err)
	}
	for name, value := range signed(body) {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.TLS.PeerCertificates[0].SerialNumber.Int64(), err
}

// The door speaks TLS itself, and shows a renewed certificate without a restart; one that does not fit leaves the old one.
func TestTLS(t *testing.T) {
	dir, roots, began := t.TempDir(), x509.NewCertPool(), time.Now().Add(-time.Minute)
	issue(t, dir, 1, roots, began)
	ear := newEar()
	d, stop := start(t, ear, func(c *config.Config) {
		c.Ingest.TLSCertificate, c.Ingest.TLSKey = filepath.Join(dir, "door.crt"), filepath.Join(dir, "door.key")
	}, nil)
	if status, serial, err := d.posts(roots); status != http.StatusOK || serial != 1 || err != nil {
		t.Fatalf("%d with certificate %d, %v", status, serial, err)
	}
	if _, _, err := d.posts(x509.NewCertPool()); err == nil {
		t.Error("a client that does not trust the certificate posts all the same")
	}
	issue(t, dir, 2, roots, began.Add(time.Second))
	if status, serial, err := d.posts(roots); status != http.StatusOK || serial != 2 || err != nil {
		t.Errorf("%d with certificate %d, %v, want the renewed one", status, serial, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "door.key"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, serial, err := d.posts(roots); status != http.StatusOK || serial != 2 || err != nil {
		t.Errorf("%d with certificate %d, %v, want the last good one", status, serial, err)
	}
	ear.await(t, "the door's certificate cannot be read again")
	stop()
	if err := <-d.ended; err != nil {
		t.Error(err)
	}
}

// The key of another certificate is named by its path.
func TestTLSPairMustFit(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	issue(t, dir, 1, x509.NewCertPool(), time.Now())
	issue(t, other, 2, x509.NewCertPool(), time.Now())
	_, err := listen(config.Ingest{Listen: "127.0.0.1:0", TLSCertificate: filepath.Join(dir, "door.crt"), TLSKey: filepath.Join(other, "door.key")}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "ingest.tls_certificate") {
		t.Errorf("%v, want it to name ingest.tls_certificate", err)
	}
}
