package suitetalk

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/orderstream/orderstream/contracts/fault"
)

func problemBody(code, text string) string {
	return fmt.Sprintf(`{"title":"x","status":400,"o:errorDetails":[{"detail":%q,"o:errorCode":%q,"o:errorPath":"item.items[0].item"}]}`, text, code)
}

// Every answer NetSuite is known to give, with what follows from it. Texts: Oracle's help and public clients.
func TestClassify(t *testing.T) {
	put := Request{Method: http.MethodPut, Path: "/record/v1/salesOrder/eid:x"}
	query := Request{Method: http.MethodPost, Path: "/query/v1/suiteql"}
	const html = "<html><head><title>502 Bad Gateway</title></head></html>"
	for _, c := range []struct {
		name    string
		request Request
		status  int
		body    string
		want    fault.Code
		class   fault.Class
	}{
		{"limit reached", put, 429, problemBody("CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked."), fault.NetSuiteThrottled, fault.Throttled},
		{"limit reached, as 400", put, 400, problemBody("CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded."), fault.NetSuiteThrottled, fault.Throttled},
		{"limit reached, RESTlet's word", put, 400, problemBody("SSS_REQUEST_LIMIT_EXCEEDED", ""), fault.NetSuiteThrottled, fault.Throttled},
		{"429 without a body", put, 429, "", fault.NetSuiteThrottled, fault.Throttled},
		{"invalid login", put, 401, problemBody("INVALID_LOGIN", "Invalid login attempt."), fault.NetSuiteUnauthorised, fault.Unavailable},
		{"permission", put, 403, problemBody("INSUFFICIENT_PERMISSION", "Permission Violation: you may not access this record."), fault.NetSuiteForbidden, fault.Terminal},
		{"bad value", put, 400, problemBody("INVALID_CONTENT", "You have entered an Invalid Field Value 9999 for the following field: item"), fault.NetSuiteRefused, fault.Terminal},
		{"save-time refusal", put, 400, problemBody("USER_ERROR", "Please enter value(s) for: Subsidiary."), fault.NetSuiteRefused, fault.Terminal},
		{"duplicate entity", put, 400, problemBody("USER_ERROR", "Error while accessing a resource. This entity already exists."), fault.ExternalIDTaken, fault.Terminal},
		{"duplicate transaction", put, 400, problemBody("USER_ERROR", "This record already exists"), fault.ExternalIDTaken, fault.Terminal},
		{"too long", put, 400, problemBody("USER_ERROR", "The field phone contained more than the maximum number ( 32 ) of characters allowed."), fault.NetSuiteFieldTooLong, fault.Terminal},
		{"changed meanwhile", put, 400, problemBody("USER_ERROR", "Record has been changed."), fault.NetSuiteRecordChanged, fault.Transient},
		{"locked by a workflow", put, 400, problemBody("USER_ERROR", "This record has been locked by a user defined workflow."), fault.NetSuiteRecordLocked, fault.Terminal},
		{"missing record", put, 404, problemBody("NONEXISTENT_ID", "The record instance does not exist."), fault.NetSuiteRecordMissing, fault.Terminal},
		{"missing transaction", put, 400, problemBody("USER_ERROR", "Transaction type specified is incorrect."), fault.NetSuiteRecordMissing, fault.Terminal},
		{"unexpected error on a write", put, 500, problemBody("UNEXPECTED_ERROR", "An unexpected error occurred. Error ID: jrgb"), fault.NetSuiteAmbiguous, fault.Transient},
		{"gateway gave up on a write", put, 502, html, fault.NetSuiteAmbiguous, fault.Transient},
		{"gateway timed out on a write", put, 504, html, fault.NetSuiteAmbiguous, fault.Transient},
		{"maintenance", put, 503, html, fault.NetSuiteUnavailable, fault.Unavailable},
		{"gateway gave up on a query", query, 502, html, fault.NetSuiteUnavailable, fault.Unavailable},
		{"bad query", query, 400, problemBody("INVALID_PARAMETER", "Invalid search query."), fault.NetSuiteRefused, fault.Terminal},
		{"plain text", put, 418, "I am a teapot", fault.NetSuiteRefused, fault.Terminal},
	} {
		err := classify(c.request, c.status, []byte(c.body))
		if fault.CodeOf(err) != c.want || fault.ClassOf(err) != c.class {
			t.Errorf("%s: %s (%s), want %s (%s)", c.name, fault.CodeOf(err), fault.ClassOf(err), c.want, c.class)
		}
	}
	for _, status := range []int{200, 201, 202, 204} {
		if err := classify(put, status, nil); err != nil {
			t.Errorf("%d: %v, want success", status, err)
		}
	}
}
