package netsuitesim

import (
	"errors"
	"fmt"
	"slices"
)

// TBAToken is a row of the account's page Access Tokens.
type TBAToken struct {
	ID      string `json:"id"`
	Secret  string `json:"secret,omitempty"` // taken, never shown
	Revoked bool   `json:"revoked"`
}

// firstTokens are those of the configuration.
func firstTokens(tba TBA) []TBAToken {
	if tba.ConsumerKey == "" {
		return nil
	}
	return []TBAToken{{ID: tba.TokenID, Secret: tba.TokenSecret}}
}

// at is where a token stands, or -1; the caller holds the lock.
func (v *signatures) at(id string) int {
	return slices.IndexFunc(v.tokens, func(t TBAToken) bool { return t.ID == id })
}

// secret is that of a token that signs.
func (v *signatures) secret(id string) (string, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := v.at(id)
	if at < 0 || v.tokens[at].Revoked {
		return "", false
	}
	return v.tokens[at].Secret, true
}

// AddTBAToken adds a token that signs beside the one of [Config] and returns its id. It does not outlive the process, as
// certificates that are mapped do not.
func (s *Server) AddTBAToken(added TBAToken) (string, error) {
	switch {
	case s.cfg.TBA.ConsumerKey == "":
		return "", errors.New("token-based authentication is off")
	case added.ID == "" || added.Secret == "":
		return "", errors.New("id, secret: both are wanted")
	case added.Revoked:
		return "", errors.New("revoked: a token is revoked once it is there")
	}
	s.tba.mu.Lock()
	defer s.tba.mu.Unlock()
	if s.tba.at(added.ID) >= 0 {
		return "", fmt.Errorf("id %q: is there already", added.ID)
	}
	s.tba.tokens = append(s.tba.tokens, added)
	return added.ID, nil
}

// RevokeTBAToken revokes a token for good.
func (s *Server) RevokeTBAToken(id string) error {
	s.tba.mu.Lock()
	defer s.tba.mu.Unlock()
	at := s.tba.at(id)
	if at < 0 {
		return fmt.Errorf("id %q: unknown token", id)
	}
	s.tba.tokens[at].Revoked = true
	return nil
}

// TBATokens lists the tokens, oldest first, without their secrets.
func (s *Server) TBATokens() []TBAToken {
	s.tba.mu.Lock()
	defer s.tba.mu.Unlock()
	list := []TBAToken{}
	for _, t := range s.tba.tokens {
		list = append(list, TBAToken{ID: t.ID, Revoked: t.Revoked})
	}
	return list
}
