package netsuitesim_test

import (
	"crypto/ecdsa"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// another makes the key of one more certificate and the body that maps it.
func another(t *testing.T, id string) (*ecdsa.PrivateKey, string) {
	t.Helper()
	made, err := netsuitesim.GenerateCredentials()
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwt.ParseECPrivateKeyFromPEM(made.PrivateKeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return key, fmt.Sprintf(`{"id":%q,"publicKey":%q}`, id, made.PublicKeyPEM)
}

// tells posts a control and wants a status.
func (a *account) tells(path, body string, status int) answer {
	a.t.Helper()
	r := a.do("POST", "/sim/"+path, body)
	if r.status != status {
		a.t.Fatalf("%s %s: %d %s, want %d", path, body, r.status, r.body, status)
	}
	return r
}

// loginWith takes the token of a certificate, if there is one to be had.
func (a *account) loginWith(id string, key any) int {
	a.t.Helper()
	status, body := a.ask(a.sign(jwt.SigningMethodES256, id, key, a.claims()))
	if status == http.StatusOK {
		a.token, _ = body["access_token"].(string)
	}
	return status
}

func (a *account) reads() int { return a.do("GET", "record/v1/currency/1", "").status }

// One more certificate signs beside the first; a revoked one signs no more, and its access tokens end unless the account
// is one where they live on.
func TestCertificatesAreMappedAndRevoked(t *testing.T) {
	for _, outlive := range []bool{false, true} {
		t.Run(strconv.FormatBool(outlive), func(t *testing.T) {
			a := open(t, func(c *netsuitesim.Config) { c.Switches.TokensOutliveCertificates = outlive })
			key, body := another(t, "next")
			if status := a.loginWith("next", key); status != http.StatusBadRequest {
				t.Errorf("before it is mapped: %d", status)
			}
			a.tells("certificates", body, http.StatusOK)
			first := a.token
			if status := a.loginWith("next", key); status != http.StatusOK {
				t.Fatalf("mapped: %d", status)
			}
			a.tells("certificates/revoke", `{"id":"`+a.keys.CertificateID+`"}`, http.StatusOK)
			if status := a.reads(); status != http.StatusOK {
				t.Errorf("token of the next certificate: %d", status)
			}
			a.token = first
			if status, want := a.reads(), map[bool]int{false: http.StatusUnauthorized, true: http.StatusOK}[outlive]; status != want {
				t.Errorf("token of the revoked certificate: %d, want %d", status, want)
			}
			if status := a.loginWith(a.keys.CertificateID, a.privateKey()); status != http.StatusBadRequest {
				t.Errorf("assertion of the revoked certificate: %d", status)
			}
		})
	}
}

// A certificate past its end signs no more; the tokens that it gave live on.
func TestCertificatesExpire(t *testing.T) {
	now := time.Now()
	a := open(t, func(c *netsuitesim.Config) { c.Now = func() time.Time { return now } })
	a.tells("certificates/end", fmt.Sprintf(`{"id":%q,"validUntil":%q}`, a.keys.CertificateID, now.Add(time.Minute).Format(time.RFC3339)), http.StatusOK)
	a.login()
	now = now.Add(2 * time.Minute)
	if status := a.loginWith(a.keys.CertificateID, a.privateKey()); status != http.StatusBadRequest {
		t.Errorf("assertion of an expired certificate: %d", status)
	}
	if status := a.reads(); status != http.StatusOK {
		t.Errorf("its token: %d", status)
	}
}

// Five certificates of an integration are active at most; one that ended makes room.
func TestFiveCertificatesAreActive(t *testing.T) {
	a := open(t)
	for i := range 4 {
		_, body := another(t, fmt.Sprint("n", i))
		a.tells("certificates", body, http.StatusOK)
	}
	_, sixth := another(t, "sixth")
	if r := a.tells("certificates", sixth, http.StatusBadRequest); !strings.Contains(r.body, "at most 5") {
		t.Errorf("the sixth: %s", r.body)
	}
	a.tells("certificates/revoke", `{"id":"n0"}`, http.StatusOK)
	a.tells("certificates", sixth, http.StatusOK)
	if r := a.do("GET", "/sim/certificates", ""); strings.Count(r.body, `"id":`) != 6 || strings.Count(r.body, `"revoked":true`) != 1 {
		t.Errorf("listed: %s", r.body)
	}
	_, known := another(t, "n1")
	for path, body := range map[string]string{
		"certificates": known, "certificates/revoke": `{"id":"nobody"}`, "certificates/end": `{"id":"nobody"}`,
	} {
		if r := a.tells(path, body, http.StatusBadRequest); !strings.Contains(r.body, "id ") {
			t.Errorf("%s %s: %s", path, body, r.body)
		}
	}
	for _, body := range []string{`{"publicKey":"x"}`, `{"id":"new","publicKey":"x"}`} {
		a.tells("certificates", body, http.StatusBadRequest)
	}
}
