package suitetalk

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Credentials are OAuth 2.0 client credentials with a signed assertion (machine to machine).
type Credentials struct {
	ClientID      string
	CertificateID string
	PrivateKey    string // PEM; RSA or EC
	Algorithm     string // PS256 … ES512; empty: by the key. RS256 is not accepted by NetSuite
}

const (
	tokenPath     = "/auth/oauth2/v1/token"
	assertionLife = 30 * time.Minute // at most 60
	renewEarly    = time.Minute
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// tokens keeps the access token; renewals are shared by everyone who waits.
type tokens struct {
	options Options
	http    *http.Client
	key     crypto.PrivateKey
	method  jwt.SigningMethod

	mu    sync.Mutex
	token string
	until time.Time
}

func newTokens(options Options, client *http.Client) (*tokens, error) {
	key, err := parseKey(options.Credentials.PrivateKey)
	if err != nil {
		return nil, fault.New(fault.ConfigurationWrong, "want an RSA or EC private key in PEM", fault.Field("private_key", "(hidden)"), fault.Because(err))
	}
	method, err := methodFor(key, options.Credentials.Algorithm)
	return &tokens{options: options, http: client, key: key, method: method}, err
}

func parseKey(text string) (crypto.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("neither PKCS #8 nor SEC 1 nor PKCS #1")
	}
	return key, nil
}

func methodFor(key crypto.PrivateKey, algorithm string) (jwt.SigningMethod, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if algorithm == "" {
			algorithm = "PS256"
		}
	case *ecdsa.PrivateKey:
		if algorithm == "" {
			algorithm = map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[k.Curve.Params().BitSize]
		}
	}
	method := jwt.GetSigningMethod(algorithm)
	_, isRSA := key.(*rsa.PrivateKey)
	if method == nil || isRSA != strings.HasPrefix(algorithm, "PS") {
		return nil, fault.New(fault.ConfigurationWrong, "want PS256, PS384 or PS512 with an RSA key, ES256, ES384 or ES512 with an EC key", fault.Field("algorithm", algorithm))
	}
	return method, nil
}

// get gives a token other than the refused one, renewing it before it expires.
func (t *tokens) get(ctx context.Context, refused string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && t.token != refused && time.Now().Before(t.until) {
		return t.token, nil
	}
	token, life, err := t.ask(ctx)
	if err != nil {
		return "", err
	}
	t.token, t.until = token, time.Now().Add(max(life-renewEarly, life/2))
	return token, nil
}

func (t *tokens) ask(ctx context.Context) (string, time.Duration, error) {
	target := strings.TrimSuffix(t.options.URL, "/") + "/services/rest" + tokenPath
	assertion, err := t.assertion(target, time.Now())
	if err != nil {
		return "", 0, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := t.http.Do(request)
	if err != nil {
		return "", 0, fault.New(fault.NetSuiteUnavailable, "the token endpoint must answer", fault.Because(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", 0, fault.New(fault.NetSuiteUnavailable, "the token endpoint must answer", fault.Because(err))
	}
	if response.StatusCode != http.StatusOK {
		return "", 0, refusedToken(response.StatusCode, body)
	}
	answer, err := codec.Decode[struct {
		Token string       `json:"access_token"`
		Life  codec.Number `json:"expires_in"`
	}](body)
	if err != nil || answer.Token == "" {
		return "", 0, fault.New(fault.NetSuiteUnavailable, "want an access token", fault.Because(err))
	}
	seconds, err := answer.Life.Int64()
	if err != nil {
		seconds = 3600
	}
	return answer.Token, time.Duration(seconds) * time.Second, nil
}

func refusedToken(status int, body []byte) error {
	if status >= 500 || status == http.StatusTooManyRequests {
		return fault.New(fault.NetSuiteUnavailable, "the token endpoint must give a token", fault.Field("status", fmt.Sprint(status)))
	}
	return fault.New(fault.NetSuiteUnauthorised, "the credentials must be accepted (client id, certificate id, key, role)", fault.Field("status", fmt.Sprint(status)), fault.Because(errors.New(snippet(body))))
}

func (t *tokens) assertion(audience string, now time.Time) (string, error) {
	token := jwt.NewWithClaims(t.method, jwt.MapClaims{
		"iss": t.options.Credentials.ClientID, "aud": audience, "scope": []string{"rest_webservices"},
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(), "jti": uuid.NewString(),
	})
	token.Header["kid"] = t.options.Credentials.CertificateID
	signed, err := token.SignedString(t.key)
	if err != nil {
		return "", fmt.Errorf("sign the assertion: %w", err)
	}
	return signed, nil
}
