package suitetalk

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/fault"
)

// detail is one entry of NetSuite's error body.
type detail struct {
	Text  string `json:"detail"`
	Code  string `json:"o:errorCode"`
	Path  string `json:"o:errorPath"`
	Param string `json:"o:errorQueryParam"`
}

type problem struct {
	Details []detail `json:"o:errorDetails"`
}

// rules classify by code and text; the same trouble comes under several statuses, so the words lead. The
// first row that fits wins.
var rules = []struct {
	code, text string // lower-case; empty: any
	fault      fault.Code
}{
	{"concurrency_limit_exceeded", "", fault.NetSuiteThrottled},
	{"sss_request_limit_exceeded", "", fault.NetSuiteThrottled},
	{"", "concurrent request limit exceeded", fault.NetSuiteThrottled},
	{"", "record has been changed", fault.NetSuiteRecordChanged},
	{"rcrd_has_been_changed", "", fault.NetSuiteRecordChanged},
	{"", "locked by a user defined workflow", fault.NetSuiteRecordLocked},
	{"", "this entity already exists", fault.ExternalIDTaken},
	{"", "this record already exists", fault.ExternalIDTaken},
	{"", "more than the maximum number", fault.NetSuiteFieldTooLong},
	{"", "permission violation", fault.NetSuiteForbidden},
	{"nonexistent_id", "", fault.NetSuiteRecordMissing},
	{"", "record instance does not exist", fault.NetSuiteRecordMissing},
	{"", "transaction type specified is incorrect", fault.NetSuiteRecordMissing},
	{"invalid_login", "", fault.NetSuiteUnauthorised},
	{"unexpected_error", "", fault.NetSuiteAmbiguous},
}

// classify gives an answer its fault; nil for success.
func classify(r Request, status int, body []byte) error {
	if status >= 200 && status < 300 {
		return nil
	}
	p, err := codec.Decode[problem](body)
	if err != nil || len(p.Details) == 0 {
		return classifyPlain(r, status, body)
	}
	for _, rule := range rules {
		for _, d := range p.Details {
			if fits(rule.code, d.Code, true) && fits(rule.text, d.Text, false) {
				return report(rule.fault, status, d)
			}
		}
	}
	return report(byStatus(r, status), status, p.Details[0])
}

func fits(want, have string, whole bool) bool {
	have = strings.ToLower(have)
	return want == "" || whole && have == want || !whole && strings.Contains(have, want)
}

// classifyPlain is for answers without NetSuite's body: a proxy's or the maintenance page.
func classifyPlain(r Request, status int, body []byte) error {
	return report(byStatus(r, status), status, detail{Text: snippet(body)})
}

func byStatus(r Request, status int) fault.Code {
	reading := r.Method == http.MethodGet || isQuery(r)
	switch {
	case status == http.StatusUnauthorized:
		return fault.NetSuiteUnauthorised
	case status == http.StatusForbidden:
		return fault.NetSuiteForbidden
	case status == http.StatusNotFound:
		return fault.NetSuiteRecordMissing
	case status == http.StatusTooManyRequests:
		return fault.NetSuiteThrottled
	case status == http.StatusServiceUnavailable:
		return fault.NetSuiteUnavailable
	case status >= 500 && reading:
		return fault.NetSuiteUnavailable
	case status >= 500: // the write may have happened before the gateway gave up
		return fault.NetSuiteAmbiguous
	default:
		return fault.NetSuiteRefused
	}
}

func report(code fault.Code, status int, d detail) error {
	field := d.Path
	if field == "" {
		field = d.Param
	}
	options := []fault.Option{fault.Because(errors.New(snippet([]byte(d.Text))))}
	if field != "" {
		options = append(options, fault.Field(field, ""))
	}
	return fault.New(code, fmt.Sprintf("NetSuite answered %d %s", status, d.Code), options...)
}

const maxSnippet = 500

func snippet(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "")), " ")
	if len(text) > maxSnippet {
		text = strings.ToValidUTF8(text[:maxSnippet], "") + "…"
	}
	return text
}
