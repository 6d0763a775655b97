package suitetalk

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
)

// mount is a folder of secrets as they are mounted, and what was logged.
type mount struct {
	t   *testing.T
	dir string
	log bytes.Buffer
}

func newMount(t *testing.T, files ...string) *mount {
	m := &mount{t: t, dir: t.TempDir()}
	for i := 0; i < len(files); i += 2 {
		m.write(files[i], files[i+1])
	}
	return m
}

func (m *mount) write(name, text string) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mount) secret(name string) config.Secret { return config.SecretOf(m.reference(name)) }

func (m *mount) reference(name string) string { return "file:" + filepath.Join(m.dir, name) }

func (m *mount) client(a *account, section config.Account) *Client {
	m.t.Helper()
	options, err := OptionsOf("ns", section)
	if err != nil {
		m.t.Fatal(err)
	}
	options.URL, options.Concurrency, options.Timeout = a.server.URL, 8, 10*time.Second
	options.Log = slog.New(slog.NewTextHandler(&m.log, nil))
	client, err := New(options)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(client.Close)
	return client
}

func (m *mount) machine(a *account) *Client {
	return m.client(a, config.Account{ClientID: config.Text(m.reference("client")), Certificate: config.Text(m.reference("id")), PrivateKey: m.secret("key")})
}

// warned is how often credentials could not be used.
func (m *mount) warned() int {
	return strings.Count(m.log.String(), "code="+string(fault.ConfigurationWrong))
}

// burst sends twenty reads at once, and none may fail.
func burst(t *testing.T, client *Client) {
	t.Helper()
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() { do(t, client) })
	}
	wait.Wait()
}

// Replacing the files is all that it takes to exchange a certificate, one file after the other, while orders are written.
func TestFilesOfACertificateAreReplaced(t *testing.T) {
	first, second, third := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P256())
	m := newMount(t, "client", "client\n", "id", "first\n", "key", pkcs8(t, first))
	a := startAccount(t, noContent)
	a.accept("first", first.Public())
	client := m.machine(a)
	clock := clocked(a, client)
	step := func(warnings int) {
		t.Helper()
		a.end(clock)
		burst(t, client)
		if n := m.warned(); n != warnings {
			t.Errorf("%d warnings, want %d: %s", n, warnings, m.log.String())
		}
	}
	step(0)
	m.write("id", "second")
	a.accept("second", second.Public())
	step(0) // half replaced
	m.write("key", pkcs8(t, second))
	a.revoke("first")
	step(0)
	m.write("key", "half a f")
	step(1)
	step(1) // once per change
	m.write("key", "half a fi")
	step(2)
	m.write("id", pkcs8(t, third)) // a key in place of its id
	step(3)
	m.write("id", "third")
	m.write("key", pkcs8(t, third))
	a.accept("third", third.Public())
	a.revoke("second")
	step(3)
	if err := os.Remove(filepath.Join(m.dir, "key")); err != nil {
		t.Fatal(err)
	}
	step(4)
	if text := m.log.String(); strings.Contains(text, "PRIVATE") || strings.Contains(text, "half a f") || strings.Count(text, "level=INFO") != 2 {
		t.Errorf("logged: %s", text)
	}
}

// Files that are replaced while NetSuite refuses what was read are read once more before the account pauses, and not again.
func TestFilesAreReadOnceMoreWhenRefused(t *testing.T) {
	old, news := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	m := newMount(t, "client", "client", "id", "old", "key", pkcs8(t, old))
	a := startAccount(t, noContent)
	a.asked, a.gate = make(chan string, 8), make(chan struct{})
	client := m.machine(a)
	a.accept("new", news.Public())
	done := make(chan struct{})
	go func() { defer close(done); do(t, client) }()
	asked := func(want string) {
		t.Helper()
		select {
		case got := <-a.asked:
			if got != want {
				t.Errorf("asked with %s, want %s", got, want)
			}
		case <-done:
			t.Errorf("not asked with %s", want)
		}
	}
	asked("old")
	m.write("id", "new")
	m.write("key", pkcs8(t, news))
	a.gate <- struct{}{}
	asked("new")
	close(a.gate)
	<-done
	a.revoke("new")
	a.issued.Add(1)
	if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteUnauthorised || len(a.asked) != 1 {
		t.Errorf("%v after %d assertions, want %s after 1", err, len(a.asked), fault.NetSuiteUnauthorised)
	}
}

// signedBy tells whether an Authorization header is signed with these keys.
func signedBy(r *http.Request, token, secret string) bool {
	var params [][2]string
	var signature string
	for part := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "OAuth "), ", ") {
		name, value, _ := strings.Cut(part, "=")
		value, _ = url.PathUnescape(strings.Trim(value, `"`))
		switch name {
		case "realm":
		case "oauth_signature":
			signature = value
		case "oauth_token":
			if value != token {
				return false
			}
			fallthrough
		default:
			params = append(params, [2]string{name, value})
		}
	}
	u := *r.URL
	u.Scheme, u.Host = "http", r.Host
	mac := hmac.New(sha256.New, []byte("cs&"+secret))
	mac.Write([]byte(baseString(r.Method, &u, params)))
	return signature == base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Token-based authentication: a new token's id and secret are read when NetSuite refuses the signature.
func TestFilesOfATokenAreReplaced(t *testing.T) {
	m := newMount(t, "ck", "ck", "cs", "cs", "id", "old", "secret", "hush-old")
	var token atomic.Pointer[[2]string]
	token.Store(&[2]string{"old", "hush-old"})
	a := startAccount(t, nil)
	a.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if now := token.Load(); !signedBy(r, now[0], now[1]) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	client := m.client(a, config.Account{AccountID: "1", TBA: &config.TBA{ConsumerKey: m.secret("ck"), ConsumerSecret: m.secret("cs"), TokenID: m.secret("id"), TokenSecret: m.secret("secret")}})
	refused := func() {
		t.Helper()
		before := token.Swap(&[2]string{"nobody", ""}) // an overload looks like this
		if _, err := client.Do(context.Background(), get); fault.CodeOf(err) != fault.NetSuiteThrottled {
			t.Errorf("%v, want %s", err, fault.NetSuiteThrottled)
		}
		token.Store(before)
	}
	burst(t, client)
	m.write("id", "new")
	refused() // with the keys in use, and with a set that is half replaced
	burst(t, client)
	m.write("secret", "hush-new")
	token.Store(&[2]string{"new", "hush-new"})
	burst(t, client)
	m.write("secret", "")
	refused()
	refused()
	burst(t, client)
	if text := m.log.String(); m.warned() != 1 || strings.Count(text, "level=INFO") != 1 || strings.Contains(text, "hush") {
		t.Errorf("logged: %s", text)
	}
}
