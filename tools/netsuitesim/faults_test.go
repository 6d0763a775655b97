package netsuitesim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func (a *account) fail(f netsuitesim.Faults) {
	a.t.Helper()
	if err := a.sim.SetFaults(f); err != nil {
		a.t.Fatal(err)
	}
}

// puts is a rule's match for order upserts.
var puts = netsuitesim.Match{Method: "PUT", PathContains: "salesorder"}

func TestFaultKinds(t *testing.T) {
	cases := []struct {
		name      string
		rule      netsuitesim.Rule
		status    int // 0: no answer at all
		code      string
		html      bool
		committed bool
	}{
		{"429", netsuitesim.Rule{Kind: "status", Status: 429}, 429, "CONCURRENCY_LIMIT_EXCEEDED", false, false},
		{"500 before", netsuitesim.Rule{Kind: "status", Status: 500}, 500, "UNEXPECTED_ERROR", false, false},
		{"500 after", netsuitesim.Rule{Kind: "statusAfterCommit", Status: 500}, 500, "UNEXPECTED_ERROR", false, true},
		{"503", netsuitesim.Rule{Kind: "status", Status: 503}, 503, "", true, false},
		{"502", netsuitesim.Rule{Kind: "status", Status: 502}, 502, "", true, false},
		{"403", netsuitesim.Rule{Kind: "status", Status: 403}, 403, "INSUFFICIENT_PERMISSION", false, false},
		{"401", netsuitesim.Rule{Kind: "status", Status: 401}, 401, "INVALID_LOGIN", false, false},
		{"504 after commit", netsuitesim.Rule{Kind: "timeout"}, 504, "", true, true},
		{"record changed", netsuitesim.Rule{Kind: "changed"}, 400, "USER_ERROR", false, false},
		{"dropped after commit", netsuitesim.Rule{Kind: "drop"}, 0, "", false, true},
		{"dropped before", netsuitesim.Rule{Kind: "dropBefore"}, 0, "", false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := open(t)
			c.rule.Match, c.rule.Count = puts, 1
			a.fail(netsuitesim.Faults{Rules: []netsuitesim.Rule{c.rule}})
			r, err := a.try("PUT", "record/v1/salesOrder/eid:f", minimal)
			switch {
			case c.status == 0 && err == nil:
				t.Errorf("answered %d, want a closed connection", r.status)
			case c.status != 0 && (err != nil || r.status != c.status):
				t.Errorf("got %d %v, want %d", r.status, err, c.status)
			case c.code != "":
				if code, _ := r.problem(t); code != c.code {
					t.Errorf("code %s, want %s", code, c.code)
				}
			case c.html != strings.HasPrefix(r.body, "<html>"):
				t.Errorf("body %q", r.body)
			}
			if got := a.do("GET", "record/v1/salesOrder/eid:f", "").status == http.StatusOK; got != c.committed {
				t.Errorf("committed %v, want %v", got, c.committed)
			}
			a.must("PUT", "record/v1/salesOrder/eid:f?replace=item", minimal) // the count is used up
			if left := a.sim.Faults().Rules; len(left) != 0 {
				t.Errorf("rules left: %v", left)
			}
		})
	}
}

func TestThrottledBody(t *testing.T) {
	a := open(t)
	a.fail(netsuitesim.Faults{Rules: []netsuitesim.Rule{{Kind: "status", Status: 429}}})
	r := a.do("GET", "record/v1/currency/1", "")
	want := map[string]any{
		"type": "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5", "title": "Bad Request", "status": json.Number("429"), "o:errorCode": "USER_ERROR",
		"o:errorDetails": []any{map[string]any{"detail": "Concurrent request limit exceeded. Request blocked.", "o:errorCode": "CONCURRENCY_LIMIT_EXCEEDED"}},
	}
	if diff := cmp.Diff(want, r.object(t)); diff != "" {
		t.Error(diff)
	}
	if r.header.Get("Retry-After") != "" {
		t.Error("Retry-After is not documented")
	}
}

// crowd sends n requests that are all in flight at once and counts the statuses.
func (a *account) crowd(n int) map[int]int {
	a.t.Helper()
	counts := map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			r, err := a.try("GET", "record/v1/currency/1", "")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				a.t.Error(err)
			}
			counts[r.status]++
		})
	}
	wg.Wait()
	return counts
}

func TestConcurrencyLimit(t *testing.T) {
	// The delay is far longer than it takes six requests to arrive.
	const delay = 300
	cases := []struct {
		name string
		plan netsuitesim.Faults
		want map[int]int
	}{
		{"the default of five", netsuitesim.Faults{LatencyMs: delay}, map[int]int{200: 5, 429: 2}},
		{"a smaller one", netsuitesim.Faults{LatencyMs: delay, ConcurrencyLimit: 2}, map[int]int{200: 2, 429: 5}},
		{"lenient", netsuitesim.Faults{LatencyMs: delay, Overshoot: 1}, map[int]int{200: 6, 429: 1}},
		{"401 under overload", netsuitesim.Faults{LatencyMs: delay, OverloadStatus: 401}, map[int]int{200: 5, 401: 2}},
		{"lifted", netsuitesim.Faults{LatencyMs: delay, ConcurrencyLimit: -1}, map[int]int{200: 7}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := open(t)
			a.fail(c.plan)
			if diff := cmp.Diff(c.want, a.crowd(7)); diff != "" {
				t.Error(diff)
			}
			if got, passed := a.sim.Stats().MaxInFlight, c.want[200]; got < passed {
				t.Errorf("max in flight %d, want at least the %d that passed", got, passed)
			}
		})
	}
}

