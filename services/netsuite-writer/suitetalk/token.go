package suitetalk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/fault"
)

const (
	tokenPath   = "/auth/oauth2/v1/token"
	renewEarly  = 5 * time.Minute  // before a token's end its successor is fetched in the background
	tokenMargin = 10 * time.Second // a token is not used in its last seconds: the request must arrive in time
	renewAgain  = 15 * time.Second // between background renewals that fail
	firstRest   = 2 * time.Second  // after a renewal that a refusal asked for; doubling while refusals go on
	lastRest    = time.Minute
	defaultLife = time.Hour
	bearerWord  = "Bearer "
)

// bearer keeps the access token. A request waits for a token only when there is none that serves; those who wait share
// one renewal, which goes on when one of them gives up.
type bearer struct {
	url     string
	http    *http.Client
	login   *login
	timeout time.Duration
	clock   clock

	life    context.Context // of renewals
	end     context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	token   string
	until   time.Time // the token serves
	renewAt time.Time // its successor is fetched
	rest    rest      // between renewals that refusals ask for
	flight  *flight   // the renewal under way, if any

	// Of the renewal under way alone.
	pairs    []pair // as the credentials were read last, newest first
	accepted *pair  // that gave the last token
}

// flight is one renewal.
type flight struct {
	done  chan struct{}
	token string
	err   error
}

func newBearer(c Credentials, login *login, tokenURL string, client *http.Client, timeout time.Duration) (*bearer, error) {
	b := &bearer{url: tokenURL, login: login, http: client, timeout: timeout, clock: clock{now: time.Now}}
	b.life, b.end = context.WithCancel(context.Background())
	var err error
	b.pairs, err = pairsOf(c)
	return b, err
}

func (b *bearer) close() {
	b.end()
	b.running.Wait()
}

func (b *bearer) header(ctx context.Context, _, _ string) (string, error) {
	token, err := b.get(ctx)
	return bearerWord + token, err
}

// renew fetches another token at once when the first is refused. An overload refuses those that serve as well (see
// standing), and a token for each refusal would make it worse: so refusals that go on get one between them now and then.
func (b *bearer) renew(ctx context.Context, refused, _ string) (*retry, error) {
	if !b.drop(refused) {
		return nil, nil
	}
	_, err := b.get(ctx)
	return &retry{header: b.header, accepted: func() {}}, err
}

// drop forgets a refused token, and tells whether another one is there or may be fetched.
func (b *bearer) drop(refused string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bearerWord+b.token != refused { // somebody renewed it meanwhile
		return true
	}
	if !b.rest.over(b.clock.now()) {
		return false
	}
	b.token = ""
	return true
}

// rest is the time after something that is done again later and later while it is asked for.
type rest struct {
	until time.Time
	pause time.Duration
}

// over tells whether it may be done again, which begins the next rest.
func (r *rest) over(now time.Time) bool {
	if now.Before(r.until) {
		return false
	}
	if !now.Before(r.until.Add(r.pause)) { // nobody asked for as long again
		r.pause = 0
	}
	r.pause = min(max(2*r.pause, firstRest), lastRest)
	r.until = now.Add(r.pause)
	return true
}

