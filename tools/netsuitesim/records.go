package netsuitesim

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// address is where a record request points: a type, a record, a part of it.
type address struct {
	kind  *kind
	id    int64  // 0 when the external id names it
	eid   string // external id
	parts []string
}

var (
	eidCharacters = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	idCharacters  = regexp.MustCompile(`^(-?[1-9][0-9]{0,17})$`)
)

// parseAddress reads the path below record/v1.
func (s *Server) parseAddress(parts []string) (address, error) {
	k := s.kinds.find(parts[0])
	if k == nil || k.hidden {
		return address{}, &problem{status: http.StatusNotFound, code: "NONEXISTENT_ID", detail: "Record type '" + parts[0] + "' does not exist."}
	}
	a := address{kind: k}
	if len(parts) == 1 {
		return a, nil
	}
	a.parts = parts[2:]
	eid, isEID := strings.CutPrefix(parts[1], "eid:")
	switch {
	case isEID && eidCharacters.MatchString(eid):
		a.eid = eid
	case !isEID && idCharacters.MatchString(parts[1]):
		a.id, _ = strconv.ParseInt(parts[1], 10, 64) // the expression admits numbers only
	default:
		return a, &problem{status: http.StatusBadRequest, code: "INVALID_ID", url: servicePath + "record/v1/" + strings.Join(parts, "/"),
			detail: "Invalid record instance identifier '" + parts[1] + "'. Provide a valid record instance ID."}
	}
	return a, nil
}

// record answers the record service.
func (s *Server) record(r *http.Request, parts []string) reply {
	a, err := s.parseAddress(parts)
	if err != nil {
		return refusal(err)
	}
	answer, err := s.recordMethod(r, a)
	if err != nil {
		return refusal(err)
	}
	return answer
}

func (s *Server) recordMethod(r *http.Request, a address) (reply, error) {
	whole := a.id == 0 && a.eid == ""
	switch {
	case whole && r.Method != http.MethodGet && inBatch(r, []string{a.kind.name}), whole && r.URL.Query().Has("ids"):
		return reply{}, notAsync()
	case whole && r.Method == http.MethodGet:
		return s.list(r, a.kind)
	case whole && r.Method == http.MethodPost:
		return s.create(r, a.kind)
	case len(a.parts) == 2 && a.parts[0] == "!transform" && r.Method == http.MethodPost:
		return s.transform(r, a)
	case r.Method == http.MethodGet:
		return s.read(r, a)
	case whole || len(a.parts) > 0:
		return reply{}, wrongMethod(r.Method)
	case r.Method == http.MethodPatch:
		return s.patch(r, a)
	case r.Method == http.MethodPut && a.eid != "":
		return s.upsert(r, a)
	case r.Method == http.MethodDelete:
		return s.remove(r, a)
	}
	return reply{}, wrongMethod(r.Method)
}

// find is the record an address names.
func (t *tx) find(a address) (*record, error) {
	var r *record
	if a.eid != "" {
		r = t.byExternalID(a.kind.group, a.eid)
	} else {
		r = t.get(a.kind.group, a.id)
	}
	switch {
	case r != nil && r.kind == a.kind:
		return r, nil
	case a.kind.group == transactions && (r != nil || t.switches().MissingTransaction400):
		return nil, wrongTransaction()
	}
	return nil, notFound()
}

// take reads and checks a request's body and its validation headers.
func (s *Server) take(r *http.Request, schema *schema) (body, *intake, error) {
	content := r.Header.Get("Content-Type")
	if !strings.Contains(content, "json") || strings.Contains(content, "type=collection") {
		return body{}, nil, invalidContent("", "The request content type '%s' is not supported for this operation.", content)
	}
	in, err := newIntake(r.Header)
	if err != nil {
		return body{}, nil, err
	}
	raw, err := readBody(r)
	if err != nil {
		return body{}, nil, err
	}
	f, err := in.object(schema, raw, "")
	if err != nil {
		return body{}, nil, err
	}
	query := r.URL.Query()
	how := newReplacement(query.Get("replace"), query.Get("replaceSelectedFields"))
	return body{fields: f, refs: in.refs, how: how}, in, nil
}

