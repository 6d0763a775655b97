package netsuitesim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

const collectionType = "application/vnd.oracle.resource+json; type=collection"

// path is what follows /services/rest/ in an address, absolute or not.
func path(address string) string {
	_, after, _ := strings.Cut(address, "/services/rest/")
	return after
}

// batch submits an asynchronous request and returns the path of its job.
func (a *account) batch(method, at, body string, headers ...string) string {
	a.t.Helper()
	h := append([]string{"Prefer", "respond-async"}, headers...)
	if body != "" {
		h = append(h, "Content-Type", collectionType)
	}
	r := a.do(method, at, body, h...)
	if r.status != http.StatusAccepted || r.body != "" || r.header.Get("Preference-Applied") != "respond-async" || r.header.Get("X-NetSuite-JobId") == "" {
		a.t.Fatalf("%s %s: %d %q %v", method, at, r.status, r.body, r.header)
	}
	return path(r.header.Get("Location"))
}

// finished waits until a job is completed and returns it.
func (a *account) finished(job string) map[string]any {
	a.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if j := a.do("GET", job, "").object(a.t); j["completed"] == true {
			return j
		}
	}
	a.t.Fatalf("%s is not completed", job)
	return nil
}

// results are the statuses of a finished job's tasks.
func (a *account) results(job string, n int) []int {
	a.t.Helper()
	a.finished(job)
	var out []int
	for i := range n {
		out = append(out, a.do("GET", fmt.Sprintf("%s/task/%d/result", job, i+1), "").status)
	}
	return out
}

// order n of a batch.
func numbered(n int) string { return fmt.Sprintf(`"externalId":"b-%d",`, n) }

