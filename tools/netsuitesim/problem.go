package netsuitesim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// problem is an error answer in SuiteTalk's shape: one status, one detail.
type problem struct {
	status int
	code   string
	detail string
	path   string // o:errorPath, a JSON path of the body
	query  string // o:errorQueryParam
	url    string // o:errorUrl
	header http.Header
}

func (p *problem) Error() string {
	return fmt.Sprintf("%d %s: %s", p.status, p.code, p.detail)
}

// The opening words of USER_ERROR details.
const accessing = "Error while accessing a resource. "

// userError is the catch-all of save-time validation.
func userError(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "USER_ERROR", detail: accessing + fmt.Sprintf(format, args...)}
}

// missing is the refusal of a record that lacks mandatory values.
func missing(labels string) *problem {
	return userError("Please enter value(s) for: %s.", labels)
}

// invalidField is the refusal of a reference or value of one field.
func invalidField(value, field, path string) *problem {
	return &problem{
		status: http.StatusBadRequest, code: "INVALID_CONTENT", path: path,
		detail: fmt.Sprintf("Error while accessing resource: You have entered an Invalid Field Value %s for the following field: %s", value, field),
	}
}

func invalidContent(path, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "INVALID_CONTENT", path: path, detail: fmt.Sprintf(format, args...)}
}

func invalidParameter(name, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "INVALID_PARAMETER", query: name, detail: fmt.Sprintf(format, args...)}
}

func tooLong(field, path string, limit int) *problem {
	p := userError("The field %s contained more than the maximum number ( %d ) of characters allowed.", field, limit)
	p.path = path
	return p
}

func malformed() *problem {
	return &problem{status: http.StatusBadRequest, code: "INVALID_REQUEST", detail: "The request could not be understood by the server due to malformed syntax."}
}

func notFound() *problem {
	return &problem{status: http.StatusNotFound, code: "NONEXISTENT_ID", detail: "The record instance does not exist. Provide a valid record instance ID."}
}

func wrongMethod(method string) *problem {
	return &problem{status: http.StatusMethodNotAllowed, code: "METHOD_NOT_ALLOWED", detail: fmt.Sprintf("The %s method is not supported for this resource.", method)}
}

func wrongTransaction() *problem { return userError("Transaction type specified is incorrect.") }

func recordChanged() *problem { return userError("Record has been changed.") }

func overLimit() *problem {
	return &problem{status: http.StatusTooManyRequests, code: "CONCURRENCY_LIMIT_EXCEEDED", detail: "Concurrent request limit exceeded. Request blocked."}
}

func unexpected() *problem {
	return &problem{status: http.StatusInternalServerError, code: "UNEXPECTED_ERROR", detail: "An unexpected error occurred. Error ID: " + errorID()}
}

// errorID is 20 random lower-case letters, as NetSuite prints them.
func errorID() string {
	id := random(20)
	for i := range id {
		id[i] = 'a' + id[i]%26
	}
	return string(id)
}

// invalidLogin is the answer to a bad or missing bearer token.
func invalidLogin(account string) *problem {
	h := http.Header{}
	h.Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q, error="invalid_token", error_description="Invalid login attempt."`, account))
	return &problem{
		status: http.StatusUnauthorized, code: "INVALID_LOGIN", header: h,
		detail: "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at Setup > Users/Roles > User Management > View Login Audit Trail.",
	}
}

// malformedLogin is the answer to an Authorization header that cannot be read.
func malformedLogin(account string) *problem {
	h := http.Header{}
	h.Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q, error="invalid_request", error_description="The request is missing a required parameter."`, account))
	return &problem{status: http.StatusBadRequest, code: "INVALID_REQUEST", header: h, detail: "The Authorization header is malformed."}
}

// sections are the RFC 9110 sections that NetSuite's type links name.
var sections = map[int]string{
	400: "15.5.1", 401: "15.5.2", 403: "15.5.4", 404: "15.5.5", 405: "15.5.6",
	500: "15.6.1", 502: "15.6.3", 503: "15.6.4", 504: "15.6.5",
}

type problemBody struct {
	Type    string          `json:"type"`
	Title   string          `json:"title"`
	Status  int             `json:"status"`
	Code    string          `json:"o:errorCode,omitempty"`
	Details []problemDetail `json:"o:errorDetails"`
}

type problemDetail struct {
	Detail string `json:"detail"`
	Query  string `json:"o:errorQueryParam,omitempty"`
	Path   string `json:"o:errorPath,omitempty"`
	URL    string `json:"o:errorUrl,omitempty"`
	Code   string `json:"o:errorCode"`
}

func (p *problem) reply() reply {
	body := problemBody{
		Type:    "https://www.rfc-editor.org/rfc/rfc9110.html#section-" + or(sections[p.status], "15.5"),
		Title:   http.StatusText(p.status),
		Status:  p.status,
		Details: []problemDetail{{Detail: p.detail, Query: p.query, Path: p.path, URL: p.url, Code: p.code}},
	}
	if p.status == http.StatusTooManyRequests {
		// Oracle's sample of this one answer carries both oddities.
		body.Title, body.Code = "Bad Request", "USER_ERROR"
	}
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte("{}")
	}
	r := reply{status: p.status, body: text, header: http.Header{}}
	r.header.Set("Content-Type", "application/vnd.oracle.resource+json; type=error")
	for name, values := range p.header {
		r.header[name] = values
	}
	return r
}

// typeLink is the type of an error body as current accounts send it.
var typeLink = regexp.MustCompile(`https://www\.rfc-editor\.org/rfc/rfc9110\.html#section-15\.[0-9.]+`)

// guided words an error body as Oracle's guide prints it.
func (r reply) guided() reply {
	if r.status < http.StatusBadRequest || !strings.HasSuffix(r.header.Get("Content-Type"), "type=error") {
		return r
	}
	link := fmt.Sprintf("https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec10.%d.%d", r.status/100, r.status%100+1)
	text := typeLink.ReplaceAllString(string(r.body), link)
	text = strings.NewReplacer(notFound().detail, "Record does not exist.", "o:errorUrl", "o:urlPath").Replace(text)
	r.body = []byte(text)
	return r
}

// refusal turns any error into an answer; what is no problem is a 500.
func refusal(err error) reply {
	var p *problem
	if errors.As(err, &p) {
		return p.reply()
	}
	return unexpected().reply()
}
