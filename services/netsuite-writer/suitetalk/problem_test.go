package suitetalk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orderstream/orderstream/contracts/fault"
)

func problemBody(code, text string) string {
	return fmt.Sprintf(`{"title":"x","status":400,"o:errorDetails":[{"detail":%q,"o:errorCode":%q}]}`, text, code)
}

var (
	put      = Request{Method: http.MethodPut, Path: "/record/v1/salesOrder/eid:x", Body: []byte(`{}`)}
	get      = Request{Method: http.MethodGet, Path: "/record/v1/salesOrder/1"}
	suiteQL  = Request{Method: http.MethodPost, Path: "/query/v1/suiteql", Body: []byte(`{}`)}
	ofATask  = Request{Method: http.MethodGet, Path: "/async/v1/job/1/task/1/result", reports: true}
	resource = "Error while accessing a resource. "
)

const (
	page        = "<html><head><title>Scheduled maintenance</title></head><body>NetSuite is unavailable</body></html>"
	unexpected  = "An unexpected error occurred. Error ID: jrgbpyylphhishmmlxyt"
	invalidText = "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at Setup > Users/Roles > User Management > View Login Audit Trail."
)

// answers lists every status and every code and text that NetSuite, or what stands before it, is known to give, with
// what follows from it. Texts: Oracle's help (section_156570709583, section_N3539978) and public clients.
var answers = []struct {
	name    string
	request Request
	status  int
	header  map[string]string
	body    string
	want    fault.Code // "": success
	field   string
	after   time.Duration
}{
	// Success.
	{"read", get, 200, nil, `{"id":"1"}`, "", "", 0},
	{"created, as the guide's sublist pages say", put, 201, nil, "", "", "", 0},
	{"taken on", put, 202, nil, "", "", "", 0},
	{"written", put, 204, nil, "", "", "", 0},
	{"a login form as the answer of a read", get, 200, map[string]string{"Content-Type": "text/html;charset=utf-8"}, page, fault.NetSuiteUnavailable, "", 0},
	{"a page as the answer of a write", put, 200, map[string]string{"Content-Type": "text/html"}, page, fault.NetSuiteAmbiguous, "", 0},
	{"a page that claims to be JSON", get, 200, map[string]string{"Content-Type": "application/json"}, "\n " + page, fault.NetSuiteUnavailable, "", 0},

	// Never SuiteTalk's.
	{"moved", put, 301, map[string]string{"Location": "http://127.0.0.1:1/"}, "", fault.NetSuiteUnavailable, "", 0},
	{"to a login form", get, 302, map[string]string{"Location": "http://127.0.0.1:1/"}, page, fault.NetSuiteUnavailable, "", 0},
	{"see other", put, 303, map[string]string{"Location": "http://127.0.0.1:1/"}, "", fault.NetSuiteUnavailable, "", 0},
	{"another host for now", put, 307, map[string]string{"Location": "http://127.0.0.1:1/"}, "", fault.NetSuiteUnavailable, "", 0},
	{"another host for good", put, 308, map[string]string{"Location": "http://127.0.0.1:1/"}, "", fault.NetSuiteUnavailable, "", 0},

	// The limit of requests in flight.
	{"limit", put, 429, nil, problemBody("CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked."), fault.NetSuiteThrottled, "", 0},
	{"limit, Oracle's sample", put, 429, nil, `{"type":"x","title":"Bad Request","status":429,"o:errorCode":"USER_ERROR","o:errorDetails":[{"detail":"Concurrent request limit exceeded. Request blocked.","o:errorCode":"CONCURRENCY_LIMIT_EXCEEDED"}]}`, fault.NetSuiteThrottled, "", 0},
	{"limit, as 400", put, 400, nil, problemBody("CONCURRENCY_LIMIT_EXCEEDED", ""), fault.NetSuiteThrottled, "", 0},
	{"limit, by its text", put, 400, nil, problemBody("USER_ERROR", "Concurrent request limit exceeded. Request blocked."), fault.NetSuiteThrottled, "", 0},
	{"limit, the RESTlets' word", put, 400, nil, problemBody("SSS_REQUEST_LIMIT_EXCEEDED", ""), fault.NetSuiteThrottled, "", 0},
	{"429 without a body", put, 429, nil, "", fault.NetSuiteThrottled, "", 0},
	{"429 of a proxy, with a wish", put, 429, map[string]string{"Retry-After": "7"}, page, fault.NetSuiteThrottled, "", 7 * time.Second},
	{"a wish beyond reason", put, 429, map[string]string{"Retry-After": "86400"}, "", fault.NetSuiteThrottled, "", 15 * time.Minute},
	{"a wish that is none", put, 429, map[string]string{"Retry-After": "soon"}, "", fault.NetSuiteThrottled, "", 0},
	{"a negative wish", put, 429, map[string]string{"Retry-After": "-5"}, "", fault.NetSuiteThrottled, "", 0},
	{"a wish as a date", put, 503, map[string]string{"Retry-After": "Fri, 02 Jan 2026 00:01:30 GMT", "Date": "Fri, 02 Jan 2026 00:00:00 GMT"}, page, fault.NetSuiteUnavailable, "", 90 * time.Second},
	{"a date that has passed", put, 503, map[string]string{"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT", "Date": "Fri, 02 Jan 2026 00:00:00 GMT"}, page, fault.NetSuiteUnavailable, "", 0},

	// Who asks.
	{"invalid login", put, 401, map[string]string{"WWW-Authenticate": `Bearer realm="123456", error="invalid_token", error_description="Invalid login attempt."`}, problemBody("INVALID_LOGIN", invalidText), fault.NetSuiteUnauthorised, "", 0},
	{"invalid login, without a body", put, 401, nil, "", fault.NetSuiteUnauthorised, "", 0},
	{"invalid login, as 403", put, 403, nil, problemBody("INVALID_LOGIN", invalidText), fault.NetSuiteUnauthorised, "", 0},
	{"malformed Authorization", put, 400, map[string]string{"WWW-Authenticate": `Bearer realm="123456", error="invalid_request"`}, problemBody("INVALID_REQUEST", "x"), fault.NetSuiteUnauthorised, "", 0},
	{"malformed Authorization, without a body", get, 400, map[string]string{"WWW-Authenticate": `Bearer error="invalid_request"`}, "", fault.NetSuiteUnauthorised, "", 0},
	{"no permission", put, 403, nil, problemBody("INSUFFICIENT_PERMISSION", resource+"Permission Violation: you may not access this record."), fault.NetSuiteForbidden, "", 0},
	{"no permission, by its text", put, 400, nil, problemBody("USER_ERROR", "Permission Violation: You need the 'Lists -> Customers' permission"), fault.NetSuiteForbidden, "", 0},
	{"403 of an unknown code", get, 403, nil, problemBody("SOMETHING", "x"), fault.NetSuiteForbidden, "", 0},

	// The record is wrong.
	{"bad value", put, 400, nil, `{"o:errorDetails":[{"detail":"Error while accessing resource: You have entered an Invalid Field Value 9999 for the following field: item","o:errorCode":"INVALID_CONTENT","o:errorPath":"item.items[0].item"}]}`, fault.NetSuiteRefused, "item.items[0].item", 0},
	{"not understood", put, 400, nil, problemBody("INVALID_REQUEST", "The request could not be understood by the server due to malformed syntax."), fault.NetSuiteRefused, "", 0},
	{"mandatory field", put, 400, nil, problemBody("USER_ERROR", resource+"Please enter value(s) for: Subsidiary."), fault.NetSuiteRefused, "", 0},
	{"no line", put, 400, nil, problemBody("USER_ERROR", resource+"You must enter at least one line item for this transaction."), fault.NetSuiteRefused, "", 0},
	{"wrong subsidiary", put, 400, nil, problemBody("USER_ERROR", resource+"The Checking account cannot be used with the US subsidiary."), fault.NetSuiteRefused, "", 0},
	{"several locations", put, 400, nil, problemBody("USER_ERROR", "Fulfillments can be shipped from only one location when using Multi-Location Inventory."), fault.NetSuiteRefused, "", 0},
	{"malformed id", get, 400, nil, `{"o:errorDetails":[{"detail":"Invalid record instance identifier '000'. Provide a valid record instance ID.","o:errorCode":"INVALID_ID","o:errorUrl":"/services/rest/record/v1/salesOrder/000"}]}`, fault.NetSuiteRefused, "/services/rest/record/v1/salesOrder/000", 0},
	{"bad filter", get, 400, nil, `{"o:errorDetails":[{"detail":"Invalid search query. Detailed unprocessed description follows. Search error occurred: Unknown identifier 'subsidiary'.","o:errorCode":"INVALID_PARAMETER","o:errorQueryParam":"q"}]}`, fault.NetSuiteRefused, "q", 0},
	{"bad header", put, 400, nil, `{"o:errorDetails":[{"detail":"x","o:errorCode":"INVALID_HEADER","o:errorHeader":"Prefer"}]}`, fault.NetSuiteRefused, "Prefer", 0},
	{"over-fulfilled", put, 400, nil, problemBody("USER_ERROR", "OVER_FULFILL_DISALLWD"), fault.NetSuiteRefused, "", 0},
	{"payment hold", put, 400, nil, problemBody("PAY_HOLD_ON_SO", "x"), fault.NetSuiteRefused, "", 0},
	{"too many lines", put, 400, nil, problemBody("EXCEEDED_MAX_TRANS_LINES", "x"), fault.NetSuiteRefused, "", 0},
	{"tracking number twice", put, 400, nil, problemBody("DUP_TRACKING_NUM", "x"), fault.NetSuiteRefused, "", 0},
	{"no externalId here", put, 400, nil, problemBody("EXTERNALID_NOT_SUPPORTED", "x"), fault.NetSuiteRefused, "", 0},
	{"bad e-mail", put, 400, nil, problemBody("INVALID_EMAIL", "x"), fault.NetSuiteRefused, "", 0},
	{"SOAP's bad value", put, 400, nil, problemBody("INVALID_FLD_VALUE", "x"), fault.NetSuiteRefused, "", 0},
	{"not parsed", put, 400, nil, problemBody("PARSING_ERROR", "x"), fault.NetSuiteRefused, "", 0},
	{"no package weight", put, 400, nil, problemBody("PACKAGE_WEIGHT_REQD", "x"), fault.NetSuiteRefused, "", 0},
	{"too long", put, 400, nil, problemBody("USER_ERROR", resource+"The field phone contained more than the maximum number ( 32 ) of characters allowed."), fault.NetSuiteFieldTooLong, "", 0},
	{"too long, SOAP's code", put, 400, nil, problemBody("EXCEEDED_MAX_FIELD_LENGTH", "x"), fault.NetSuiteFieldTooLong, "", 0},
	{"wrong method", put, 405, nil, problemBody("METHOD_NOT_ALLOWED", "x"), fault.NetSuiteRefused, "", 0},
	{"too large", put, 413, nil, page, fault.NetSuiteRefused, "", 0},
	{"address too long", get, 414, nil, page, fault.NetSuiteRefused, "", 0},
	{"wrong media type", put, 415, nil, "", fault.NetSuiteRefused, "", 0},
	{"unprocessable", put, 422, nil, problemBody("USER_ERROR", "x"), fault.NetSuiteRefused, "", 0},

	// The record is another's, is gone, or was first.
	{"entity exists", put, 400, nil, problemBody("USER_ERROR", resource+"This entity already exists."), fault.ExternalIDTaken, "", 0},
	{"transaction exists", put, 400, nil, problemBody("USER_ERROR", resource+"This record already exists"), fault.ExternalIDTaken, "", 0},
	{"exists, SOAP's code", put, 400, nil, problemBody("DUP_RCRD", "x"), fault.ExternalIDTaken, "", 0},
	{"changed meanwhile", put, 400, nil, problemBody("USER_ERROR", resource+"Record has been changed"), fault.NetSuiteRecordChanged, "", 0},
	{"changed meanwhile, SOAP's code", put, 400, nil, problemBody("RCRD_HAS_BEEN_CHANGED", "x"), fault.NetSuiteRecordChanged, "", 0},
	{"conflict", put, 409, nil, problemBody("USER_ERROR", "x"), fault.NetSuiteRecordChanged, "", 0},
	{"precondition", put, 412, nil, problemBody("USER_ERROR", "x"), fault.NetSuiteRecordChanged, "", 0},
	{"locked by a workflow", put, 400, nil, problemBody("USER_ERROR", resource+"This record has been locked by a user defined workflow."), fault.NetSuiteRecordLocked, "", 0},
	{"locked by a workflow, SOAP's code", put, 400, nil, problemBody("RCRD_LOCKED_BY_WF", "x"), fault.NetSuiteRecordLocked, "", 0},
	{"missing, the guide's words", get, 404, nil, problemBody("NONEXISTENT_ID", "Record does not exist."), fault.NetSuiteRecordMissing, "", 0},
	{"missing, an account's words", get, 404, nil, problemBody("NONEXISTENT_ID", "The record instance does not exist. Provide a valid record instance ID."), fault.NetSuiteRecordMissing, "", 0},
	{"missing, an unknown code", get, 404, nil, problemBody("SOMETHING", "x"), fault.NetSuiteRecordMissing, "", 0},
	{"missing, or of another type", get, 400, nil, problemBody("USER_ERROR", resource+"Transaction type specified is incorrect."), fault.NetSuiteRecordMissing, "", 0},
	{"key used before, in practice", put, 409, nil, problemBody("IDEMPOTENCY_ERROR", "A request with the same idempotency key is already submitted."), fault.NetSuiteAmbiguous, "", 0},
	{"key used before, as documented", put, 400, nil, problemBody("IDEMPOTENCY_ERROR", "A request with the same idempotency key is already submitted."), fault.NetSuiteAmbiguous, "", 0},

	// NetSuite, or what stands before it, failed.
	{"unexpected, on a write", put, 500, nil, problemBody("UNEXPECTED_ERROR", unexpected), fault.NetSuiteAmbiguous, "", 0},
	{"unexpected, on a read", get, 500, nil, problemBody("UNEXPECTED_ERROR", unexpected), fault.NetSuiteUnavailable, "", 0},
	{"unexpected, as 400", put, 400, nil, problemBody("UNEXPECTED_ERROR", unexpected), fault.NetSuiteAmbiguous, "", 0},
	{"500 of another code", put, 500, nil, problemBody("SOMETHING", "x"), fault.NetSuiteAmbiguous, "", 0},
	{"500 without a body, on a query", suiteQL, 500, nil, "", fault.NetSuiteUnavailable, "", 0},
	{"not implemented", put, 501, nil, "", fault.NetSuiteAmbiguous, "", 0},
	{"gateway, on a write", put, 502, nil, "<html><head><title>502 Bad Gateway</title></head></html>", fault.NetSuiteAmbiguous, "", 0},
	{"gateway, on a query", suiteQL, 502, nil, "<html></html>", fault.NetSuiteUnavailable, "", 0},
	{"maintenance page, on a write", put, 503, map[string]string{"Content-Type": "text/html"}, page, fault.NetSuiteUnavailable, "", 0},
	{"maintenance page, on a read", get, 503, nil, page, fault.NetSuiteUnavailable, "", 0},
	{"503 of a gateway that had sent the write on", put, 503, nil, "upstream connect error or disconnect/reset before headers", fault.NetSuiteAmbiguous, "", 0},
	{"503 in JSON", put, 503, nil, problemBody("SERVICE_UNAVAILABLE", "x"), fault.NetSuiteAmbiguous, "", 0},
	{"gateway time-out, on a write", put, 504, nil, page, fault.NetSuiteAmbiguous, "", 0},
	{"gateway time-out, on a read", get, 504, nil, page, fault.NetSuiteUnavailable, "", 0},
	{"time-out, on a write", put, 408, nil, "", fault.NetSuiteAmbiguous, "", 0},
	{"time-out, on a read", get, 408, nil, "", fault.NetSuiteUnavailable, "", 0},
	{"a proxy wants a login", put, 407, nil, page, fault.NetSuiteUnavailable, "", 0},

	// Not NetSuite's words: nothing is known about the record.
	{"JSON cut short", put, 400, nil, `{"title":"Bad Request","status":400,"o:errorDetails":[{"detail":"Error whi`, fault.NetSuiteAnswerUnusable, "", 0},
	{"a proxy's plain text", put, 400, nil, "Bad Request", fault.NetSuiteAnswerUnusable, "", 0},
	{"a firewall's page", put, 403, nil, "<html>Access Denied</html>", fault.NetSuiteAnswerUnusable, "", 0},
	{"another server's 404", get, 404, nil, "404 page not found", fault.NetSuiteAnswerUnusable, "", 0},
	{"JSON of somebody else", put, 400, nil, `{"error":"bad"}`, fault.NetSuiteAnswerUnusable, "", 0},
	{"an error without details", put, 400, nil, `{"title":"Bad Request","status":400,"o:errorDetails":[]}`, fault.NetSuiteAnswerUnusable, "", 0},
	{"an unheard-of status", put, 418, nil, "I am a teapot", fault.NetSuiteAnswerUnusable, "", 0},
	{"conflict of a proxy", put, 409, nil, "", fault.NetSuiteAnswerUnusable, "", 0},

	// The result of an item of a batch is the answer of a write, although it is read.
	{"item that failed unexpectedly", ofATask, 500, nil, problemBody("UNEXPECTED_ERROR", unexpected), fault.NetSuiteAmbiguous, "", 0},
	{"item refused", ofATask, 400, nil, problemBody("USER_ERROR", "x"), fault.NetSuiteRefused, "", 0},
	{"the gateway while a result is read", ofATask, 502, nil, page, fault.NetSuiteUnavailable, "", 0},

	// Several details: the most telling one leads.
	{"several details", put, 400, nil, `{"o:errorDetails":[{"detail":"x","o:errorCode":"USER_ERROR","o:errorPath":"memo"},{"detail":"Record has been changed","o:errorCode":"USER_ERROR","o:errorPath":"entity"}]}`, fault.NetSuiteRecordChanged, "entity", 0},
}