func TestBatchUpsert(t *testing.T) {
	a := open(t)
	items := func(memo string) string {
		var parts []string
		for n := range 3 {
			parts = append(parts, strings.Replace(minimal, "{", `{"memo":"`+memo+`",`+numbered(n), 1))
		}
		return `{"items":[` + strings.Join(parts, ",") + `]}`
	}
	for _, memo := range []string{"first", "second"} {
		job := a.batch("PUT", "record/v1/salesOrder?replace=item", items(memo))
		if diff := cmp.Diff([]int{204, 204, 204}, a.results(job, 3)); diff != "" {
			t.Fatal(diff)
		}
		got := a.rows(`SELECT t.externalid, t.memo, COUNT(l.id) AS n FROM transaction t JOIN transactionline l ON l.transaction = t.id
			WHERE l.mainline = 'F' GROUP BY t.id, t.externalid, t.memo ORDER BY t.externalid`)
		want := []map[string]any{}
		for n := range 3 {
			want = append(want, map[string]any{"externalid": fmt.Sprintf("b-%d", n), "memo": memo, "n": "1"})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		result := a.do("GET", job+"/task/2/result", "", "Prefer", "transient")
		id := result.header.Get("Location")
		if got := a.order(id[strings.LastIndexByte(id, '/')+1:])["externalId"]; got != "b-1" {
			t.Errorf("result 2 leads to %v", got)
		}
	}
}

func TestBatchItemsFailOneByOne(t *testing.T) {
	a := open(t)
	a.must("PUT", "record/v1/salesOrder/eid:known", minimal)
	job := a.batch("PATCH", "record/v1/salesOrder", `{"items":[
		{"externalId":"known","memo":"by external id"},
		{"externalId":"nobody","memo":"x"},
		{"externalId":"known","orderStatus":{"id":"Z"}},
		{"memo":"of whom?"},
		17]}`)
	if diff := cmp.Diff([]int{204, 404, 400, 400, 400}, a.results(job, 5)); diff != "" {
		t.Error(diff)
	}
	if j := a.finished(job); j["progress"] != "succeeded" {
		t.Errorf("job %v, want succeeded though items failed", j)
	}
	if task := a.do("GET", job+"/task/2", "").object(t); task["progress"] != "failed" || task["endTime"] == nil {
		t.Errorf("task %v", task)
	}
	r := a.do("GET", job+"/task/3/result", "")
	if code, detail := r.problem(t); code != "INVALID_CONTENT" || !strings.Contains(detail, "orderStatus") {
		t.Errorf("%s %s", code, detail)
	}
	upsert := a.batch("PUT", "record/v1/salesOrder", `{"items":[{"id":"1234","externalId":"known","memo":"x"},{"memo":"x"}]}`)
	if diff := cmp.Diff([]int{400, 400}, a.results(upsert, 2)); diff != "" {
		t.Error(diff)
	}
	if stats := a.sim.Stats(); stats.Jobs != 2 || stats.Tasks != 7 || stats.TasksFailed != 6 {
		t.Errorf("stats: %d jobs, %d tasks, %d failed", stats.Jobs, stats.Tasks, stats.TasksFailed)
	}
}

func TestBatchReadsAndDeletes(t *testing.T) {
	a := open(t)
	first, second := a.must("PUT", "record/v1/salesOrder/eid:one", minimal), a.must("PUT", "record/v1/salesOrder/eid:two", minimal)
	job := a.batch("GET", "record/v1/salesOrder?expandRecords=true&expandSubResources=true&ids="+first+",eid:two,999999", "")
	if diff := cmp.Diff([]int{200, 200, 404}, a.results(job, 3)); diff != "" {
		t.Fatal(diff)
	}
	record := a.do("GET", job+"/task/2/result", "").object(t)
	if record["id"] != second || len(lines(t, record, "item")) != 1 {
		t.Errorf("record %v", record)
	}
	job = a.batch("DELETE", "record/v1/salesOrder?ids=eid:one,"+second, "")
	if diff := cmp.Diff([]int{204, 204}, a.results(job, 2)); diff != "" {
		t.Error(diff)
	}
	if got := a.sim.Stats().Records["salesOrder"]; got != 0 {
		t.Errorf("%d orders left", got)
	}
}

func TestBatchCreateKeepsOrder(t *testing.T) {
	a := open(t)
	var parts []string
	for n := range 100 {
		parts = append(parts, strings.Replace(minimal, "{", "{"+numbered(n), 1))
	}
	full := `{"items":[` + strings.Join(parts, ",") + `]}`
	a.finished(a.batch("POST", "record/v1/salesOrder", full, "Prefer", `respond-async, batch-processing="sequential"`))
	got := a.rows(`SELECT externalid FROM transaction ORDER BY id`)
	for n, row := range got {
		if row["externalid"] != fmt.Sprintf("b-%d", n) {
			t.Fatalf("order %d is %v", n, row["externalid"])
		}
	}
	if len(got) != 100 {
		t.Errorf("%d orders", len(got))
	}
	tooMany := `{"items":[` + strings.Join(append(parts, minimal), ",") + `]}`
	a.refused(400, "POST", "record/v1/salesOrder", tooMany, "Prefer", "respond-async", "Content-Type", collectionType)
}

func TestRefusedBatches(t *testing.T) {
	a := open(t)
	body := `{"items":[` + minimal + `]}`
	async := []string{"Prefer", "respond-async"}
	cases := []struct {
		name, method, at, body string
		headers                []string
		status                 int
		code                   string
	}{
		{"plain JSON", "PUT", "record/v1/salesOrder", body, async, 400, "INVALID_CONTENT"},
		{"not asynchronous", "PUT", "record/v1/salesOrder", body, []string{"Content-Type", collectionType}, 400, "INVALID_HEADER"},
		{"delete, not asynchronous", "DELETE", "record/v1/salesOrder?ids=1", "", nil, 400, "INVALID_HEADER"},
		{"read, not asynchronous", "GET", "record/v1/salesOrder?expandRecords=true&ids=1", "", nil, 400, "INVALID_HEADER"},
		{"no items", "PUT", "record/v1/salesOrder", `{"items":[]}`, append(async, "Content-Type", collectionType), 400, "INVALID_CONTENT"},
		{"not JSON", "PUT", "record/v1/salesOrder", `{"items":`, append(async, "Content-Type", collectionType), 400, "INVALID_REQUEST"},
		{"no ids", "DELETE", "record/v1/salesOrder", "", async, 400, "INVALID_PARAMETER"},
		{"ids without expandRecords", "GET", "record/v1/salesOrder?ids=1", "", async, 400, "INVALID_PARAMETER"},
		{"unknown type", "PUT", "record/v1/shoe", body, append(async, "Content-Type", collectionType), 404, "NONEXISTENT_ID"},
		{"a key that is no UUID", "POST", "record/v1/salesOrder", minimal, append(async, "X-NetSuite-Idempotency-Key", "wc-1"), 400, "INVALID_HEADER"},
		{"asynchronous SuiteQL", "POST", "query/v1/suiteql", `{"q":"SELECT id FROM item"}`, []string{"Prefer", "respond-async, transient"}, 400, "INVALID_HEADER"},
		{"unknown job", "GET", "async/v1/job/77", "", nil, 404, "NONEXISTENT_ID"},
	}
	for _, c := range cases {
		if code, detail := a.refused(c.status, c.method, c.at, c.body, c.headers...); code != c.code {
			t.Errorf("%s: %s %s", c.name, code, detail)
		}
	}
}

const key = "6f2a6c4e-6a35-4a3e-9d0b-6d0d2f0a9f11"

func TestIdempotencyKey(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(*netsuitesim.Switches)
		status int
		host   bool
	}{
		"as seen":       {func(*netsuitesim.Switches) {}, 409, true},
		"as documented": {func(s *netsuitesim.Switches) { s.Idempotency400, s.RelativeLocation = true, true }, 400, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, func(cfg *netsuitesim.Config) { c.set(&cfg.Switches) })
			job := a.batch("POST", "record/v1/salesOrder", `{"items":[`+minimal+`]}`, "X-NetSuite-Idempotency-Key", key)
			a.finished(job)
			r := a.do("POST", "record/v1/salesOrder", minimal, "Prefer", "respond-async", "X-NetSuite-Idempotency-Key", strings.ToUpper(key))
			code, _ := r.problem(t)
			location := r.header.Get("Location")
			if r.status != c.status || code != "IDEMPOTENCY_ERROR" || path(location) != job || strings.HasPrefix(location, "http") != c.host {
				t.Errorf("%d %s Location %q", r.status, code, location)
			}
			a.must("POST", "record/v1/salesOrder", minimal, "X-NetSuite-Idempotency-Key", key) // ignored when synchronous
			if got := a.sim.Stats().Records["salesOrder"]; got != 2 {
				t.Errorf("%d orders, want the batch's and the synchronous one", got)
			}
		})
	}
}

