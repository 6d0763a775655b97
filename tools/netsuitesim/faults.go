package netsuitesim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Faults is the plan of what goes wrong, as GET and POST /sim/faults show it:
//
//	{"seed":1,
//	 "latencyMs":250,             every request takes this long, its slot held
//	 "concurrencyLimit":5,        slots of the account; 0 keeps the configured limit, negative lifts it
//	 "integrationLimit":4,        slots allocated to this integration; 0 for none
//	 "others":{"max":3,"periodMs":100},   another integration that holds 0 to max slots, drawn anew in each period
//	 "overshoot":1,               requests above the limit that pass all the same
//	 "overloadStatus":401,        the answer above the limit: 429 (default), 400 with the same body, or 401
//	 "overloadDelayMs":60000,     how long that answer takes
//	 "outage":{"until":"2026-01-02T03:04:05Z","mode":"drop"},   drop, or html for a 503 page
//	 "rules":[{"kind":"status","status":503,"rate":0.1,"count":3,
//	           "match":{"method":"PUT","pathContains":"salesOrder"}}]}
//
// The first matching rule of a request applies. Kinds of rules:
//
//	status     answers with status before anything happens; 429 and 500 with NetSuite's
//	           bodies, 401 as an invalid login, 502, 503 and 504 as HTML
//	statusAfterCommit   does the work, then answers with status
//	drop       does the work, then closes the connection without an answer
//	dropBefore closes the connection without doing anything
//	timeout    does the work, then answers 504 as HTML
//	late       answers status, or closes the connection where there is none, and does the work latencyMs
//	           later; its slot stays held until then, and the log shows the answer alone
//	changed    answers 400 "Record has been changed." before anything happens
//	locked     answers 400 "This record has been locked by a user defined workflow." likewise
//	refuse     answers status with code (USER_ERROR by default) and detail, likewise
//	latency    takes latencyMs for this request
type Faults struct {
	// Seed makes the draws of rates repeatable.
	Seed             uint64  `json:"seed"`
	LatencyMs        int     `json:"latencyMs"`
	ConcurrencyLimit int     `json:"concurrencyLimit"`
	IntegrationLimit int     `json:"integrationLimit,omitempty"`
	Others           *Others `json:"others,omitempty"`
	Overshoot        int     `json:"overshoot"`
	OverloadStatus   int     `json:"overloadStatus"`
	OverloadDelayMs  int     `json:"overloadDelayMs,omitempty"`
	Outage           *Outage `json:"outage,omitempty"`
	Rules            []Rule  `json:"rules"`
}

// Outage is a time during which nothing works.
type Outage struct {
	Until time.Time `json:"until"`
	// Mode is drop (connections close) or html (503 pages).
	Mode string `json:"mode"`
}

// Rule is one fault and the requests it befalls.
type Rule struct {
	Kind   string `json:"kind"`
	Status int    `json:"status,omitempty"`
	// Code and Detail are the answer of the kind refuse.
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
	// LatencyMs is the delay of the kinds latency and late.
	LatencyMs int `json:"latencyMs,omitempty"`
	// Rate is the share of matching requests, 0 < rate <= 1; 0 means all.
	Rate float64 `json:"rate,omitempty"`
	// Count limits the rule to the next requests it befalls; 0 means no limit.
	Count int   `json:"count,omitempty"`
	Match Match `json:"match"`

	spent bool
}

// Match chooses requests; empty parts match all. The token endpoint is matched
// only by a path.
type Match struct {
	Method       string `json:"method,omitempty"`
	PathContains string `json:"pathContains,omitempty"`
	// Async chooses the tasks of asynchronous jobs instead of requests.
	Async bool `json:"async,omitempty"`
}

func (m Match) fits(r *http.Request, task bool) bool {
	if m.Async != task {
		return false
	}
	if m.PathContains == "" && strings.HasSuffix(r.URL.Path, tokenPath) {
		return false
	}
	return (m.Method == "" || strings.EqualFold(m.Method, r.Method)) &&
		strings.Contains(strings.ToLower(r.URL.RequestURI()), strings.ToLower(m.PathContains))
}

// kindsOfRules are the kinds that need a status, and those that do not.
var kindsOfRules = map[string]bool{
	"status": true, "statusAfterCommit": true, "refuse": true, "locked": false, "drop": false, "dropBefore": false, "timeout": false, "changed": false, "latency": false, "late": false,
}

func (f Faults) check() error {
	switch f.OverloadStatus {
	case 0, http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusBadRequest:
	default:
		return fmt.Errorf("overloadStatus %d: want 429, 401 or 400", f.OverloadStatus)
	}
	if o := f.Others; o != nil && (o.Max < 0 || o.PeriodMs < 0) {
		return fmt.Errorf("others %+v: want no negative values", *o)
	}
	if f.IntegrationLimit < 0 {
		return fmt.Errorf("integrationLimit %d: want 0 or more", f.IntegrationLimit)
	}
	if f.Outage != nil && f.Outage.Mode != "" && f.Outage.Mode != "drop" && f.Outage.Mode != "html" {
		return fmt.Errorf("outage.mode %q: want drop or html", f.Outage.Mode)
	}
	for i, r := range f.Rules {
		needsStatus, known := kindsOfRules[r.Kind]
		switch {
		case !known:
			return fmt.Errorf("rules[%d].kind %q: unknown", i, r.Kind)
		case (needsStatus || r.Kind == "late" && r.Status != 0) && (r.Status < 400 || r.Status > 599):
			return fmt.Errorf("rules[%d].status %d: want 400 to 599", i, r.Status)
		case r.Kind == "late" && r.Match.Async:
			return fmt.Errorf("rules[%d].match.async: want requests for the kind late, tasks have no answer", i)
		case r.Rate < 0 || r.Rate > 1:
			return fmt.Errorf("rules[%d].rate %v: want 0 to 1", i, r.Rate)
		case r.Count < 0:
			return fmt.Errorf("rules[%d].count %d: want 0 or more", i, r.Count)
		}
	}
	return nil
}