func TestRatesAreRepeatable(t *testing.T) {
	a := open(t)
	draw := func() []int {
		a.fail(netsuitesim.Faults{Seed: 7, Rules: []netsuitesim.Rule{{Kind: "status", Status: 503, Rate: 0.5}}})
		var out []int
		for range 40 {
			out = append(out, a.do("GET", "record/v1/currency/1", "").status)
		}
		return out
	}
	first := draw()
	if diff := cmp.Diff(first, draw()); diff != "" {
		t.Errorf("the same seed drew differently: %s", diff)
	}
	failed := 0
	for _, status := range first {
		if status == 503 {
			failed++
		}
	}
	if failed < 8 || failed > 32 {
		t.Errorf("%d of 40 failed at a rate of one half", failed)
	}
}

func TestOutage(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	a := open(t, func(c *netsuitesim.Config) { c.Now = clock })
	until := now.Add(time.Minute)
	a.fail(netsuitesim.Faults{Outage: &netsuitesim.Outage{Until: until, Mode: "drop"}})
	if r, err := a.try("GET", "record/v1/currency/1", ""); err == nil {
		t.Errorf("answered %d during an outage", r.status)
	}
	a.fail(netsuitesim.Faults{Outage: &netsuitesim.Outage{Until: until, Mode: "html"}})
	if r := a.do("GET", "record/v1/currency/1", ""); r.status != 503 || !strings.HasPrefix(r.body, "<html>") {
		t.Errorf("outage page: %d %s", r.status, r.body)
	}
	mu.Lock()
	now = until
	mu.Unlock()
	if r := a.do("GET", "record/v1/currency/1", ""); r.status != 200 {
		t.Errorf("after the outage: %d", r.status)
	}
}

func TestLatencyRule(t *testing.T) {
	a := open(t)
	a.fail(netsuitesim.Faults{Rules: []netsuitesim.Rule{{Kind: "latency", LatencyMs: 60, Match: netsuitesim.Match{PathContains: "currency"}}}})
	a.do("GET", "record/v1/currency/1", "")
	a.do("GET", "record/v1/location/1", "")
	log := a.sim.Log("record/v1/", 0)
	if len(log) != 2 || log[0].Milliseconds < 60 || log[1].Milliseconds >= 60 {
		t.Errorf("log %+v", log)
	}
}

// A late rule answers before the work, which holds its slot until it is done; nobody hears of it.
func TestLateRule(t *testing.T) {
	for _, status := range []int{0, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			a := open(t)
			a.fail(netsuitesim.Faults{ConcurrencyLimit: 1, Rules: []netsuitesim.Rule{{Kind: "late", Status: status, LatencyMs: 300, Count: 1, Match: puts}}})
			asked := time.Now()
			r, err := a.try("PUT", "record/v1/salesOrder/eid:f", minimal)
			if (err != nil) != (status == 0) || r.status != status {
				t.Errorf("got %d %v, want %d", r.status, err, status)
			}
			if early := a.do("GET", "record/v1/salesOrder/eid:f", ""); early.status != http.StatusTooManyRequests && time.Since(asked) < 300*time.Millisecond {
				t.Errorf("%d while the slot is held, want 429", early.status)
			}
			for a.do("GET", "record/v1/salesOrder/eid:f", "").status != http.StatusOK {
				if time.Since(asked) > 30*time.Second {
					t.Fatal("the work is never done")
				}
			}
			if took := time.Since(asked); took < 300*time.Millisecond {
				t.Errorf("the work is done after %s", took)
			}
		})
	}
}

// NetSuite finishes what it answered before the work, whoever pulls the plug.
func TestLateWorkIsDoneBeforeTheEnd(t *testing.T) {
	dir := t.TempDir()
	kept := func(c *netsuitesim.Config) { c.Dir = dir }
	a := open(t, kept)
	a.fail(netsuitesim.Faults{Rules: []netsuitesim.Rule{{Kind: "late", Status: 500, LatencyMs: 60_000, Match: puts}}})
	if r := a.do("PUT", "record/v1/salesOrder/eid:f", minimal); r.status != 500 {
		t.Errorf("answered %d", r.status)
	}
	a.close()
	if again := open(t, kept); again.do("GET", "record/v1/salesOrder/eid:f", "").status != http.StatusOK {
		t.Error("the work was lost")
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	a := open(t)
	post := func(body string) (int, string) {
		r := a.do("POST", "/sim/faults", body)
		return r.status, r.body
	}
	plan := `{"seed":1,"latencyMs":5,"concurrencyLimit":3,"rules":[{"kind":"timeout","count":2,"rate":1,"match":{"method":"PUT"}}]}`
	if status, text := post(plan); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	want := netsuitesim.Faults{Seed: 1, LatencyMs: 5, ConcurrencyLimit: 3, Rules: []netsuitesim.Rule{{Kind: "timeout", Count: 2, Rate: 1, Match: netsuitesim.Match{Method: "PUT"}}}}
	var got netsuitesim.Faults
	if err := json.Unmarshal([]byte(a.do("GET", "/sim/faults", "").body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netsuitesim.Rule) bool {
		return a.Kind == b.Kind && a.Count == b.Count && a.Rate == b.Rate && a.Match == b.Match
	})); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{
		`{"latency":5}`, `{"rules":[{"kind":"fire"}]}`, `{"rules":[{"kind":"status"}]}`, `{"rules":[{"kind":"drop","rate":2}]}`,
		`{"overloadStatus":500}`, `{"outage":{"mode":"x"}}`, `{"rules":[{"kind":"drop","count":-1}]}`,
		`{"rules":[{"kind":"late","status":200}]}`, `{"rules":[{"kind":"late","match":{"async":true}}]}`,
	} {
		if status, text := post(bad); status != 400 {
			t.Errorf("%s: %d %s", bad, status, text)
		}
	}
}
