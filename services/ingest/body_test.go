package ingest

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/services/internal/config"
)

func zipped(t *testing.T, size int, body []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	for n := 0; n < size; n += len(body) {
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func encoded(header map[string]string) map[string]string {
	header["Content-Encoding"] = "gzip"
	return header
}

// The signature covers the bytes on the wire, and those are stored: nothing is decompressed.
func TestBodyIsTakenRaw(t *testing.T) {
	d := openPush(t)
	plain := `{"id":1}`
	raw := string(zipped(t, 1, []byte(plain)))
	if got := d.send(http.MethodPost, path, []byte(raw), encoded(signed(raw))); got.status != http.StatusOK {
		t.Errorf("signed as sent: %d %s", got.status, got.body)
	}
	if got := d.send(http.MethodPost, path, []byte(raw), encoded(signed(plain))); got.status != http.StatusUnauthorized {
		t.Errorf("signed before it was compressed: %d %s", got.status, got.body)
	}
	d.forwarded()
	if n := d.nats.Count(t, topology.Woo, subject.WebhookAll); n != 1 {
		t.Fatalf("%d deliveries stored, want one", n)
	}
	if m := d.nats.Next(t, topology.Woo, subject.WebhookAll, 0); string(m.Data) != raw {
		t.Errorf("stored %q, want the bytes as sent", m.Data)
	}
	notice := string(zipped(t, 1, []byte(shippedNotice)))
	if got := d.send(http.MethodPost, pushPath, []byte(notice), encoded(pushed(shippedNotice, "new secret", "nonce-0123456789", time.Now()))); got.status != http.StatusUnauthorized {
		t.Errorf("a notice signed before it was compressed: %d %s", got.status, got.body)
	}
}

// A form is a body like any other: it is neither taken apart nor put together again.
func TestFormIsTakenRaw(t *testing.T) {
	d := open(t, nil)
	form := "--x\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n1\r\n--x--\r\n"
	for n, body := range []string{form, "no form"} {
		header := signed(body)
		header["Content-Type"] = "multipart/form-data; boundary=x"
		if got := d.send(http.MethodPost, path, []byte(body), header); got.status != http.StatusOK {
			t.Errorf("%q: %d %s", body, got.status, got.body)
			continue
		}
		d.forwarded()
		if m := d.nats.Next(t, topology.Woo, subject.WebhookAll, uint64(n)); string(m.Data) != body {
			t.Errorf("stored %q, want the bytes as sent", m.Data)
		}
	}
}

// Whoever cannot sign costs the door no more than what he sends.
func TestSmallBodiesStaySmall(t *testing.T) {
	d := openPush(t)
	bomb := zipped(t, 256<<20, make([]byte, 1<<20))
	for _, to := range []string{path, pushPath} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := d.send(http.MethodPost, to, bomb, encoded(map[string]string{"X-WC-Webhook-Signature": "x", headerSignature: "x"}))
		runtime.ReadMemStats(&after)
		if got.status/100 != 4 {
			t.Errorf("%s: %d %s, want it refused", to, got.status, got.body)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
			t.Errorf("%s: %d bytes cost %d MiB of memory", to, len(bomb), grown>>20)
		}
	}
}

// A proxy may write its hop into a line of its own behind one that the sender made up.
func TestForwardedInSeveralLines(t *testing.T) {
	d := open(t, func(c *config.Config) {
		c.Ingest.AllowedSources, c.Ingest.TrustedProxies = []string{"203.0.113.0/24"}, []string{"127.0.0.0/8"}
	})
	body := `{"id":1}`
	for lines, want := range map[string]int{
		"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 198.51.100.1\r\n": http.StatusForbidden,
		"X-Forwarded-For: 198.51.100.1\r\nx-forwarded-for: 203.0.113.7\r\n": http.StatusOK,
		"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For:\r\n":              http.StatusForbidden,
	} {
		request := "POST " + path + " HTTP/1.1\r\nHost: shop\r\n" + lines + "X-WC-Webhook-Signature: " + signature.Sign([]byte(body), capture.Secret) + "\r\nContent-Length: 8\r\n\r\n" + body
		if got := d.head(request); got.status != want {
			t.Errorf("%q: %d, want %d", lines, got.status, want)
		}
	}
}

// During a rotation both secrets count; one that was taken out of the configuration signs nothing any more.
func TestStaleSecretIsRefused(t *testing.T) {
	dir := t.TempDir()
	fresh := filepath.Join(dir, "fresh")
	if err := os.WriteFile(fresh, []byte("fresh secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	body := `{"id":1}`
	for name, c := range map[string]struct {
		keep bool
		want int
	}{"during the rotation": {true, http.StatusOK}, "after it": {false, http.StatusUnauthorized}} {
		d := open(t, func(conf *config.Config) {
			store := conf.Stores["main"]
			old := store.Secrets
			store.Secrets = []config.Secret{config.SecretOf("file:" + fresh)}
			if c.keep {
				store.Secrets = append(store.Secrets, old...)
			}
			conf.Stores["main"] = store
		})
		if got := d.send(http.MethodPost, path, []byte(body), signed(body)); got.status != c.want {
			t.Errorf("%s: %d, want %d", name, got.status, c.want)
		}
		header := signed(body)
		header["X-WC-Webhook-Signature"] = signature.Sign([]byte(body), "fresh secret")
		if got := d.send(http.MethodPost, path, []byte(body), header); got.status != http.StatusOK {
			t.Errorf("%s, the new secret: %d", name, got.status)
		}
	}
}
