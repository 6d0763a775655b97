package suitetalk

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orderstream/orderstream/contracts/fault"
)

// Of a result only a refusal of the item's own, for good, is taken: what may be the answer to the reading itself is none.
// Neither the limit of requests in flight nor the token suffers for what an item was answered.
func TestRefusalOfAnItem(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		want       fault.Code // "": none
	}{
		{"written", "", 204, ""},
		{"refused", problemBody("USER_ERROR", "Invalid Field Value 7."), 400, fault.NetSuiteRefused},
		{"a role without a permission", problemBody("USER_ERROR", "Permission Violation: you need Sales Order."), 400, fault.NetSuiteForbidden},
		{"too long", problemBody("USER_ERROR", "The field memo contained more than the maximum number ( 9 ) of characters allowed."), 400, fault.NetSuiteFieldTooLong},
		{"taken", problemBody("USER_ERROR", "This record already exists."), 400, fault.ExternalIDTaken},
		{"changed", problemBody("USER_ERROR", "Record has been changed."), 400, ""},
		{"an invalid login", problemBody("INVALID_LOGIN", "Invalid login attempt."), 401, ""},
		{"a forbidden one", problemBody("INSUFFICIENT_PERMISSION", "Permission Violation."), 403, ""},
		{"not there", problemBody("NONEXISTENT_ID", "The record instance does not exist."), 404, ""},
		{"throttled", problemBody("CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded."), 429, ""},
		{"throttled, as a refusal", problemBody("CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded."), 400, ""},
		{"unexpected", problemBody("UNEXPECTED_ERROR", "An unexpected error occurred."), 500, ""},
		{"a proxy's", "<html>", 400, ""},
	} {
		a, client := newAccount(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/services/rest/async/v1/job/5/task/2/result" {
				t.Errorf("%s: asked for %s", c.name, r.URL.Path)
			}
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		limiter := &counter{}
		client.limit = limiter
		call, err := client.Refusal(context.Background(), Task{Job{"5"}, 2})
		if (err == nil) != (c.want == "") || err != nil && fault.CodeOf(err) != c.want || call.Status != c.status {
			t.Errorf("%s: %d %v, want %q", c.name, call.Status, err, c.want)
		}
		want := []Result{{Status: c.status}}
		if c.status >= 400 {
			want = []Result{{Fault: fault.Unexpected}}
		}
		if diff := cmp.Diff(want, limiter.results, cmpopts.IgnoreFields(Result{}, "Latency")); diff != "" || a.issued.Load() != 1 {
			t.Errorf("%s: %d tokens; the limiter hears %s", c.name, a.issued.Load(), diff)
		}
	}
}

// Tasks are listed in the order of their items, whatever form the list has.
func TestTasksOfAJob(t *testing.T) {
	const at = "https://1.suitetalk.api.netsuite.com/services/rest/async/v1/job/5/task/"
	want := []Task{{Job{"5"}, 1}, {Job{"5"}, 2}, {Job{"5"}, 10}}
	for name, body := range map[string]string{
		"Oracle's sample":    `{"count":1,"items":[{"links":[{"href":"` + at + `10"},{"href":"` + at + `2"},{"href":"` + at + `1"}]}]}`,
		"an item for each":   `{"items":[{"id":"10","links":[{"href":"` + at + `10"}]},{"id":"1","links":[]},{"id":2}]}`,
		"links to results":   `{"items":[{"links":[{"href":"` + at + `1/result"},{"href":"` + at + `2/result"},{"href":"/services/rest/async/v1/job/5/task/10/"}]}]}`,
		"of other jobs, too": `{"items":[{"links":[{"href":"` + at + `1"},{"href":"` + at + `2"},{"href":"` + at + `10"},{"href":"/services/rest/async/v1/job/6/task/3"}]}]}`,
	} {
		_, client := newAccount(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		got, _, err := client.Tasks(context.Background(), Job{"5"})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}
