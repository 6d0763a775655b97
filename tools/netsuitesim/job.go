package netsuitesim

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// job is one asynchronous request: a single one has one task, a batch one per
// record, in the order of its items.
type job struct {
	ID       int64   `json:"id"`
	Key      string  `json:"key,omitempty"` // idempotency key
	Parallel bool    `json:"parallel,omitempty"`
	Tasks    []*task `json:"-"`
}

// task is one request of a job and, once done, its answer.
type task struct {
	Request call    `json:"request"`
	Done    bool    `json:"done"`
	Answer  outcome `json:"answer"`
	Started string  `json:"started,omitempty"`
	Ended   string  `json:"ended,omitempty"`
}

// call is a request that waits for a processor.
type call struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"` // absolute, with its query
	Header  http.Header `json:"header"`
	Body    []byte      `json:"body,omitempty"`
	Refusal *refused    `json:"refusal,omitempty"` // an item that cannot be read: its answer
}

// refused is a problem that can be stored.
type refused struct {
	Detail, Path string
}

// outcome is an answer that can be stored.
type outcome struct {
	Status   int    `json:"status"`
	Location string `json:"location,omitempty"`
	Warned   string `json:"warned,omitempty"`
	Type     string `json:"type,omitempty"`
	Body     []byte `json:"body,omitempty"`
}

func keep(r reply) outcome {
	return outcome{
		Status: r.status, Location: r.header.Get("Location"), Warned: r.header.Get("X-NetSuite-PropertyValidation"),
		Type: r.header.Get("Content-Type"), Body: r.body,
	}
}

func (o outcome) reply() reply {
	r := reply{status: o.Status, body: o.Body}
	for name, value := range map[string]string{"Location": o.Location, "X-NetSuite-PropertyValidation": o.Warned, "Content-Type": o.Type} {
		if value != "" {
			r = r.with(name, value)
		}
	}
	return r
}

func (o outcome) failed() bool { return o.Status >= http.StatusBadRequest }

func (j *job) done() bool {
	for _, t := range j.Tasks {
		if !t.Done {
			return false
		}
	}
	return true
}

// request is the call as the handlers see it.
func (c call) request() (*http.Request, error) {
	r, err := http.NewRequest(c.Method, c.URL, bytes.NewReader(c.Body))
	if err != nil {
		return nil, err
	}
	r.Header = c.Header.Clone()
	return r, nil
}

// run answers a call as if it had come alone; the faults of tasks befall it.
func (s *Server) run(c call) reply {
	if c.Refusal != nil {
		return invalidContent(c.Refusal.Path, "%s", c.Refusal.Detail).reply()
	}
	r, err := c.request()
	if err != nil {
		return malformed().reply()
	}
	f := s.faults.draw(r, true)
	f.wait(s.closing)
	if early, stop := f.before(); stop {
		return early
	}
	answer := f.after(s.route(r, strings.TrimPrefix(r.URL.Path, servicePath)))
	answer.drop = false // there is no connection to drop
	return answer
}

// job answers the paths below async/v1/job.
func (s *Server) job(r *http.Request, parts []string) reply {
	if r.Method != http.MethodGet {
		return wrongMethod(r.Method).reply()
	}
	at := "http://" + r.Host + servicePath + "async/v1/" + strings.Join(parts, "/")
	s.processors.mu.Lock()
	defer s.processors.mu.Unlock()
	j := s.processors.find(parts[1])
	if j == nil {
		return notFound().reply()
	}
	if len(parts) == 2 {
		return jsonReply(http.StatusOK, singular, s.showJob(j, at))
	}
	if parts[2] != "task" {
		return notFound().reply()
	}
	if len(parts) == 3 {
		return jsonReply(http.StatusOK, collection, s.showTasks(j, at))
	}
	n := number64(parts[3])
	if n < 1 || n > int64(len(j.Tasks)) {
		return notFound().reply()
	}
	t := j.Tasks[n-1]
	switch {
	case len(parts) == 4:
		return jsonReply(http.StatusOK, singular, s.showTask(t, n, at))
	case len(parts) == 5 && parts[4] == "result" && t.Done:
		return t.Answer.reply()
	}
	return notFound().reply()
}

// showJob renders a job. It has succeeded once all its tasks are done, even if
// every one of them failed.
func (s *Server) showJob(j *job, at string) fields {
	progress := "pending"
	if j.done() {
		progress = "succeeded"
	}
	return fields{
		"links": self(at), "id": decimalID(j.ID), "completed": j.done(), "progress": progress,
		"task": fields{"links": self(at + "/task")},
	}
}

// showTasks renders the task list: Oracle's sample has one item that links to
// all tasks, other accounts one item per task.
func (s *Server) showTasks(j *job, at string) fields {
	var links []fields
	var each []fields
	for i := range j.Tasks {
		id := decimalID(int64(i + 1))
		links = append(links, self(at+"/"+id)...)
		each = append(each, fields{"id": id, "links": self(at + "/" + id)})
	}
	if !s.cfg.Switches.TaskPerItem {
		each = []fields{{"links": links}}
	}
	return fields{"links": self(at), "count": len(each), "hasMore": false, "items": each, "offset": 0, "totalResults": len(each)}
}

func (s *Server) showTask(t *task, n int64, at string) fields {
	out := fields{
		"links": append([]fields{{"rel": "related", "href": at + "/result"}}, self(at)...),
		"id":    decimalID(n), "completed": t.Done, "progress": "pending",
	}
	if t.Started != "" {
		out["startTime"] = t.Started
	}
	if t.Done {
		out["endTime"], out["progress"] = t.Ended, "succeeded"
		if t.Answer.failed() && !s.cfg.Switches.FailedTaskSucceeds {
			out["progress"] = "failed"
		}
	}
	return out
}

// stampTime is how jobs write times.
func (s *Server) stampTime() string { return s.cfg.Now().UTC().Format(time.RFC3339) }