// classes is what the fault codes mean for the account and the order.
var classes = map[fault.Code]fault.Class{
	fault.NetSuiteThrottled: fault.Throttled, fault.NetSuiteUnavailable: fault.Unavailable, fault.NetSuiteUnauthorised: fault.Unavailable,
	fault.NetSuiteAmbiguous: fault.Transient, fault.NetSuiteRecordChanged: fault.Transient, fault.NetSuiteAnswerUnusable: fault.Transient,
	fault.NetSuiteRefused: fault.Terminal, fault.NetSuiteForbidden: fault.Terminal, fault.ExternalIDTaken: fault.Terminal,
	fault.NetSuiteFieldTooLong: fault.Terminal, fault.NetSuiteRecordLocked: fault.Terminal, fault.NetSuiteRecordMissing: fault.Terminal,
}

func TestEveryKnownAnswer(t *testing.T) {
	for _, row := range answers {
		t.Run(fmt.Sprintf("%d %s", row.status, row.name), func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			_, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				for name, value := range row.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(row.status)
				fmt.Fprint(w, row.body)
			})
			answer, err := client.Do(context.Background(), row.request)
			if row.want == "" {
				if err != nil || answer.Status != row.status {
					t.Errorf("%d, %v, want success", answer.Status, err)
				}
				return
			}
			var f *fault.Error
			if !errors.As(err, &f) {
				t.Fatalf("%v is no fault", err)
			}
			if f.Code != row.want || f.Class() != classes[row.want] || f.Field != row.field || f.After != row.after {
				t.Errorf("%s (%s), field %q, after %s; want %s (%s), field %q, after %s", f.Code, f.Class(), f.Field, f.After, row.want, classes[row.want], row.field, row.after)
			}
			want := int64(1)
			if row.status == http.StatusUnauthorized { // once more with a new token
				want = 2
			}
			if n := requests.Load(); n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
			if answer.Call.Status != row.status || answer.Call.Problem != err.Error() || answer.Call.Path != row.request.Path {
				t.Errorf("the timeline shows %+v", answer.Call)
			}
		})
	}
}

