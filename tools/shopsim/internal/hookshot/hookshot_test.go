package hookshot

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// capture is one recorded delivery of a real store.
type capture struct {
	Path    string
	Headers [][2]string
	body    []byte
}

func (c capture) get(name string) string {
	for _, h := range c.Headers {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}

func (c capture) request() string {
	lines := []string{"POST " + c.Path + " HTTP/1.1"}
	for _, h := range c.Headers {
		lines = append(lines, h[0]+": "+h[1])
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + string(c.body)
}

func (c capture) shop(t *testing.T) Shop {
	t.Helper()
	var s Shop
	agent := strings.NewReplacer("/", " ", "(", " ", ")", " ").Replace(c.get("User-Agent"))
	if _, err := fmt.Sscanf(agent, "WooCommerce %s Hookshot  WordPress %s", &s.Version, &s.WordPress); err != nil {
		t.Fatalf("user agent %q: %v", agent, err)
	}
	s.Source = c.get("X-WC-Webhook-Source")
	return s
}

func readCaptures(t *testing.T) map[string]capture {
	t.Helper()
	files, err := filepath.Glob("../../testdata/captures/*.json")
	if err != nil || len(files) < 70 {
		t.Fatalf("captures: %d files, err %v; want at least 70", len(files), err)
	}
	all := map[string]capture{}
	for _, file := range files {
		head, err := os.ReadFile(file)
		body, err2 := os.ReadFile(strings.TrimSuffix(file, ".json") + ".body")
		c := capture{body: body}
		if err := errors.Join(err, err2, json.Unmarshal(head, &c)); err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = c
	}
	return all
}

func TestRequestsEqualTheCapturedOnes(t *testing.T) {
	for name, c := range readCaptures(t) {
		target := &url.URL{Scheme: "http", Host: c.get("Host"), Path: c.Path}
		var got []byte
		switch name {
		case "ping":
			got = Ping{Shop: c.shop(t), WebhookID: 1}.Request(target)
		default:
			id, err := strconv.ParseInt(c.get("X-WC-Webhook-ID"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			secret := "whsec_test"
			if strings.HasSuffix(name, "wrong-secret") {
				secret = `p&amp;q"'<x>`
			}
			got = Delivery{Shop: c.shop(t), Topic: c.get("X-WC-Webhook-Topic"), Secret: secret, WebhookID: id, DeliveryID: c.get("X-WC-Webhook-Delivery-ID"), Body: c.body}.Request(target)
		}
		if diff := cmp.Diff(c.request(), string(got)); diff != "" {
			t.Errorf("%s (-captured +rendered):\n%s", name, diff)
		}
	}
}

func TestSecretEntitiesAreDecodedOnce(t *testing.T) {
	for typed, used := range map[string]string{`p&amp;q"'<x>`: `p&q"'<x>`, "&quot;&#039;": `"'`, "&amp;lt;": "&lt;", "plain": "plain"} {
		mac := hmac.New(sha256.New, []byte(used))
		mac.Write([]byte("body"))
		if got, want := Sign([]byte("body"), typed), base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("secret %q signs as %s, want %s (as %q)", typed, got, want, used)
		}
	}
}

func TestSendGivesTheStatusAndFollowsNothing(t *testing.T) {
	calls := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer receiver.Close()
	target, err := url.Parse(receiver.URL + "/hook?a=1")
	if err != nil {
		t.Fatal(err)
	}
	status, err := Send(t.Context(), target, nil, Delivery{Topic: "order.created", Body: []byte("{}")}.Request(target))
	if status != http.StatusFound || err != nil || calls != 1 {
		t.Errorf("status %d after %d calls, err %v; want 302 after 1", status, calls, err)
	}
}

func TestSendGivesUpWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := silent.Accept()
		if err == nil {
			_, _ = conn.Read(make([]byte, 1))
			cancel()
		}
	}()
	target := &url.URL{Scheme: "http", Host: silent.Addr().String(), Path: "/"}
	if status, err := Send(ctx, target, nil, Ping{WebhookID: 1}.Request(target)); err == nil {
		t.Errorf("status %d from a receiver that never answers, want an error", status)
	}
}