func (s *Server) create(r *http.Request, k *kind) (reply, error) {
	b, in, err := s.take(r, k.schema)
	if err != nil {
		return reply{}, err
	}
	var made *record
	err = s.store.update(authorOf(r), func(t *tx) (err error) {
		if made, err = t.save(k, nil, b); err == nil && prefills(r) {
			err = errPrefilled
		}
		return err
	})
	if errors.Is(err, errPrefilled) {
		return prefilled(r, made), nil
	}
	if err != nil {
		return reply{}, err
	}
	if s.cfg.Switches.CreateCreated {
		return s.saved(r, made, in, http.StatusCreated), nil
	}
	return s.saved(r, made, in, http.StatusNoContent), nil
}

// errPrefilled takes a create-form's record back before it is saved.
var errPrefilled = errors.New("prefilled, not saved")

// prefills says whether a request wants the record that it would make, not the
// making.
func prefills(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "type=create-form")
}

// prefilled is the answer to a create-form.
func prefilled(r *http.Request, made *record) reply {
	out := painter{root: recordRoot(r), expand: true}.record(made)
	delete(out, "id")
	delete(out, "tranId")
	return jsonReply(http.StatusOK, strings.Replace(singular, "singular", "create-form", 1), out)
}

// saved is the answer to a write: empty, with the record's address.
func (s *Server) saved(r *http.Request, made *record, in *intake, status int) reply {
	answer := reply{status: status}.with("Location", s.href(r, made))
	if len(in.warned) > 0 {
		answer = answer.with("X-NetSuite-PropertyValidation", strings.Join(in.warned, ","))
	}
	return answer
}

// href is the absolute address of a record.
func (s *Server) href(r *http.Request, made *record) string {
	return recordRoot(r) + made.kind.name + "/" + decimalID(made.id)
}

func recordRoot(r *http.Request) string { return "http://" + r.Host + servicePath + "record/v1/" }

func (s *Server) patch(r *http.Request, a address) (reply, error) {
	b, in, err := s.take(r, a.kind.schema)
	if err != nil {
		return reply{}, err
	}
	var made *record
	err = s.store.update(authorOf(r), func(t *tx) error {
		old, err := t.find(a)
		if err != nil {
			return err
		}
		made, err = t.save(a.kind, old, b)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	return s.saved(r, made, in, http.StatusNoContent), nil
}

// upsert creates the record with that external id or updates it.
func (s *Server) upsert(r *http.Request, a address) (reply, error) {
	b, in, err := s.take(r, a.kind.schema)
	if err != nil {
		return reply{}, err
	}
	if said := b.fields.text("externalId"); said != "" && !sameFold(said, a.eid) {
		return reply{}, invalidField(said, "externalId", "externalId")
	}
	b.whole = s.cfg.Switches.UpsertClears
	status := http.StatusNoContent
	var made *record
	err = s.store.update(authorOf(r), func(t *tx) error {
		old := t.byExternalID(a.kind.group, a.eid)
		if old != nil && old.kind != a.kind {
			return alreadyExists(a.kind.group)
		}
		if old == nil {
			b.fields["externalId"] = a.eid
			if s.cfg.Switches.UpsertCreated {
				status = http.StatusCreated
			}
		}
		var err error
		made, err = t.save(a.kind, old, b)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	return s.saved(r, made, in, status), nil
}

func (s *Server) remove(r *http.Request, a address) (reply, error) {
	err := s.store.update(authorOf(r), func(t *tx) error {
		gone, err := t.find(a)
		if err != nil {
			return err
		}
		return t.removeRecord(gone)
	})
	return reply{status: http.StatusNoContent}, err
}

// transform makes another transaction from one.
func (s *Server) transform(r *http.Request, a address) (reply, error) {
	to := s.kinds.find(a.parts[1])
	if to == nil {
		return reply{}, invalidContent("", "Error while accessing a resource. Transformation of %s to %s is not supported.", a.kind.name, a.parts[1])
	}
	b, in, err := s.take(r, to.schema)
	if err != nil {
		return reply{}, err
	}
	made, err := s.make(authorOf(r), a, to, b, prefills(r))
	if errors.Is(err, errPrefilled) {
		return prefilled(r, made), nil
	}
	if err != nil {
		return reply{}, err
	}
	return s.saved(r, made, in, http.StatusNoContent), nil
}

// make transforms a record; a form is taken back before it is saved.
func (s *Server) make(by author, a address, to *kind, b body, form bool) (made *record, err error) {
	err = s.store.update(by, func(t *tx) error {
		from, err := t.find(a)
		if err != nil {
			return err
		}
		if made, err = t.transform(from, to, b); err == nil && form {
			err = errPrefilled
		}
		return err
	})
	return made, err
}
