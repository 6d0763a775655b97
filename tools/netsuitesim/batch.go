package netsuitesim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// maxBatch is how many records one batch may hold.
const maxBatch = 100

// preferences are the values of the Prefer headers, lower-case, without quotes.
func preferences(h http.Header) []string {
	var out []string
	for part := range strings.SplitSeq(strings.Join(h.Values("Prefer"), ","), ",") {
		out = append(out, strings.ToLower(strings.ReplaceAll(strings.TrimSpace(part), `"`, "")))
	}
	return out
}

func prefers(h http.Header, what string) bool { return contains(preferences(h), what) }

// uuid is the form of an idempotency key (RFC 4122).
var uuid = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// submit takes an asynchronous request on: a known idempotency key leads to its
// first job, whatever the body.
func (s *Server) submit(r *http.Request, parts []string) reply {
	key := r.Header.Get("X-NetSuite-Idempotency-Key")
	if key != "" && !uuid.MatchString(key) {
		return (&problem{status: http.StatusBadRequest, code: "INVALID_HEADER", detail: "The value of the header X-NetSuite-Idempotency-Key must be a UUID."}).reply()
	}
	calls, err := s.calls(r, parts)
	if err != nil {
		return refusal(err)
	}
	j := &job{Key: strings.ToLower(key), Parallel: s.parallel(r.Header)}
	for _, c := range calls {
		j.Tasks = append(j.Tasks, &task{Request: c})
	}
	first, err := s.processors.accept(j)
	if err != nil {
		return refusal(err)
	}
	location := servicePath + "async/v1/job/" + decimalID(first)
	if !s.cfg.Switches.RelativeLocation {
		location = "http://" + r.Host + location
	}
	if first != j.ID {
		return s.repeated().with("Location", location)
	}
	return reply{status: http.StatusAccepted}.with("Location", location).with("Preference-Applied", "respond-async").
		with("X-NetSuite-JobId", decimalID(j.ID))
}

// repeated is the answer to an idempotency key that was seen before.
func (s *Server) repeated() reply {
	p := &problem{status: http.StatusConflict, code: "IDEMPOTENCY_ERROR", detail: "A request with the same idempotency key is already submitted."}
	if s.cfg.Switches.Idempotency400 {
		p.status = http.StatusBadRequest
	}
	return p.reply()
}

// parallel says whether the tasks of a batch may run side by side.
func (s *Server) parallel(h http.Header) bool {
	switch asked := preferences(h); {
	case contains(asked, "batch-processing=parallel"):
		return true
	case contains(asked, "batch-processing=sequential"):
		return false
	}
	return s.cfg.Switches.BatchParallel
}

// inBatch says whether a request is one for many records: by its content type,
// by its ids, or by writing to a whole type.
func inBatch(r *http.Request, parts []string) bool {
	if len(parts) != 1 {
		return false
	}
	switch r.Method {
	case http.MethodPatch, http.MethodPut, http.MethodDelete:
		return true
	case http.MethodGet:
		return r.URL.Query().Has("ids")
	}
	return strings.Contains(r.Header.Get("Content-Type"), "type=collection")
}

// implied says whether a request is taken as asynchronous without saying so:
// a batch DELETE, where the account is that lenient.
func (s *Server) implied(r *http.Request, parts []string) bool {
	return s.cfg.Switches.DeleteWithoutPrefer && r.Method == http.MethodDelete && inBatch(r, parts)
}

// notAsync is the refusal of a batch that is not asynchronous.
func notAsync() *problem {
	return &problem{status: http.StatusBadRequest, code: "INVALID_HEADER", detail: "A batch operation requires the header 'Prefer: respond-async'."}
}

// suiteqlAsync takes a query on as a job, where the account allows it.
func (s *Server) suiteqlAsync(r *http.Request) reply {
	if !s.cfg.Switches.AsyncSuiteQL {
		return (&problem{status: http.StatusBadRequest, code: "INVALID_HEADER", detail: "The query service does not support asynchronous requests."}).reply()
	}
	return s.submit(r, []string{"suiteql", ""})
}