func TestAnyCallCanBeAsynchronous(t *testing.T) {
	a := open(t)
	order := a.must("POST", "record/v1/salesOrder", orderBody(`"orderStatus":"B"`, tee))
	r := a.do("POST", "record/v1/salesOrder/"+order+"/!transform/itemFulfillment", `{}`, "Prefer", "respond-async")
	job := path(r.header.Get("Location"))
	if diff := cmp.Diff([]int{204}, a.results(job, 1)); r.status != 202 || diff != "" {
		t.Errorf("%d %s", r.status, diff)
	}
	if got := a.status("salesOrder", order); got != "F" {
		t.Errorf("status %s", got)
	}
	b := open(t, func(c *netsuitesim.Config) { c.Switches.AsyncSuiteQL, c.Switches.DeleteWithoutPrefer = true, true })
	r = b.do("POST", "query/v1/suiteql", `{"q":"SELECT symbol FROM currency WHERE id = 3"}`, "Prefer", "respond-async, transient")
	job = path(r.header.Get("Location"))
	b.finished(job)
	if r := b.do("GET", job+"/task/1/result", ""); r.status != 200 || !strings.Contains(r.body, "JPY") {
		t.Errorf("%d %s", r.status, r.body)
	}
	b.must("PUT", "record/v1/salesOrder/eid:x", minimal)
	if r := b.do("DELETE", "record/v1/salesOrder?ids=eid:x", ""); r.status != 202 {
		t.Errorf("lenient delete: %d %s", r.status, r.body)
	}
}

func TestTaskListShapes(t *testing.T) {
	for _, each := range []bool{false, true} {
		a := open(t, func(c *netsuitesim.Config) { c.Switches.TaskPerItem = each })
		job := a.batch("POST", "record/v1/salesOrder", `{"items":[`+minimal+`,`+minimal+`]}`)
		list := a.do("GET", job+"/task", "").object(t)
		var got struct {
			Count int
			Items []struct {
				ID    string
				Links []struct{ Href string }
			}
		}
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if each && (got.Count != 2 || got.Items[1].ID != "2" || path(got.Items[1].Links[0].Href) != job+"/task/2") {
			t.Errorf("one item each: %s", text)
		}
		if !each && (got.Count != 1 || len(got.Items[0].Links) != 2 || path(got.Items[0].Links[1].Href) != job+"/task/2") {
			t.Errorf("one item: %s", text)
		}
	}
}

