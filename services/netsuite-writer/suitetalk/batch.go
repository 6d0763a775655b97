package suitetalk

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// MaxBatch is how many records a batch takes (Oracle's help, article_0127092747).
const MaxBatch = 100

// Item is one record of a batch. An update goes by ID, or by ExternalID when that is empty; an upsert by ExternalID.
type Item struct {
	ID         string
	ExternalID string
	Body       codec.Raw // a JSON object; the ids are added to it
}

// Batch writes up to MaxBatch records of one type in one asynchronous request. Its items succeed or fail one by one, and
// its job succeeds even when every item failed.
type Batch struct {
	Method   string // PUT upserts, PATCH updates, POST creates
	Record   string // e.g. "salesOrder"
	Items    []Item
	Replace  []string // sublists replaced as a whole, in every item
	Key      string   // idempotency key, see KeyOf: the same for every try of this batch and for no other batch
	InOrder  bool     // one item after the other; default: in parallel
	Validate bool     // refuse unknown property names
	Purpose  string
}

// keySpace keeps our keys apart from other uses of name-based UUIDs.
var keySpace = uuid.MustParse("7b0f4c1e-2a53-5d0c-9a34-7f5f0c6f2b11")

// KeyOf derives an idempotency key from what makes a batch this one: account and, of each item, order and sequence of
// its desired state. Not from the bodies alone: when an order returns to an earlier state, NetSuite would answer with
// the earlier job and the last state would be lost.
func KeyOf(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&b, "%d:%s", len(part), part)
	}
	return uuid.NewSHA1(keySpace, []byte(b.String())).String()
}

// Job names an asynchronous request that NetSuite took on.
type Job struct{ ID string }

func (j Job) path() string { return "/async/v1/job/" + j.ID }

// submits is how often a batch whose 202 is lost is sent again before the caller has to look.
const submits = 3

// Submit hands a batch over. A lost answer is recovered by sending it again under the same key: NetSuite then names the
// first job, with 409 or 400. An error of fault.NetSuiteAmbiguous means that the batch may run: Submit again with the
// same Key, or look for the records.
func (c *Client) Submit(ctx context.Context, b Batch) (Job, []event.Call, error) {
	request, err := b.request()
	if err != nil {
		return Job{}, nil, err
	}
	var calls []event.Call
	for try := 1; ; try++ {
		answer, err := c.Do(ctx, request)
		calls = append(calls, answer.Call)
		if err == nil || fault.CodeOf(err) == fault.NetSuiteAmbiguous && answer.Status != 0 {
			if job, found := jobOf(answer); found {
				return job, calls, nil
			}
		}
		switch {
		case err == nil:
			return Job{}, calls, fault.New(fault.NetSuiteAmbiguous, "want the Location of a job; the batch may run", fault.Field("Location", answer.Location))
		case fault.CodeOf(err) != fault.NetSuiteAmbiguous || try == submits:
			return Job{}, calls, err
		}
	}
}

func (b Batch) request() (Request, error) {
	body, err := b.body()
	if err != nil {
		return Request{}, err
	}
	if _, err := uuid.Parse(b.Key); err != nil {
		return Request{}, fault.New(fault.NetSuiteRefused, "want a UUID as idempotency key", fault.Field("key", b.Key), fault.Because(err))
	}
	header := map[string]string{
		"Prefer": `respond-async, batch-processing="parallel"`, "Content-Type": "application/vnd.oracle.resource+json; type=collection",
		"X-NetSuite-Idempotency-Key": b.Key,
	}
	if b.InOrder {
		header["Prefer"] = "respond-async"
	}
	if b.Validate {
		header["X-NetSuite-PropertyNameValidation"] = "Error"
	}
	return Request{Method: b.Method, Path: "/record/v1/" + b.Record, Query: replacing(b.Replace), Header: header, Body: body, Purpose: b.Purpose}, nil
}

func (b Batch) body() ([]byte, error) {
	if len(b.Items) == 0 || len(b.Items) > MaxBatch {
		return nil, fault.New(fault.NetSuiteRefused, fmt.Sprintf("want 1 to %d records", MaxBatch), fault.Field("items", strconv.Itoa(len(b.Items))))
	}
	items := make([]map[string]codec.Raw, len(b.Items))
	for i, item := range b.Items {
		fields, err := codec.Decode[map[string]codec.Raw](item.Body)
		if err != nil || fields == nil {
			return nil, fault.New(fault.NetSuiteRefused, "want a JSON object", fault.Field(fmt.Sprintf("items[%d]", i), ""), fault.Because(err))
		}
		switch {
		case b.Method == http.MethodPut && (item.ExternalID == "" || item.ID != ""):
			return nil, fault.New(fault.NetSuiteRefused, "an upsert goes by externalId alone", fault.Field(fmt.Sprintf("items[%d].id", i), item.ID))
		case b.Method == http.MethodPatch && item.ExternalID == "" && item.ID == "":
			return nil, fault.New(fault.NetSuiteRefused, "an update needs an id or an externalId", fault.Field(fmt.Sprintf("items[%d].id", i), ""))
		}
		for name, value := range map[string]string{"id": item.ID, "externalId": item.ExternalID} {
			if value == "" {
				continue
			}
			if fields[name], err = codec.Encode(value); err != nil {
				return nil, err
			}
		}
		items[i] = fields
	}
	return codec.Encode(map[string]any{"items": items})
}

