package netsuitesim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// holding keeps n requests in flight until the returned function is called,
// each holding its slot; it returns once they hold them.
func (a *account) holding(n int) func() {
	a.t.Helper()
	a.change(`{"rules":[{"kind":"latency","latencyMs":60000,"match":{"pathContains":"currency/1"}}]}`)
	held := a.sim.Stats().MaxSlots
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			req, err := http.NewRequest("GET", a.sim.URL()+"/services/rest/record/v1/currency/1", nil)
			if err != nil {
				a.t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+a.token)
			if res, err := http.DefaultClient.Do(req); err == nil {
				_ = res.Body.Close() // the answer does not matter
			}
		})
	}
	for end := time.Now().Add(10 * time.Second); a.sim.Stats().MaxSlots < held+n; {
		if time.Now().After(end) {
			a.t.Fatalf("%d slots held, want %d", a.sim.Stats().MaxSlots, held+n)
		}
	}
	return func() { a.close(); wg.Wait() }
}

// change patches the fault plan.
func (a *account) change(body string) {
	a.t.Helper()
	if r := a.do("PATCH", "/sim/faults", body); r.status != 200 {
		a.t.Fatalf("%s: %d %s", body, r.status, r.body)
	}
}

func TestLimitMovesAtRunTime(t *testing.T) {
	a := open(t)
	a.sim.ResetUsage()
	end := a.holding(4)
	defer end()
	steps := []struct{ limit, want string }{{"5", "OK"}, {"4", "Too Many Requests"}, {"15", "OK"}, {"3", "Too Many Requests"}, {"-1", "OK"}}
	for _, step := range steps {
		a.change(`{"concurrencyLimit":` + step.limit + `}`)
		if got := http.StatusText(a.do("GET", "record/v1/currency/2", "").status); got != step.want {
			t.Errorf("limit %s: %s, want %s", step.limit, got, step.want)
		}
	}
	stats := a.sim.Stats()
	if stats.Blocked != 2 || stats.BlockedShare != 2.0/9 || len(a.sim.Faults().Rules) != 1 {
		t.Errorf("%d blocked, share %v, rules %v", stats.Blocked, stats.BlockedShare, a.sim.Faults().Rules)
	}
}

func TestOverloadAnswers(t *testing.T) {
	a := open(t)
	end := a.holding(1)
	defer end()
	for _, c := range []struct {
		plan   string
		status int
		code   string
	}{
		{`{"concurrencyLimit":1}`, 429, "CONCURRENCY_LIMIT_EXCEEDED"},
		{`{"overloadStatus":400}`, 400, "CONCURRENCY_LIMIT_EXCEEDED"},
		{`{"overloadStatus":401,"overloadDelayMs":1}`, 401, "INVALID_LOGIN"},
		{`{"overloadStatus":429,"concurrencyLimit":9,"integrationLimit":1}`, 429, "CONCURRENCY_LIMIT_EXCEEDED"},
		{`{"integrationLimit":0,"concurrencyLimit":-1}`, 200, ""},
	} {
		a.change(c.plan)
		r := a.do("GET", "record/v1/currency/2", "")
		if r.status != c.status || !strings.Contains(r.body, c.code) || r.header.Get("Retry-After") != "" {
			t.Errorf("%s: %d %s", c.plan, r.status, r.body)
		}
	}
	if r := a.do("PATCH", "/sim/faults", `{"overloadStatus":418}`); r.status != 400 {
		t.Errorf("418: %d", r.status)
	}
}

func TestGovernanceOfAnIntegration(t *testing.T) {
	a := open(t)
	a.change(`{"concurrencyLimit":15,"integrationLimit":4}`)
	got := a.do("GET", "system/v1/governanceLimits", "").object(t)
	for name, want := range map[string]any{
		"accountConcurrencyLimit": json.Number("15"), "accountUnallocatedConcurrencyLimit": json.Number("11"),
		"integrationConcurrencyLimit": json.Number("4"), "integrationLimitType": "integrationSpecific",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func TestAnotherIntegrationTakesSlots(t *testing.T) {
	a := open(t)
	a.change(`{"seed":7,"concurrencyLimit":1,"others":{"max":1,"periodMs":1}}`)
	seen := map[int]int{}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && (seen[200] < 3 || seen[429] < 3); {
		seen[a.do("GET", "record/v1/currency/1", "").status]++
	}
	if seen[200] < 3 || seen[429] < 3 {
		t.Errorf("with one slot that another takes half of the time: %v", seen)
	}
	a.change(`{"others":null}`)
	for range 5 {
		a.must("GET", "record/v1/currency/1", "")
	}
}

func TestSlotTime(t *testing.T) {
	a := open(t)
	a.change(`{"concurrencyLimit":4,"latencyMs":20}`)
	a.sim.ResetUsage()
	for range 5 {
		a.must("GET", "record/v1/currency/1", "")
	}
	stats := a.sim.Stats()
	// One request at a time, 20 ms each: at least 0.1 s of slots held, and four
	// slots were free all along.
	if stats.SlotSeconds < 0.1 || stats.FreeSeconds < 4*stats.SlotSeconds || stats.MaxSlots != 1 {
		t.Errorf("%.3f slot seconds of %.3f free, %d slots", stats.SlotSeconds, stats.FreeSeconds, stats.MaxSlots)
	}
	a.change(`{"concurrencyLimit":-1}`)
	a.sim.ResetUsage()
	if got := a.sim.Stats().FreeSeconds; got != 0 {
		t.Errorf("free slots without a limit: %v", got)
	}
}

func TestRefusalsInOraclesWords(t *testing.T) {
	a := open(t)
	a.change(`{"rules":[
		{"kind":"locked","count":1,"match":{}},
		{"kind":"refuse","status":400,"detail":"This customer is on credit hold.","count":1,"match":{}},
		{"kind":"refuse","status":400,"code":"SSS_REQUEST_LIMIT_EXCEEDED","detail":"Request Limit Exceeded","count":1,"match":{}}]}`)
	for _, want := range []string{"locked by a user defined workflow", "credit hold", "Request Limit"} {
		if _, detail := a.refused(400, "PUT", "record/v1/salesOrder/eid:x", minimal); !strings.Contains(detail, want) {
			t.Errorf("%q, want %q", detail, want)
		}
	}
	if len(a.sim.Faults().Rules) != 0 || a.sim.Stats().Records["salesOrder"] != 0 {
		t.Error("rules left or orders made")
	}
	if err := a.sim.ChangeFaults(func(f *netsuitesim.Faults) { f.LatencyMs = 3 }); err != nil || a.sim.Faults().LatencyMs != 3 {
		t.Error(err)
	}
}
