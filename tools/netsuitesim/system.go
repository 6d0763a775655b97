package netsuitesim

import (
	"net/http"
	"strings"
)

// serverTime answers with the clock in NetSuite's format.
func (s *Server) serverTime(r *http.Request) reply {
	if r.Method != http.MethodGet {
		return wrongMethod(r.Method).reply()
	}
	now := s.cfg.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	return jsonReply(http.StatusOK, "application/json", map[string]string{"serverTime": now})
}

// governance answers with the concurrency limit of the account, to an
// administrator.
func (s *Server) governance(r *http.Request) reply {
	if r.Method != http.MethodGet {
		return wrongMethod(r.Method).reply()
	}
	if s.cfg.Switches.NotAdministrator {
		return failure(http.StatusForbidden, s.cfg.Account)
	}
	return jsonReply(http.StatusOK, "application/json", s.faults.governed())
}

// catalog answers with the list of record types or the embedded OpenAPI.
func (s *Server) catalog(r *http.Request) reply {
	if r.Method != http.MethodGet {
		return wrongMethod(r.Method).reply()
	}
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "swagger+json") {
		return reply{status: http.StatusOK, body: openAPI}.with("Content-Type", "application/swagger+json")
	}
	items := []fields{}
	for _, k := range s.kinds.all() {
		items = append(items, fields{"name": k.name, "links": self(recordRoot(r) + "metadata-catalog/" + k.name)})
	}
	return jsonReply(http.StatusOK, "application/json", map[string]any{"items": items})
}
