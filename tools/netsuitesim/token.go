package netsuitesim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// assertionType is the only kind of client authentication.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// algorithms are the accepted signature algorithms; RS256 is not among them.
var algorithms = []string{"PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}

// tokens are the access tokens in force, by their SHA-256.
type tokens struct {
	mu     sync.Mutex
	issued map[[sha256.Size]byte]grant
}

// grant is how long a token is good, and whose it is.
type grant struct {
	until       time.Time
	certificate string
}

func newTokens() *tokens { return &tokens{issued: map[[sha256.Size]byte]grant{}} }

func (t *tokens) issue(g grant) string {
	token := base64.RawURLEncoding.EncodeToString(random(48))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.issued[sha256.Sum256([]byte(token))] = g
	return token
}

func (t *tokens) grant(token string, now time.Time) (grant, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.issued[sha256.Sum256([]byte(token))]
	return g, ok && now.Before(g.until)
}

func (t *tokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.issued)
}

// authorize checks a bearer token or an OAuth 1.0a signature.
func (s *Server) authorize(r *http.Request) error {
	header := r.Header.Get("Authorization")
	scheme, rest, _ := strings.Cut(header, " ")
	switch {
	case header == "":
		return invalidLogin(s.cfg.Account)
	case strings.EqualFold(scheme, "Bearer") && rest != "":
		if s.valid(strings.TrimSpace(rest)) {
			return nil
		}
		return invalidLogin(s.cfg.Account)
	case strings.EqualFold(scheme, "OAuth"):
		if err := s.tba.verify(r, rest); err != nil {
			return invalidLogin(s.cfg.Account)
		}
		return nil
	}
	return malformedLogin(s.cfg.Account)
}

// valid tells whether a token is good: it and, unless the account sees it
// otherwise, its certificate.
func (s *Server) valid(token string) bool {
	g, ok := s.tokens.grant(token, s.cfg.Now())
	if !ok || s.cfg.Switches.TokensOutliveCertificates {
		return ok
	}
	_, err := s.certificates.key(g.certificate)
	return err == nil
}

// token answers the token endpoint.
func (s *Server) token(r *http.Request) reply {
	if r.Method != http.MethodPost {
		return wrongMethod(r.Method).reply()
	}
	if err := r.ParseForm(); err != nil {
		return tokenRefusal("invalid_request", err)
	}
	form := r.PostForm
	switch {
	case form.Get("grant_type") != "client_credentials":
		return tokenRefusal("unsupported_grant_type", fmt.Errorf("grant_type %q: want client_credentials", form.Get("grant_type")))
	case form.Get("client_assertion_type") != assertionType:
		return tokenRefusal("invalid_request", fmt.Errorf("client_assertion_type %q: want %s", form.Get("client_assertion_type"), assertionType))
	}
	certificate, err := s.verify(form.Get("client_assertion"), r.Host)
	if err != nil {
		return tokenRefusal("invalid_grant", err)
	}
	life := s.cfg.TokenLifetime
	return jsonReply(http.StatusOK, "application/json", map[string]any{
		"access_token": s.tokens.issue(grant{s.cfg.Now().Add(life), certificate}), "expires_in": int(life / time.Second), "token_type": "Bearer",
	})
}

func tokenRefusal(code string, err error) reply {
	return jsonReply(http.StatusBadRequest, "application/json", map[string]string{"error": code, "error_description": err.Error()})
}

// assertion are the claims of a client assertion.
type assertion struct {
	jwt.RegisteredClaims
	Scope scopes `json:"scope"`
}

// scopes reads a JSON array or a blank-separated string.
type scopes []string

// UnmarshalJSON accepts both spellings in use.
func (s *scopes) UnmarshalJSON(text []byte) error {
	var list []string
	if json.Unmarshal(text, &list) == nil {
		*s = list
		return nil
	}
	var line string
	if err := json.Unmarshal(text, &line); err != nil {
		return fmt.Errorf("scope: want a string or an array of strings")
	}
	*s = strings.Fields(line)
	return nil
}

func (s scopes) has(name string) bool {
	for _, v := range s {
		if v == name {
			return true
		}
	}
	return false
}

// verify checks a client assertion: signature, key, issuer, audience (the
// token URL as the client sees it, or at the account's own host), lifetime and
// scope. It gives the id of the certificate.
func (s *Server) verify(text, host string) (certificate string, err error) {
	var claims assertion
	parser := jwt.NewParser(
		jwt.WithValidMethods(algorithms), jwt.WithTimeFunc(s.cfg.Now), jwt.WithIssuer(s.cfg.ClientID),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(5*time.Second),
	)
	token, err := parser.ParseWithClaims(text, &claims, s.key)
	if err != nil {
		return "", err
	}
	if claims.Issuer == "" {
		return "", errors.New("iss: missing")
	}
	aud, err := claims.GetAudience()
	if err != nil || !contains(aud, s.TokenURL(), "http://"+host+servicePath+tokenPath, s.ownTokenURL()) {
		return "", fmt.Errorf("aud %v: want %s", aud, s.TokenURL())
	}
	if claims.IssuedAt == nil {
		return "", errors.New("iat: missing")
	}
	if life := claims.ExpiresAt.Sub(claims.IssuedAt.Time); life > time.Hour || life <= 0 {
		return "", fmt.Errorf("exp - iat = %s: want at most 1h", life)
	}
	if !claims.Scope.has("rest_webservices") {
		return "", fmt.Errorf("scope %v: want rest_webservices", claims.Scope)
	}
	return kid(token), nil
}

// ownTokenURL is the token URL at the host that NetSuite gives the account;
// clients that know no other one reach the double through a proxy.
func (s *Server) ownTokenURL() string {
	name := strings.ReplaceAll(strings.ToLower(s.cfg.Account), "_", "-")
	return "https://" + name + ".suitetalk.api.netsuite.com" + servicePath + tokenPath
}

// key finds the certificate's key.
func (s *Server) key(token *jwt.Token) (any, error) { return s.certificates.key(kid(token)) }

// kid is the id of the certificate that a token names.
func kid(token *jwt.Token) string {
	id, _ := token.Header["kid"].(string)
	return id
}

func contains(list []string, wanted ...string) bool {
	for _, v := range list {
		for _, w := range wanted {
			if v == w {
				return true
			}
		}
	}
	return false
}