func (b *bearer) get(ctx context.Context) (string, error) {
	b.mu.Lock()
	now := b.clock.now()
	token, serves := b.token, b.token != "" && now.Before(b.until)
	if serves && now.Before(b.renewAt) {
		b.mu.Unlock()
		return token, nil
	}
	if b.flight == nil {
		b.flight = &flight{done: make(chan struct{})}
		b.running.Go(b.fly)
	}
	shared := b.flight
	b.mu.Unlock()
	if serves {
		return token, nil
	}
	select {
	case <-shared.done:
		return shared.token, shared.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// fly renews the token for everyone who waits.
func (b *bearer) fly() {
	ctx, cancel := context.WithTimeout(b.life, b.timeout)
	defer cancel()
	token, life, err := b.ask(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.now()
	if err == nil {
		b.token, b.until = token, now.Add(max(life-tokenMargin, life/2))
		b.renewAt = now.Add(max(life-renewEarly, life/2))
	} else {
		b.renewAt = now.Add(renewAgain)
	}
	done := b.flight
	b.flight, done.token, done.err = nil, token, err
	close(done.done)
}

// ask reads the credentials again when all were refused: their files may have been replaced meanwhile.
func (b *bearer) ask(ctx context.Context) (string, time.Duration, error) {
	tried := b.candidates()
	token, life, err := b.tour(ctx, tried)
	if fault.CodeOf(err) != fault.NetSuiteUnauthorised || b.login.read == nil {
		return token, life, err
	}
	news := without(b.candidates(), tried)
	if len(news) == 0 {
		return token, life, err
	}
	token, life, again := b.tour(ctx, news)
	if fault.CodeOf(again) == fault.NetSuiteUnauthorised {
		again = errors.Join(err, again)
	}
	return token, life, again
}

// tour tries the newest certificate first and falls back while NetSuite refuses it. An outage ends the tour: it says
// nothing about a certificate.
func (b *bearer) tour(ctx context.Context, pairs []pair) (string, time.Duration, error) {
	var refusals []error
	for _, p := range pairs {
		token, life, err := b.askWith(ctx, p)
		if err == nil {
			b.accept(p)
		}
		if fault.CodeOf(err) != fault.NetSuiteUnauthorised {
			return token, life, err
		}
		refusals = append(refusals, err)
	}
	return "", 0, errors.Join(refusals...)
}

// askWith repeats a refused assertion once when the answer shows that our clock is off.
func (b *bearer) askWith(ctx context.Context, p pair) (string, time.Duration, error) {
	for again := false; ; again = true {
		assertion, err := p.assertion(b.url, b.clock.netsuite())
		if err != nil {
			return "", 0, err
		}
		answer, err := b.post(ctx, url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}})
		if err != nil {
			return "", 0, fault.New(fault.NetSuiteUnavailable, "the token endpoint must answer", fault.Because(err))
		}
		token, life, err := tokenOf(answer, p.certificate)
		corrected := b.clock.learn(answer.header.Get("Date")) != 0
		if fault.CodeOf(err) != fault.NetSuiteUnauthorised || !corrected || again {
			return token, life, err
		}
	}
}

func (b *bearer) post(ctx context.Context, form url.Values) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := b.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return reply{response.StatusCode, response.Header, body}, err
}

// tokenOf reads a token and its life.
func tokenOf(a reply, certificate string) (string, time.Duration, error) {
	if a.status != http.StatusOK {
		return "", 0, refusedToken(a, certificate)
	}
	answer, err := codec.Decode[struct {
		Token string       `json:"access_token"`
		Life  codec.Number `json:"expires_in"`
	}](a.body)
	if err != nil || answer.Token == "" { // never shown: a half answer may hold a token
		return "", 0, fault.New(fault.NetSuiteUnavailable, "want an access token")
	}
	seconds, err := answer.Life.Int64()
	if err != nil || seconds <= 0 || seconds > int64((24*time.Hour).Seconds()) {
		return answer.Token, defaultLife, nil //nolint:nilerr // a life that cannot be read is Oracle's documented one
	}
	return answer.Token, time.Duration(seconds) * time.Second, nil
}

// refusedToken tells refused credentials, which come as 4xx, from an endpoint that is busy or away.
func refusedToken(a reply, certificate string) error {
	because, after := fault.Because(errors.New(snippet(a.body))), fault.After(wish(a.header))
	switch {
	case a.status == http.StatusTooManyRequests:
		return fault.New(fault.NetSuiteThrottled, "the token endpoint must give a token", fault.Field("status", fmt.Sprint(a.status)), because, after)
	case a.status < 400 || a.status >= 500 || a.html():
		return fault.New(fault.NetSuiteUnavailable, "the token endpoint must give a token", fault.Field("status", fmt.Sprint(a.status)), because, after)
	default:
		return fault.New(fault.NetSuiteUnauthorised, fmt.Sprintf("NetSuite must accept the credentials (client id, certificate, key, role); it answered %d", a.status), fault.Field("certificate_id", certificate), because)
	}
}
