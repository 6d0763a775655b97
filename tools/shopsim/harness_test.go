package shopsim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t
}

func utc(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(stamp, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func start(t *testing.T, c Config) *Server {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// measured is a store like the one the REST samples come from, in the state of
// the sample named.
func measured(t *testing.T, at *clock, state string) *Server {
	t.Helper()
	s := start(t, Config{
		AllowBasicOverHTTP: true, Clock: at.now,
		Stores: []StoreConfig{{Key: "main", HomeURL: "http://127.0.0.1:8081", ReadKey: "ck_read", ReadSecret: "cs_read"}},
	})
	if state != "" {
		loadState(t, s, sample(t, state).body)
	}
	return s
}

// loadState loads an order, or a list of orders.
func loadState(t *testing.T, s *Server, body []byte) {
	t.Helper()
	v, err := phpjson.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	rows := v.Items()
	if v.Kind() == phpjson.Object {
		rows = []*phpjson.Value{v}
	}
	for _, row := range rows {
		if _, err := s.Load(Load{Order: row.Bytes()}); err != nil {
			t.Fatal(err)
		}
	}
}

// exchange is one recorded REST call.
type exchange struct {
	method, path, send string
	status             int
	header             http.Header
	body               []byte
}

func sample(t *testing.T, name string) exchange {
	t.Helper()
	request, err := os.ReadFile("testdata/rest/" + name + ".request")
	if err != nil {
		t.Fatal(err)
	}
	var e exchange
	parts := strings.SplitN(strings.TrimSpace(string(request)), " ", 3)
	e.method, e.path = parts[0], parts[1]
	if len(parts) > 2 {
		e.send = parts[2]
	}
	raw, err := os.ReadFile("testdata/rest/" + name + ".http")
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	head = bytes.ReplaceAll(head, []byte("Transfer-Encoding: chunked\r\n"), nil)
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(append(head, "\r\n\r\n"...))), nil)
	if err != nil {
		t.Fatal(err)
	}
	e.status, e.header, e.body = resp.StatusCode, resp.Header, bytes.TrimSpace(body)
	for _, ofServer := range []string{"Server", "Date", "Connection"} {
		e.header.Del(ofServer)
	}
	return e
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) json(t *testing.T) *phpjson.Value {
	t.Helper()
	v, err := phpjson.Parse(a.body)
	if err != nil {
		t.Fatalf("status %d: %v: %s", a.status, err, a.body)
	}
	return v
}

// rest sends a REST call with the main key.
func rest(t *testing.T, s *Server, method, path, body string) answer {
	t.Helper()
	return restAs(t, s, "ck_main", "cs_main", method, path, body)
}

func restAs(t *testing.T, s *Server, key, secret, method, path, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/wp-json/wc/v3"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(key, secret)
	return do(t, req)
}

func do(t *testing.T, req *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, ofServer := range []string{"Date", "Content-Length"} {
		resp.Header.Del(ofServer)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

// sim calls a /sim/ endpoint and decodes the answer.
func sim(t *testing.T, s *Server, method, path string, in, out any) int {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/sim"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	a := do(t, req)
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			t.Fatalf("%s %s: status %d: %v: %s", method, path, a.status, err, a.body)
		}
	}
	return a.status
}