// jobPath finds the job in a Location, which NetSuite writes absolute or as a path. Only the id is taken: a token is never
// sent to another host.
var jobPath = regexp.MustCompile(`/async/v1/job/([A-Za-z0-9_-]+)$`)

func jobOf(a Answer) (Job, bool) {
	if u, err := url.Parse(a.Location); err == nil {
		if found := jobPath.FindStringSubmatch(strings.TrimSuffix(u.Path, "/")); found != nil {
			return Job{found[1]}, true
		}
	}
	return Job{a.job}, a.job != "" && jobPath.MatchString(Job{a.job}.path())
}

// Progress is the state of a job. NetSuite shows "pending" and "succeeded"; the latter says nothing about its items.
type Progress struct {
	Completed bool   `json:"completed"`
	Word      string `json:"progress"`
}

// Poll asks how far a job is.
func (c *Client) Poll(ctx context.Context, j Job) (Progress, event.Call, error) {
	request := Request{Method: http.MethodGet, Path: j.path(), Purpose: "poll job"}
	answer, err := c.Do(ctx, request)
	if err != nil {
		return Progress{}, answer.Call, err
	}
	progress, err := decode[Progress](request, answer)
	return progress, answer.Call, err
}

// Pace is how often a job is asked for: after First, then after twice as long each time, at most after Most.
type Pace struct{ First, Most time.Duration }

// DefaultPace keeps a job of a hundred orders, some seconds of work, to about four polls.
var DefaultPace = Pace{First: time.Second, Most: 15 * time.Second}

// Await polls a job until it is completed. Passing troubles of a poll end it with their fault; the job goes on.
func (c *Client) Await(ctx context.Context, j Job, pace Pace) ([]event.Call, error) {
	var calls []event.Call
	timer := time.NewTimer(pace.First)
	defer timer.Stop()
	for wait := pace.First; ; {
		select {
		case <-ctx.Done():
			return calls, ctx.Err()
		case <-timer.C:
		}
		progress, call, err := c.Poll(ctx, j)
		if calls = append(calls, call); err != nil || progress.Completed {
			return calls, err
		}
		wait = min(2*wait, pace.Most)
		timer.Reset(wait)
	}
}

// Task names one item of a job; the tasks of a job stand in the order of its items.
type Task struct {
	Job    Job
	Number int
}

// taskPath finds tasks in links of any shape: Oracle's sample has one item that links to every task, accounts have been
// seen with one item per task.
var taskPath = regexp.MustCompile(`/job/([A-Za-z0-9_-]+)/task/(\d{1,9})(?:/result)?/?$`)

// Tasks lists the tasks of a job.
func (c *Client) Tasks(ctx context.Context, j Job) ([]Task, event.Call, error) {
	request := Request{Method: http.MethodGet, Path: j.path() + "/task", Purpose: "list tasks"}
	answer, err := c.Do(ctx, request)
	if err != nil {
		return nil, answer.Call, err
	}
	list, err := decode[struct {
		Items []struct {
			ID    codec.Raw `json:"id"`
			Links []struct {
				Href string `json:"href"`
			} `json:"links"`
		} `json:"items"`
	}](request, answer)
	numbers := map[int]bool{}
	for _, item := range list.Items {
		for _, link := range item.Links {
			if found := taskPath.FindStringSubmatch(link.Href); found != nil && found[1] == j.ID {
				number(numbers, found[2])
			}
		}
		number(numbers, strings.Trim(string(item.ID), `"`))
	}
	tasks := make([]Task, 0, len(numbers))
	for n := range numbers {
		tasks = append(tasks, Task{j, n})
	}
	slices.SortFunc(tasks, func(a, b Task) int { return a.Number - b.Number })
	return tasks, answer.Call, err
}

func number(into map[int]bool, text string) {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		into[n] = true
	}
}

// Refusal reads the result of one item: the fault that a single request would have had, where NetSuite refused the item
// for good. Nil: it was written, or no such refusal is certain, because a result is answered with the item's own status:
// 401, 403, 404, 429 and 5xx may be the answer to the reading as well. Ask when the job is completed, NetSuite knows no
// result before, and only for the items that a read-back misses: it is one request each.
func (c *Client) Refusal(ctx context.Context, t Task) (event.Call, error) {
	answer, err := c.Do(ctx, Request{
		Method: http.MethodGet, Path: fmt.Sprintf("%s/task/%d/result", t.Job.path(), t.Number), Purpose: "read task result", reports: true,
	})
	if answer.Status == http.StatusBadRequest && fault.ClassOf(err) == fault.Terminal {
		return answer.Call, err
	}
	return answer.Call, nil
}