func TestQueueDelayAndProcessors(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.AsyncDelay, c.AsyncProcessors = time.Hour, 1 })
	job := a.batch("POST", "record/v1/salesOrder", `{"items":[`+minimal+`]}`)
	if j := a.do("GET", job, "").object(t); j["completed"] != false || j["progress"] != "pending" {
		t.Errorf("job %v", j)
	}
	a.refused(404, "GET", job+"/task/1/result", "")
	if got := a.sim.Stats().Records["salesOrder"]; got != 0 {
		t.Errorf("%d orders before the delay is over", got)
	}
}

func TestFaultsOfTasks(t *testing.T) {
	a := open(t)
	a.fail(netsuitesim.Faults{Rules: []netsuitesim.Rule{
		{Kind: "status", Status: 500, Count: 1, Match: netsuitesim.Match{Async: true}},
		{Kind: "changed", Count: 1, Match: netsuitesim.Match{Async: true}},
		{Kind: "drop", Count: 1, Match: netsuitesim.Match{Async: true}},
	}})
	job := a.batch("POST", "record/v1/salesOrder", `{"items":[`+minimal+`,`+minimal+`,`+minimal+`]}`)
	if diff := cmp.Diff([]int{500, 400, 204}, a.results(job, 3)); diff != "" {
		t.Error(diff)
	}
}

func TestJobsSurviveReopening(t *testing.T) {
	dir := t.TempDir()
	slow := func(c *netsuitesim.Config) { c.Dir, c.AsyncDelay = dir, time.Hour }
	a := open(t, slow)
	job := a.batch("POST", "record/v1/salesOrder", `{"items":[`+minimal+`,17]}`, "X-NetSuite-Idempotency-Key", key)
	a.close()

	b := open(t, func(c *netsuitesim.Config) { c.Dir = dir })
	if diff := cmp.Diff([]int{204, 400}, b.results(job, 2)); diff != "" {
		t.Error(diff)
	}
	b.close()

	c := open(t, func(cfg *netsuitesim.Config) { cfg.Dir = dir })
	if diff := cmp.Diff([]int{204, 400}, c.results(job, 2)); diff != "" {
		t.Error(diff)
	}
	if got := c.sim.Stats().Records["salesOrder"]; got != 1 {
		t.Errorf("%d orders, want 1", got)
	}
	r := c.do("POST", "record/v1/salesOrder", minimal, "Prefer", "respond-async", "X-NetSuite-Idempotency-Key", key)
	if r.status != 409 || path(r.header.Get("Location")) != job {
		t.Errorf("the key after reopening: %d %v", r.status, r.header)
	}
}

func TestResetForgetsJobs(t *testing.T) {
	dir := t.TempDir()
	a := open(t, func(c *netsuitesim.Config) { c.Dir = dir })
	job := a.batch("POST", "record/v1/salesOrder", `{"items":[`+minimal+`]}`, "X-NetSuite-Idempotency-Key", key)
	a.finished(job)
	if err := a.sim.Reset(); err != nil {
		t.Fatal(err)
	}
	a.refused(404, "GET", job, "")
	a.close()
	b := open(t, func(c *netsuitesim.Config) { c.Dir = dir })
	b.refused(404, "GET", job, "")
	b.batch("POST", "record/v1/salesOrder", `{"items":[`+minimal+`]}`, "X-NetSuite-Idempotency-Key", key)
}

func TestParallelBatch(t *testing.T) {
	a := open(t, func(c *netsuitesim.Config) { c.AsyncProcessors, c.Switches.BatchParallel = 4, true })
	var parts []string
	for n := range 40 {
		parts = append(parts, strings.Replace(minimal, "{", "{"+numbered(n%20), 1))
	}
	job := a.batch("PUT", "record/v1/salesOrder?replace=item", `{"items":[`+strings.Join(parts, ",")+`]}`)
	for i, status := range a.results(job, 40) {
		if status != 204 {
			t.Errorf("task %d: %d", i+1, status)
		}
	}
	if got := a.sim.Stats().Records["salesOrder"]; got != 20 {
		t.Errorf("%d orders, want 20", got)
	}
}
