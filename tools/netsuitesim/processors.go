package netsuitesim

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// processors run the tasks of asynchronous jobs, so many at a time. A job that
// was answered with 202 is on disk and is finished after a restart.
type processors struct {
	server *Server
	work   sync.WaitGroup
	tasks  sync.RWMutex // held for reading while a task runs

	mu     sync.Mutex
	more   *sync.Cond // the queue grew, or the end is near
	jobs   map[int64]*job
	keys   map[string]int64 // idempotency key to job
	last   int64
	queue  []unit
	closed bool
	ran    int // tasks done
	failed int // of them with an error
}

// unit is what one processor takes on: a whole job, or one task of a parallel one.
type unit struct {
	job   *job
	tasks []*task
	from  time.Time
}

func newProcessors(s *Server) *processors {
	p := &processors{server: s, jobs: map[int64]*job{}, keys: map[string]int64{}}
	p.more = sync.NewCond(&p.mu)
	return p
}

// start lets the processors work.
func (p *processors) start() {
	for range p.server.cfg.AsyncProcessors {
		p.work.Go(p.loop)
	}
}

// close lets running tasks end; waiting ones stay for the next start.
func (p *processors) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.more.Broadcast()
	p.work.Wait()
}

// reset forgets all jobs, once running tasks have ended.
func (p *processors) reset() {
	p.tasks.Lock()
	defer p.tasks.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.jobs)
	clear(p.keys)
	p.queue, p.ran, p.failed = nil, 0, 0
}

// find is the job with that id; the caller holds the lock.
func (p *processors) find(id string) *job { return p.jobs[number64(id)] }

// accept stores a job and queues it; it returns the id of the first job with
// the same idempotency key, the job's own id when there is none.
func (p *processors) accept(j *job) (int64, error) {
	p.mu.Lock()
	if first, known := p.keys[j.Key]; known && j.Key != "" {
		p.mu.Unlock()
		return first, nil
	}
	p.last++
	j.ID = p.last
	p.jobs[j.ID] = j
	if j.Key != "" {
		p.keys[j.Key] = j.ID
	}
	saved := p.save(j, j.Tasks...)
	p.mu.Unlock()
	if err := saved.wait(); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.enqueue(j, time.Now().Add(p.server.cfg.AsyncDelay))
	return j.ID, nil
}

// enqueue queues what is left of a job; the caller holds the lock.
func (p *processors) enqueue(j *job, from time.Time) {
	var open []*task
	for _, t := range j.Tasks {
		if !t.Done {
			open = append(open, t)
		}
	}
	if !j.Parallel {
		p.queue = append(p.queue, unit{j, open, from})
	} else {
		for _, t := range open {
			p.queue = append(p.queue, unit{j, []*task{t}, from})
		}
	}
	p.more.Broadcast()
}

func (p *processors) loop() {
	for {
		p.mu.Lock()
		for len(p.queue) == 0 && !p.closed {
			p.more.Wait()
		}
		if p.closed {
			p.mu.Unlock()
			return
		}
		next := p.queue[0]
		p.queue = p.queue[1:]
		p.mu.Unlock()
		fault{delay: time.Until(next.from)}.wait(p.server.closing)
		select {
		case <-p.server.closing:
			return // what waits is done after the next start
		default:
		}
		for _, t := range next.tasks {
			p.run(next.job, t)
		}
	}
}

// run does one task and stores its answer, unless the double ends or was reset.
func (p *processors) run(j *job, t *task) {
	p.tasks.RLock()
	defer p.tasks.RUnlock()
	p.mu.Lock()
	if p.closed || p.jobs[j.ID] != j {
		p.mu.Unlock()
		return
	}
	t.Started = p.server.stampTime()
	p.mu.Unlock()

	answer := keep(p.server.run(t.Request))

	p.mu.Lock()
	t.Done, t.Ended, t.Answer = true, p.server.stampTime(), answer
	t.Request = call{} // nobody asks for it again
	p.ran++
	if answer.failed() {
		p.failed++
	}
	saved := p.save(j, t)
	p.mu.Unlock()
	_ = saved.wait() // a state file that fails has failed the task's write already
}

// saving is a write on its way to disk; nil where there is none.
type saving <-chan error

func (s saving) wait() error {
	if s == nil {
		return nil
	}
	return <-s
}

const jobSchema = `
CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS task (job INTEGER NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (job, n)) WITHOUT ROWID;`

// save writes a job and some of its tasks; the caller holds the lock, which
// keeps the order.
func (p *processors) save(j *job, tasks ...*task) saving {
	d := p.server.disk
	if d == nil {
		return nil
	}
	head, err := json.Marshal(j)
	if err != nil {
		return failed(err)
	}
	c := change{statements: []statement{{`INSERT OR REPLACE INTO job (id, body) VALUES (?, ?)`, []any{j.ID, string(head)}}}}
	for n, t := range j.Tasks {
		for _, changed := range tasks {
			if changed != t {
				continue
			}
			text, err := json.Marshal(t)
			if err != nil {
				return failed(err)
			}
			c.statements = append(c.statements, statement{`INSERT OR REPLACE INTO task (job, n, body) VALUES (?, ?, ?)`, []any{j.ID, n, string(text)}})
		}
	}
	return d.write(c)
}

func failed(err error) saving {
	done := make(chan error, 1)
	done <- fmt.Errorf("job: %w", err)
	return done
}

// load reads the jobs of the state file and queues what is left of them.
func (p *processors) load(db *sql.DB) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rows, err := db.Query(`SELECT job.body, task.body FROM job JOIN task ON task.job = job.id ORDER BY job.id, task.n`)
	if err != nil {
		return fmt.Errorf("state file: jobs: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := p.restore(rows); err != nil {
			return fmt.Errorf("state file: jobs: %w", err)
		}
	}
	for id := int64(1); id <= p.last; id++ {
		if j := p.jobs[id]; j != nil && !j.done() {
			p.enqueue(j, time.Now().Add(p.server.cfg.AsyncDelay))
		}
	}
	return rows.Err()
}

func (p *processors) restore(rows *sql.Rows) error {
	var head, body string
	if err := rows.Scan(&head, &body); err != nil {
		return err
	}
	j, t := &job{}, &task{}
	if err := errors.Join(json.Unmarshal([]byte(head), j), json.Unmarshal([]byte(body), t)); err != nil {
		return err
	}
	if known := p.jobs[j.ID]; known != nil {
		j = known
	}
	j.Tasks = append(j.Tasks, t)
	p.jobs[j.ID] = j
	p.last = max(p.last, j.ID)
	if j.Key != "" {
		p.keys[j.Key] = j.ID
	}
	return nil
}
