package suitetalk

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/fault"
)

// detail is one entry of NetSuite's error body. What is at fault comes under one of several names.
type detail struct {
	Text   string `json:"detail"`
	Code   string `json:"o:errorCode"`
	Path   string `json:"o:errorPath"`
	Param  string `json:"o:errorQueryParam"`
	Header string `json:"o:errorHeader"`
	URL    string `json:"o:errorUrl"`
}

func (d detail) field() string {
	for _, name := range []string{d.Path, d.Param, d.Header, d.URL} {
		if name != "" {
			return name
		}
	}
	return ""
}

type problem struct {
	Details []detail `json:"o:errorDetails"`
}

// reply is an HTTP answer as far as its classification needs it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (a reply) succeeded() bool { return a.status >= 200 && a.status < 300 }

// html tells a page for people from an answer of the service: a proxy's error, the maintenance page, a login form.
func (a reply) html() bool {
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	return media == "text/html" || strings.HasPrefix(strings.TrimSpace(string(a.body[:min(len(a.body), 64)])), "<")
}

// rules classify by code and text; the same trouble comes under several statuses, and most of SOAP's codes come as
// USER_ERROR with their text, so the words lead. The first row that fits wins; a code that stands nowhere here is
// judged by its status.
var rules = []struct {
	code, text string // lower-case; empty: any
	fault      fault.Code
}{
	{"concurrency_limit_exceeded", "", fault.NetSuiteThrottled},
	{"sss_request_limit_exceeded", "", fault.NetSuiteThrottled},
	{"", "concurrent request limit exceeded", fault.NetSuiteThrottled},
	{"invalid_login", "", fault.NetSuiteUnauthorised},
	{"", "record has been changed", fault.NetSuiteRecordChanged},
	{"rcrd_has_been_changed", "", fault.NetSuiteRecordChanged},
	{"", "locked by a user defined workflow", fault.NetSuiteRecordLocked},
	{"rcrd_locked_by_wf", "", fault.NetSuiteRecordLocked},
	{"", "this entity already exists", fault.ExternalIDTaken},
	{"", "this record already exists", fault.ExternalIDTaken},
	{"dup_rcrd", "", fault.ExternalIDTaken},
	{"", "more than the maximum number", fault.NetSuiteFieldTooLong},
	{"exceeded_max_field_length", "", fault.NetSuiteFieldTooLong},
	{"", "permission violation", fault.NetSuiteForbidden},
	{"nonexistent_id", "", fault.NetSuiteRecordMissing},
	{"", "record instance does not exist", fault.NetSuiteRecordMissing},
	{"", "transaction type specified is incorrect", fault.NetSuiteRecordMissing},
	{"idempotency_error", "", fault.NetSuiteAmbiguous}, // the first request of the key left: what it did is to be found out
	{"unexpected_error", "", fault.NetSuiteAmbiguous},
}

// classify gives an answer its fault; nil for success.
func classify(r Request, a reply) error {
	if a.succeeded() {
		return unserved(r, a)
	}
	if a.status == http.StatusBadRequest && strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_request") {
		// A malformed Authorization: no request of this account can succeed, so no order is to blame.
		return report(fault.NetSuiteUnauthorised, a, nil, detail{Text: string(a.body)})
	}
	p, err := codec.Decode[problem](a.body)
	if err != nil || len(p.Details) == 0 {
		r.reports = false // nobody reports another request's answer in a proxy's words
		return report(foreign(r, a), a, nil, detail{Text: string(a.body)})
	}
	for _, rule := range rules {
		for _, d := range p.Details {
			if fits(rule.code, d.Code, true) && fits(rule.text, d.Text, false) {
				return report(asked(r, rule.fault), a, p.Details, d)
			}
		}
	}
	return report(byStatus(r, a), a, p.Details, p.Details[0])
}

func fits(want, have string, whole bool) bool {
	have = strings.ToLower(have)
	return want == "" || whole && have == want || !whole && strings.Contains(have, want)
}

// unserved finds a success that is none: a page for people with status 200 comes from something before NetSuite.
func unserved(r Request, a reply) error {
	if len(a.body) == 0 || !a.html() {
		return nil
	}
	return report(unanswered(r), a, nil, detail{Text: string(a.body)})
}

// unanswered is the fault of a request that may or may not have been carried out.
func unanswered(r Request) fault.Code { return asked(r, fault.NetSuiteAmbiguous) }

