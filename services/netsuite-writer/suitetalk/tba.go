package suitetalk

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
)

// signer signs each request with OAuth 1.0a (RFC 5849), HMAC-SHA256. The signing is written out here because the
// timestamp has to follow NetSuite's clock, which no library's signer lets one set.
type signer struct {
	keys  atomic.Pointer[signing] // that NetSuite accepts, as far as is known
	login *login
	clock clock
	nonce func() string
}

// signing is what signs.
type signing struct {
	tba   TBA
	realm string
	key   []byte
}

func newSigner(tba TBA, login *login) (*signer, error) {
	keys, err := newSigning(tba)
	s := &signer{login: login, clock: clock{now: time.Now}, nonce: rand.Text}
	s.keys.Store(keys)
	return s, err
}

func newSigning(tba TBA) (*signing, error) {
	for _, want := range []struct{ field, value string }{
		{"account", tba.Account}, {"tba.consumer_key", tba.ConsumerKey}, {"tba.consumer_secret", tba.ConsumerSecret},
		{"tba.token_id", tba.TokenID}, {"tba.token_secret", tba.TokenSecret},
	} {
		if want.value == "" {
			return nil, fault.New(fault.ConfigurationWrong, "token-based authentication needs it", fault.Field(want.field, ""))
		}
	}
	return &signing{tba: tba, realm: realm(tba.Account), key: []byte(escape(tba.ConsumerSecret) + "&" + escape(tba.TokenSecret))}, nil
}

// realm is the account id as OAuth wants it: the host's spelling, 1234567-sb1, is an invalid login.
func realm(account string) string { return strings.ReplaceAll(strings.ToUpper(account), "-", "_") }

func (s *signer) close() {}

// tbaWindow is how far a timestamp may be off before it is the likely reason of a refusal; NetSuite takes about five
// minutes.
const tbaWindow = time.Minute

// renew reads the keys again. Others than those in use, a set that is half replaced among them, sign this one
// repetition; they come into use when NetSuite accepts it.
func (s *signer) renew(_ context.Context, refused, date string) (*retry, error) {
	late := s.clock.learn(date).Abs() > tbaWindow
	used := s.keys.Load()
	keys := s.reread(used)
	if late || keys.tba != used.tba || !keys.signed(refused) {
		return &retry{
			header:   func(_ context.Context, method, target string) (string, error) { return s.sign(keys, method, target) },
			accepted: func() { s.accept(used, keys) },
		}, nil
	}
	return nil, nil
}

func (s *signer) reread(used *signing) *signing {
	if s.login.read == nil {
		return used
	}
	c, err := s.login.read()
	keys := used
	if err == nil && c.TBA != nil {
		keys, err = newSigning(*c.TBA)
	}
	s.login.judge(c, err)
	if err != nil {
		return used
	}
	return keys
}

func (s *signer) accept(used, keys *signing) {
	if keys.tba != used.tba && s.keys.CompareAndSwap(used, keys) {
		s.login.accepted("field", "tba")
	}
}

// signed tells whether a header names these keys: a request may be refused that was signed before others replaced them.
func (k *signing) signed(header string) bool {
	return strings.Contains(header, `oauth_token="`+escape(k.tba.TokenID)+`"`) && strings.Contains(header, `oauth_consumer_key="`+escape(k.tba.ConsumerKey)+`"`)
}

func (s *signer) header(_ context.Context, method, target string) (string, error) {
	return s.sign(s.keys.Load(), method, target)
}

func (s *signer) sign(keys *signing, method, target string) (string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", fault.New(fault.ConfigurationWrong, "want an address", fault.Field("url", target), fault.Because(err))
	}
	params := [][2]string{
		{"oauth_consumer_key", keys.tba.ConsumerKey}, {"oauth_nonce", s.nonce()}, {"oauth_signature_method", "HMAC-SHA256"},
		{"oauth_timestamp", strconv.FormatInt(s.clock.netsuite().Unix(), 10)}, {"oauth_token", keys.tba.TokenID}, {"oauth_version", "1.0"},
	}
	mac := hmac.New(sha256.New, keys.key)
	mac.Write([]byte(baseString(method, u, params)))
	params = append(params, [2]string{"oauth_signature", base64.StdEncoding.EncodeToString(mac.Sum(nil))})
	var b strings.Builder
	b.WriteString(`OAuth realm="` + keys.realm + `"`)
	for _, p := range params {
		b.WriteString(`, ` + p[0] + `="` + escape(p[1]) + `"`)
	}
	return b.String(), nil
}

// baseString is RFC 5849, section 3.4.1: method, address without query, all parameters but realm, sorted.
func baseString(method string, u *url.URL, params [][2]string) string {
	var pairs [][2]string
	for _, p := range params {
		pairs = append(pairs, [2]string{escape(p[0]), escape(p[1])})
	}
	for name, values := range u.Query() {
		for _, value := range values {
			pairs = append(pairs, [2]string{escape(name), escape(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	joined := make([]string, len(pairs))
	for i, p := range pairs {
		joined[i] = p[0] + "=" + p[1]
	}
	address := strings.ToLower(u.Scheme) + "://" + host(u) + u.EscapedPath()
	return method + "&" + escape(address) + "&" + escape(strings.Join(joined, "&"))
}

// host leaves the scheme's own port out (RFC 5849, 3.4.1.2).
func host(u *url.URL) string {
	if u.Port() == map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)] {
		return strings.ToLower(u.Hostname())
	}
	return strings.ToLower(u.Host)
}

// escape is the percent-encoding of RFC 5849, 3.6: all but letters, digits, "-", ".", "_" and "~".
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