// injector holds the plan and draws from it.
type injector struct {
	cfg     *Config
	closing <-chan struct{}
	mu      sync.Mutex
	plan    Faults
	dice    *rand.Rand
	slots   slots
}

func newInjector(cfg *Config, closing <-chan struct{}) *injector {
	in := &injector{cfg: cfg, closing: closing}
	_ = in.set(Faults{}) // the empty plan is sound
	return in
}

func (in *injector) set(f Faults) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.dice = nil // draws begin anew
	return in.use(f)
}

// use takes a plan over; the caller holds the lock.
func (in *injector) use(f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	if in.dice == nil || f.Seed != in.plan.Seed {
		in.dice = rand.New(rand.NewPCG(f.Seed, 0))
	}
	in.plan = f
	in.plan.Rules = append([]Rule{}, f.Rules...)
	in.slots.use(or(f.ConcurrencyLimit, in.cfg.ConcurrencyLimit), f.IntegrationLimit, f.Others, f.Seed)
	return nil
}

// patch changes the plan that holds: only what change touches, with the counts
// that are left.
func (in *injector) patch(change func(*Faults) error) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	f := in.left()
	if f.Others != nil {
		others := *f.Others // change works on a copy
		f.Others = &others
	}
	if err := change(&f); err != nil {
		return err
	}
	return in.use(f)
}

// get is the plan with the counts that are left; spent rules are gone.
func (in *injector) get() Faults {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.left()
}

func (in *injector) left() Faults {
	f := in.plan
	f.Rules = []Rule{}
	for _, r := range in.plan.Rules {
		if !r.spent {
			f.Rules = append(f.Rules, r)
		}
	}
	return f
}

// outage answers while nothing works.
func (in *injector) outage() (reply, bool) {
	in.mu.Lock()
	o := in.plan.Outage
	in.mu.Unlock()
	if o == nil || !in.cfg.Now().Before(o.Until) {
		return reply{}, false
	}
	if o.Mode == "html" {
		return page(http.StatusServiceUnavailable), true
	}
	return reply{drop: true}, true
}

// draw picks the fault of a request or of a job's task; the zero fault does
// nothing.
func (in *injector) draw(r *http.Request, task bool) fault {
	in.mu.Lock()
	defer in.mu.Unlock()
	f := fault{account: in.cfg.Account, delay: time.Duration(in.plan.LatencyMs) * time.Millisecond}
	for i := range in.plan.Rules {
		rule := &in.plan.Rules[i]
		if rule.spent || !rule.Match.fits(r, task) || (rule.Rate > 0 && in.dice.Float64() >= rule.Rate) {
			continue
		}
		if rule.Count > 0 {
			rule.Count--
			rule.spent = rule.Count == 0
		}
		f.rule = *rule
		break
	}
	if f.rule.Kind == "latency" || f.rule.Kind == "late" {
		f.delay = time.Duration(f.rule.LatencyMs) * time.Millisecond
	}
	return f
}

// fault is what befalls one request.
type fault struct {
	account string
	delay   time.Duration
	rule    Rule
}

// wait spends the delay. The client's going does not shorten it: NetSuite
// finishes what it began.
func (f fault) wait(closing <-chan struct{}) {
	if f.delay <= 0 {
		return
	}
	timer := time.NewTimer(f.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-closing:
	}
}

// late tells whether the answer comes before the work.
func (f fault) late() bool { return f.rule.Kind == "late" }

// early is the answer that comes before the work.
func (f fault) early() reply {
	if f.rule.Status == 0 {
		return reply{drop: true}
	}
	return failure(f.rule.Status, f.account)
}

// before is the answer of a fault that stops the request at the door.
func (f fault) before() (reply, bool) {
	switch f.rule.Kind {
	case "status":
		return failure(f.rule.Status, f.account), true
	case "changed":
		return recordChanged().reply(), true
	case "locked":
		return userError("This record has been locked by a user defined workflow.").reply(), true
	case "refuse":
		return (&problem{status: f.rule.Status, code: or(f.rule.Code, "USER_ERROR"), detail: f.rule.Detail}).reply(), true
	case "dropBefore":
		return reply{drop: true}, true
	}
	return reply{}, false
}

// after replaces the answer of work that is done.
func (f fault) after(done reply) reply {
	switch f.rule.Kind {
	case "statusAfterCommit":
		return failure(f.rule.Status, f.account)
	case "timeout":
		return page(http.StatusGatewayTimeout)
	case "drop":
		done.drop = true
	}
	return done
}

// failure is the usual body of an error status.
func failure(status int, account string) reply {
	switch status {
	case http.StatusUnauthorized:
		return invalidLogin(account).reply()
	case http.StatusTooManyRequests:
		return overLimit().reply()
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return page(status)
	case http.StatusForbidden:
		return (&problem{status: status, code: "INSUFFICIENT_PERMISSION", detail: "Permission Violation: you may not access this record."}).reply()
	}
	p := unexpected()
	p.status = status
	return p.reply()
}

// page is an answer of the gateway in front of NetSuite.
func page(status int) reply {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	body := "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title + "</h1></center>\r\n</body>\r\n</html>\r\n"
	return reply{status: status, body: []byte(body)}.with("Content-Type", "text/html")
}
