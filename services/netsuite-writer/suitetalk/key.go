package suitetalk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/orderstream/orderstream/contracts/fault"
)

const (
	assertionLife = 30 * time.Minute // NetSuite takes at most 60
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// pair signs assertions with one certificate's key.
type pair struct {
	client      string
	certificate string
	key         crypto.PrivateKey
	method      jwt.SigningMethod
}

// same tells whether both sign alike.
func (p pair) same(o pair) bool {
	key, comparable := p.key.(interface{ Equal(crypto.PrivateKey) bool })
	return comparable && p.client == o.client && p.certificate == o.certificate && p.method == o.method && key.Equal(o.key)
}

// pairsOf reads the pairs of credentials, newest first; with an error, those that can be used.
func pairsOf(c Credentials) ([]pair, error) {
	var pairs []pair
	var problems []error
	add := func(certificate Certificate, section string) {
		p, err := newPair(c.ClientID, certificate, section)
		if err != nil {
			problems = append(problems, err)
			return
		}
		pairs = append(pairs, p)
	}
	if c.Next != nil {
		add(*c.Next, "next.")
	}
	add(Certificate{ID: c.CertificateID, PrivateKey: c.PrivateKey, Algorithm: c.Algorithm}, "")
	return pairs, errors.Join(problems...)
}

// newPair reads a key; field is its name in the configuration, in front of it the section.
func newPair(client string, c Certificate, section string) (pair, error) {
	key, err := parseKey(c.PrivateKey)
	if err != nil {
		return pair{}, fault.New(fault.ConfigurationWrong, "want an RSA or EC private key in PEM", fault.Field(section+"private_key", hidden), fault.Because(err))
	}
	method, err := methodFor(key, c.Algorithm, section)
	return pair{client, c.ID, key, method}, err
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

// curves gives the only algorithm of each curve that NetSuite knows.
var curves = map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}

// methodFor finds the algorithm of a key, or proves that a wanted one fits it: a mismatch shows at the start, not at
// the first order.
func methodFor(key crypto.PrivateKey, algorithm, section string) (jwt.SigningMethod, error) {
	fitting := ""
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if fitting = "PS256"; strings.HasPrefix(algorithm, "PS") {
			fitting = algorithm
		}
	case *ecdsa.PrivateKey:
		fitting = curves[k.Curve.Params().BitSize]
	}
	method := jwt.GetSigningMethod(fitting)
	if method == nil || algorithm != "" && algorithm != fitting {
		return nil, fault.New(fault.ConfigurationWrong, "want PS256, PS384 or PS512 with an RSA key, ES256, ES384 or ES512 with an EC key of that size", fault.Field(section+"algorithm", algorithm))
	}
	return method, nil
}

// assertion is the signed statement that a token is asked for with (Oracle's help, section_162790605110).
func (p pair) assertion(audience string, now time.Time) (string, error) {
	token := jwt.NewWithClaims(p.method, jwt.MapClaims{
		"iss": p.client, "aud": audience, "scope": []string{"rest_webservices"},
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(), "jti": uuid.NewString(),
	})
	token.Header["kid"] = p.certificate
	signed, err := token.SignedString(p.key)
	if err != nil {
		return "", fmt.Errorf("sign the assertion: %w", err)
	}
	return signed, nil
}
