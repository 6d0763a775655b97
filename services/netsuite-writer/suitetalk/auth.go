package suitetalk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
)

// Credentials are OAuth 2.0 client credentials with a signed assertion (machine to machine), or TBA. Printed they
// show nothing.
type Credentials struct {
	ClientID      string
	CertificateID string
	PrivateKey    string // PEM; RSA or EC
	Algorithm     string // PS256 … ES512; empty: by the key. RS256 is not accepted by NetSuite

	// Next takes over as soon as NetSuite accepts it; until then, and when it is refused, the certificate above serves.
	// A certificate is exchanged so without a stop: add the new one here, upload it, later drop the old one.
	Next *Certificate

	// TBA, when set, is used in place of all the above.
	TBA *TBA
}

// Certificate is a key pair that NetSuite knows by its id.
type Certificate struct {
	ID         string
	PrivateKey string // PEM
	Algorithm  string
}

// TBA is token-based authentication: OAuth 1.0a with HMAC-SHA256, for accounts that still have it (no new integrations
// from NetSuite 2027.1).
type TBA struct {
	Account        string // e.g. 1234567_SB1, in any spelling
	ConsumerKey    string
	ConsumerSecret string
	TokenID        string
	TokenSecret    string
}

const hidden = "(hidden)"

// String hides the secrets.
func (Credentials) String() string { return hidden }

// GoString hides the secrets.
func (Credentials) GoString() string { return hidden }

// String hides the secrets.
func (Certificate) String() string { return hidden }

// GoString hides the secrets.
func (Certificate) GoString() string { return hidden }

// String hides the secrets.
func (TBA) String() string { return hidden }

// GoString hides the secrets.
func (TBA) GoString() string { return hidden }

// OptionsOf reads an account's section of the configuration and fetches its secrets.
func OptionsOf(key string, account config.Account) (Options, error) {
	login := func() (Credentials, error) { return credentialsOf(key, account) }
	credentials, err := login()
	return Options{URL: account.URL, Credentials: credentials, Login: login, Concurrency: account.Concurrency, Timeout: account.Timeout.Std()}, err
}

// credentialsOf fetches what it can and reports the rest.
func credentialsOf(key string, account config.Account) (Credentials, error) {
	r := reader{section: "accounts." + key + "."}
	c := Credentials{
		ClientID: r.text("client_id", account.ClientID), CertificateID: r.text("certificate_id", account.Certificate),
		PrivateKey: r.secret("private_key", account.PrivateKey), Algorithm: account.Algorithm,
	}
	if n := account.Next; n != nil {
		c.Next = &Certificate{ID: r.text("next.certificate_id", n.ID), PrivateKey: r.secret("next.private_key", n.PrivateKey), Algorithm: n.Algorithm}
	}
	if t := account.TBA; t != nil {
		c.TBA = &TBA{
			Account: account.AccountID, ConsumerKey: r.secret("tba.consumer_key", t.ConsumerKey), ConsumerSecret: r.secret("tba.consumer_secret", t.ConsumerSecret),
			TokenID: r.secret("tba.token_id", t.TokenID), TokenSecret: r.secret("tba.token_secret", t.TokenSecret),
		}
	}
	return c, errors.Join(r.problems...)
}

// reader fetches the values of an account's section.
type reader struct {
	section  string
	problems []error
}

func (r *reader) secret(field string, s config.Secret) string {
	if !s.IsSet() {
		return ""
	}
	value, err := s.Value()
	return r.checked(field, s.String(), value, err)
}

func (r *reader) text(field string, t config.Text) string {
	value, err := t.Value()
	return r.checked(field, string(t), value, err)
}

func (r *reader) checked(field, reference, value string, err error) string {
	if err != nil {
		r.problems = append(r.problems, fault.New(fault.ConfigurationWrong, "want a secret that can be read", fault.Field(r.section+field, reference), fault.Because(err)))
	}
	return value
}

// authority authorises requests.
type authority interface {
	// header gives the Authorization header of a request.
	header(ctx context.Context, method, target string) (string, error)
	// renew hears that NetSuite refused a header, and NetSuite's clock (an HTTP date), and gives what may fare better;
	// nil: nothing.
	renew(ctx context.Context, refused, date string) (*retry, error)
	close()
}

// retry authorises the repetition of a refused request, and hears when NetSuite accepted it.
type retry struct {
	header   func(ctx context.Context, method, target string) (string, error)
	accepted func()
}

func newAuthority(options Options, base string, client *http.Client) (authority, error) {
	if tba := options.Credentials.TBA; tba != nil {
		return newSigner(*tba, newLogin(options))
	}
	return newBearer(options.Credentials, newLogin(options), base+tokenPath, client, options.Timeout)
}

// standing remembers when NetSuite last accepted the credentials. NetSuite may report too many requests in flight as
// an invalid login after about a minute (julbrs/netsuite-api-client#26), and that must not look like revoked
// credentials.
type standing struct{ accepted atomic.Int64 } // Unix nanoseconds; 0: never

const (
	standingLasts = time.Minute
	overloadTakes = 30 * time.Second // a real refusal takes no time
)

// judge tells a refusal by overload, which throttles, from refused credentials, which pause the account.
func (s *standing) judge(a Answer, err error) error {
	now := time.Now()
	if err == nil {
		s.accepted.Store(now.UnixNano())
		return nil
	}
	last := s.accepted.Load()
	recent := last != 0 && now.Sub(time.Unix(0, last)) < standingLasts
	if a.Status == http.StatusUnauthorized && (recent || a.took >= overloadTakes) {
		return fault.New(fault.NetSuiteThrottled, fmt.Sprintf("a login refused after %s while others are accepted is an overload", a.took.Round(time.Millisecond)), fault.Because(err))
	}
	return err
}

// clock is this machine's clock, corrected by what NetSuite's answers show: assertions and signatures carry the time,
// and NetSuite judges it by its own.
type clock struct {
	now    func() time.Time
	offset atomic.Int64 // nanoseconds that NetSuite is ahead
}

func (c *clock) netsuite() time.Time { return c.now().Add(time.Duration(c.offset.Load())) }

// learn takes the Date of an answer, exact to the second, and gives by how much it corrects what was known.
func (c *clock) learn(date string) time.Duration {
	at, err := http.ParseTime(date)
	if err != nil {
		return 0
	}
	offset := at.Sub(c.now())
	before := time.Duration(c.offset.Load())
	if (offset - before).Abs() <= 2*time.Second { // within the resolution and the way of the answer
		return 0
	}
	c.offset.Store(int64(offset))
	return offset - before
}