// calls are the requests that an asynchronous one stands for.
func (s *Server) calls(r *http.Request, parts []string) ([]call, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, malformed()
	}
	whole := call{Method: r.Method, URL: "http://" + r.Host + r.URL.RequestURI(), Header: plainHeader(r.Header), Body: text}
	if !inBatch(r, parts) {
		whole.Header.Set("Content-Type", r.Header.Get("Content-Type"))
		return []call{whole}, nil
	}
	if k := s.kinds.find(parts[0]); k == nil || k.hidden {
		return nil, &problem{status: http.StatusNotFound, code: "NONEXISTENT_ID", detail: "Record type '" + parts[0] + "' does not exist."}
	}
	if r.Method == http.MethodGet || r.Method == http.MethodDelete {
		return idCalls(r, whole)
	}
	if content := r.Header.Get("Content-Type"); !strings.Contains(content, "type=collection") {
		return nil, invalidContent("", "The request content type '%s' is not supported for this operation.", content)
	}
	return itemCalls(r, whole)
}

// plainHeader keeps the headers that rule a single record's request.
func plainHeader(h http.Header) http.Header {
	out := http.Header{"Content-Type": {"application/json"}}
	for _, name := range []string{"X-NetSuite-PropertyNameValidation", "X-NetSuite-PropertyValueValidation", "Accept"} {
		if value := h.Get(name); value != "" {
			out.Set(name, value)
		}
	}
	if prefers(h, "transient") {
		out.Set("Prefer", "transient")
	}
	return out
}

func tooMany(n int) error {
	return invalidContent("items", "The maximum number of records in a batch operation is %d, the request has %d.", maxBatch, n)
}

// idCalls reads ?ids=1,2,eid:x of a batch GET or DELETE.
func idCalls(r *http.Request, whole call) ([]call, error) {
	query := r.URL.Query()
	if r.Method == http.MethodGet && !isTrue(query.Get("expandRecords")) {
		return nil, invalidParameter("expandRecords", "The ids parameter can be used only with expandRecords=true.")
	}
	ids := strings.Split(query.Get("ids"), ",")
	if query.Get("ids") == "" {
		return nil, invalidParameter("ids", "The ids parameter is missing or empty.")
	}
	if len(ids) > maxBatch {
		return nil, tooMany(len(ids))
	}
	query.Del("ids")
	query.Del("expandRecords")
	out := make([]call, 0, len(ids))
	for _, id := range ids {
		c := whole
		c.URL = within(r, strings.TrimSpace(id), query)
		out = append(out, c)
	}
	return out, nil
}

// within is the address of a record of the batch's type.
func within(r *http.Request, name string, query url.Values) string {
	at := "http://" + r.Host + strings.TrimSuffix(r.URL.Path, "/")
	if name != "" {
		at += "/" + url.PathEscape(name)
	}
	if encoded := query.Encode(); encoded != "" {
		at += "?" + encoded
	}
	return at
}

// itemCalls reads {"items":[…]} of a batch POST, PATCH or PUT.
func itemCalls(r *http.Request, whole call) ([]call, error) {
	raw, err := decodeObject(whole.Body)
	if err != nil {
		return nil, err
	}
	list, ok := raw["items"].([]any)
	if !ok || len(list) == 0 {
		return nil, invalidContent("items", "A batch operation needs an array of items.")
	}
	if len(list) > maxBatch {
		return nil, tooMany(len(list))
	}
	out := make([]call, 0, len(list))
	for i, item := range list {
		c := whole
		if err := c.single(r, item); err != nil {
			c.Refusal = &refused{Detail: err.Error(), Path: fmt.Sprintf("items[%d]", i)}
		}
		out = append(out, c)
	}
	return out, nil
}

// single turns the call into that of one item. PATCH and PUT find the record
// by what the item says: the internal id wins, PUT goes by external id alone.
func (c *call) single(r *http.Request, item any) error {
	object, ok := item.(map[string]any)
	if !ok {
		return fmt.Errorf("an item must be an object")
	}
	id, _ := object["id"].(string)
	if n, ok := object["id"].(json.Number); ok {
		id = n.String()
	}
	external, _ := object["externalId"].(string)
	name := ""
	switch {
	case c.Method == http.MethodPost:
	case c.Method == http.MethodPut && id != "":
		return fmt.Errorf("an item of a batch upsert is identified by externalId, not by id")
	case id != "":
		name = id
	case external != "":
		name = "eid:" + external
	default:
		return fmt.Errorf("an item needs an id or an externalId")
	}
	delete(object, "id")
	text, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("item: %w", err)
	}
	c.Body, c.URL = text, within(r, name, r.URL.Query())
	return nil
}

// number64 reads a positive decimal; 0 for anything else.
func number64(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
