package netsuitesim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Push is where the user event of deploy/netsuite posts its notices; an empty
// URL stands for an account without the script.
type Push struct {
	URL    string `json:"url"`    // …/webhooks/netsuite/<account>
	Secret string `json:"secret"` // signs the notices
}

// author is the execution context of a save, as scripts see it.
type author string

const (
	person   author = "USERINTERFACE"
	services author = "REST_WEBSERVICES"
)

type authorKey struct{}

// authorOf is who makes a call of the record service: an integration, unless a
// control stands for a person.
func authorOf(r *http.Request) author {
	if by, said := r.Context().Value(authorKey{}).(author); said {
		return by
	}
	return services
}

// submit is a save that a user event sees. What follows from it, such as the
// status of an order whose goods are shipped, is none.
type submit struct {
	kind string
	id   int64
	act  string
}

func (t *tx) submit(kind string, id int64, created bool) {
	act := "edit"
	if created {
		act = "create"
	}
	t.submits = append(t.submits, submit{kind, id, act})
}

// deployed are the record types the script is deployed on.
var deployed = map[string]bool{
	"salesOrder": true, "itemFulfillment": true, "invoice": true, "cashSale": true, "creditMemo": true, "customerRefund": true, "cashRefund": true,
	"returnAuthorization": true, "itemReceipt": true, "inventory": true,
}

// pushes sends the notices, in the order of the saves. A save does not wait for
// them, and a notice that fails is lost: NetSuite does not try again.
type pushes struct {
	cfg  *Config
	http *http.Client

	mu      sync.Mutex
	to      Push
	waiting []submit
	running sync.WaitGroup
	busy    bool
	sent    int
	failed  int
	closed  bool
}

// pushTimeout is how long a script waits for an answer before it gives up.
const pushTimeout = 5 * time.Second

func newPushes(cfg *Config) *pushes {
	return &pushes{cfg: cfg, http: &http.Client{Timeout: pushTimeout}, to: cfg.Push}
}

// submitted is the user event: it lets its own integration's writes pass.
func (p *pushes) submitted(by author, submits []submit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if by == services || p.to.URL == "" || p.closed {
		return
	}
	for _, s := range submits {
		if deployed[s.kind] {
			p.waiting = append(p.waiting, s)
		}
	}
	if !p.busy && len(p.waiting) > 0 {
		p.busy = true
		p.running.Go(p.run)
	}
}

func (p *pushes) run() {
	for {
		p.mu.Lock()
		if len(p.waiting) == 0 || p.closed {
			p.busy = false
			p.mu.Unlock()
			return
		}
		next, to := p.waiting[0], p.to
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		err := p.send(to, next)
		p.mu.Lock()
		if p.sent++; err != nil {
			p.failed++
		}
		p.mu.Unlock()
	}
}

// send signs timestamp, nonce and body, joined by dots.
func (p *pushes) send(to Push, s submit) error {
	body, err := json.Marshal(map[string]string{"kind": s.kind, "id": decimalID(s.id), "act": s.act})
	if err != nil {
		return err
	}
	timestamp, nonce := fmt.Sprint(p.cfg.Now().Unix()), hex.EncodeToString(random(16))
	mac := hmac.New(sha256.New, []byte(to.Secret))
	fmt.Fprintf(mac, "%s.%s.%s", timestamp, nonce, body)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Orderstream-Timestamp", timestamp)
	r.Header.Set("X-Orderstream-Nonce", nonce)
	r.Header.Set("X-Orderstream-Signature", hex.EncodeToString(mac.Sum(nil)))
	answer, err := p.http.Do(r)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("push: %s", answer.Status)
	}
	return nil
}

func (p *pushes) counts() (sent, failed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent, p.failed
}

func (p *pushes) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.running.Wait()
	p.http.CloseIdleConnections()
}

// SetPush deploys the script, or takes it away with an empty URL.
func (s *Server) SetPush(to Push) error {
	if u, err := url.Parse(to.URL); err != nil || (to.URL != "" && u.Host == "") {
		return fmt.Errorf("url %q: want an absolute URL", to.URL)
	}
	s.pushes.mu.Lock()
	defer s.pushes.mu.Unlock()
	s.pushes.to = to
	return nil
}

func (s *Server) postPush(r *http.Request) (map[string]string, error) {
	var to Push
	if err := readControl(r, &to); err != nil {
		return nil, err
	}
	return map[string]string{"url": to.URL}, s.SetPush(to)
}