// Whatever comes back, the answer has a registered fault, a success stays one, and nothing panics.
func TestAnyAnswerHasAFault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom([]Request{put, get, suiteQL, ofATask}).Draw(t, "request")
		a := reply{status: rapid.IntRange(200, 599).Draw(t, "status"), header: http.Header{}}
		a.header.Set("Retry-After", rapid.String().Draw(t, "wish"))
		a.body = rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.String(), func(s string) []byte { return []byte(problemBody("USER_ERROR", s)) })).Draw(t, "body")
		err := classify(r, a)
		switch {
		case err == nil && !a.succeeded():
			t.Fatalf("%d is taken as success", a.status)
		case err != nil && !fault.CodeOf(err).Registered():
			t.Fatalf("%v: not registered", err)
		case err != nil && (fault.AfterOf(err) < 0 || fault.AfterOf(err) > maxWish):
			t.Fatalf("a wish of %s", fault.AfterOf(err))
		case r.reads() && !r.reports && fault.CodeOf(err) == fault.NetSuiteAmbiguous:
			t.Fatalf("a read is ambiguous: %v", err)
		}
	})
}

func TestMaximaAreLearnt(t *testing.T) {
	const memo = "The field memo contained more than the maximum number ( 999 ) of characters allowed."
	for _, c := range []struct {
		name, body string
		want       []Maximum
	}{
		{"Oracle's sentence", problemBody("USER_ERROR", resource+"The field phone contained more than the maximum number ( 32 ) of characters allowed."), []Maximum{{"phone", "", 32}}},
		{"two words, no blanks", problemBody("USER_ERROR", "The field Line Description contained more than the maximum number (40) of characters allowed."), []Maximum{{"Line Description", "", 40}}},
		{"braces", problemBody("USER_ERROR", "The field {custbody_note} contained more than the maximum number ( 300 ) of characters allowed."), []Maximum{{"custbody_note", "", 300}}},
		{
			"two fields in two details", `{"o:errorDetails":[{"detail":"` + memo + `","o:errorCode":"USER_ERROR","o:errorPath":"memo"},{"detail":"The field addr1 contained more than the maximum number ( 150 ) of characters allowed.","o:errorCode":"USER_ERROR","o:errorPath":"billingAddress.addr1"}]}`,
			[]Maximum{{"memo", "memo", 999}, {"addr1", "billingAddress.addr1", 150}},
		},
		{"two fields in one detail", problemBody("USER_ERROR", memo+" The field addr1 contained more than the maximum number ( 150 ) of characters allowed."), []Maximum{{"memo", "", 999}, {"addr1", "", 150}}},
		{"no number", problemBody("USER_ERROR", "The field memo contained more than the maximum number of characters allowed."), nil},
		{"zero", problemBody("USER_ERROR", "The field memo contained more than the maximum number ( 0 ) of characters allowed."), nil},
		{"SOAP's code alone", problemBody("EXCEEDED_MAX_FIELD_LENGTH", "x"), nil},
	} {
		err := classify(put, reply{400, http.Header{}, []byte(c.body)})
		if diff := cmp.Diff(c.want, MaximaOf(fmt.Errorf("while: %w", err))); diff != "" || fault.CodeOf(err) != fault.NetSuiteFieldTooLong {
			t.Errorf("%s: %v\n%s", c.name, err, diff)
		}
	}
	if got := MaximaOf(errors.New("x")); got != nil {
		t.Errorf("another error teaches %v", got)
	}
}

func TestLongAnswersAreShortened(t *testing.T) {
	err := classify(put, reply{400, http.Header{}, []byte(strings.Repeat("ä ", 100_000))})
	if n := len(err.Error()); n > 800 || !strings.Contains(err.Error(), "…") {
		t.Errorf("%d bytes: %s", n, err)
	}
}