// asked turns an ambiguous read into an unavailable service: nothing can have happened, and the look-up that follows
// an ambiguous write shows in this way whether NetSuite as a whole is away.
func asked(r Request, code fault.Code) fault.Code {
	if code == fault.NetSuiteAmbiguous && r.reads() && !r.reports {
		return fault.NetSuiteUnavailable
	}
	return code
}

// foreign judges an answer that is not NetSuite's, whose error bodies are JSON with details: a proxy's, the maintenance
// page, a body cut short. It says nothing about the record, so it costs time and never parks an order at once.
func foreign(r Request, a reply) fault.Code {
	switch a.status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusUnsupportedMediaType:
		return byStatus(r, a)
	case http.StatusProxyAuthRequired:
		return fault.NetSuiteUnavailable
	}
	if a.status >= 400 && a.status < 500 {
		return fault.NetSuiteAnswerUnusable
	}
	return byStatus(r, a)
}

func byStatus(r Request, a reply) fault.Code {
	switch a.status {
	case http.StatusUnauthorized:
		return fault.NetSuiteUnauthorised
	case http.StatusForbidden:
		return fault.NetSuiteForbidden
	case http.StatusNotFound:
		return fault.NetSuiteRecordMissing
	case http.StatusRequestTimeout:
		return unanswered(r)
	case http.StatusConflict, http.StatusPreconditionFailed:
		return fault.NetSuiteRecordChanged
	case http.StatusTooManyRequests:
		return fault.NetSuiteThrottled
	}
	switch {
	case a.status < 400: // SuiteTalk never redirects: a login form or another host answers in its place
		return fault.NetSuiteUnavailable
	case a.status == http.StatusServiceUnavailable && a.html(): // the maintenance page stands before the service
		return fault.NetSuiteUnavailable
	case a.status >= 500: // the write may have happened before the gateway gave up
		return unanswered(r)
	default:
		return fault.NetSuiteRefused
	}
}

// maxWish bounds how long an answer may ask us to wait.
const maxWish = 15 * time.Minute

// wish reads Retry-After, which SuiteTalk does not document and a proxy may send: seconds or an HTTP date, the latter
// measured by the sender's clock.
func wish(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(max(0, time.Duration(seconds)*time.Second), maxWish)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(0, at.Sub(now)), maxWish)
}

func report(code fault.Code, a reply, all []detail, d detail) error {
	options := []fault.Option{fault.Because(cause(all, d)), fault.After(wish(a.header))}
	if field := d.field(); field != "" {
		options = append(options, fault.Field(field, ""))
	}
	return fault.New(code, strings.TrimSpace(fmt.Sprintf("NetSuite answered %d %s", a.status, d.Code)), options...)
}

func cause(all []detail, d detail) error {
	text := snippet([]byte(d.Text))
	if maxima := maximaIn(all); len(maxima) > 0 {
		return &tooLong{text, maxima}
	}
	return errors.New(text)
}

// Maximum is the longest value of a field, learnt from a refusal.
type Maximum struct {
	Field      string // as NetSuite's sentence names it, e.g. "phone"
	Path       string // where it stands in the request, e.g. "item.items[0].description"; often empty
	Characters int
}

// sentence is Oracle's text of EXCEEDED_MAX_FIELD_LENGTH.
var sentence = regexp.MustCompile(`(?i)the field (.{1,100}?) contained more than the maximum number \(\s*(\d{1,6})\s*\)`)

func maximaIn(details []detail) []Maximum {
	var maxima []Maximum
	for _, d := range details {
		for _, part := range sentence.FindAllStringSubmatch(d.Text, -1) {
			if n, err := strconv.Atoi(part[2]); err == nil && n > 0 {
				maxima = append(maxima, Maximum{Field: strings.Trim(part[1], `"'{} `), Path: d.Path, Characters: n})
			}
		}
	}
	return maxima
}

type tooLong struct {
	text   string
	maxima []Maximum
}

func (e *tooLong) Error() string { return e.text }

// MaximaOf gives the maxima that a refusal names, in the order of the answer; none for other errors. A refusal of class
// fault.NetSuiteFieldTooLong without one is possible: then nothing is learnt.
func MaximaOf(err error) []Maximum {
	var e *tooLong
	if !errors.As(err, &e) {
		return nil
	}
	return e.maxima
}

const maxSnippet = 500

func snippet(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*maxSnippet)]), "")), " ")
	if len(text) > maxSnippet {
		text = strings.ToValidUTF8(text[:maxSnippet], "") + "…"
	}
	return text
}
