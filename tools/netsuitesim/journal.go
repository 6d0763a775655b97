package netsuitesim

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// journalSize is how many requests the log keeps.
const journalSize = 20000

// Entry is one request of the log.
type Entry struct {
	Time         time.Time `json:"time"`
	Method       string    `json:"method"`
	Path         string    `json:"path"` // with its query
	Status       int       `json:"status"`
	InFlight     int       `json:"inFlight"` // requests in flight when it came, itself included
	Milliseconds float64   `json:"milliseconds"`
	Dropped      bool      `json:"dropped,omitempty"` // closed without an answer
	Tables       []string  `json:"tables,omitempty"`  // that a SuiteQL statement reads, as it names them
}

// journal keeps the newest requests and counts all.
type journal struct {
	mu       sync.Mutex
	ring     []Entry
	next     int
	total    int
	byStatus map[string]int
	byPath   map[string]int
	orderPut int
}

func newJournal() *journal {
	j := &journal{}
	j.reset()
	return j
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ring, j.next, j.total, j.orderPut = nil, 0, 0, 0
	j.byStatus, j.byPath = map[string]int{}, map[string]int{}
}

func (j *journal) add(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.ring) < journalSize {
		j.ring = append(j.ring, e)
	} else {
		j.ring[j.next] = e
	}
	j.next = (j.next + 1) % journalSize
	j.total++
	status := strconv.Itoa(e.Status)
	if e.Dropped {
		status = "dropped"
	}
	j.byStatus[status]++
	shape := pathShape(e.Method, e.Path)
	j.byPath[shape]++
	if shape == "PUT record/v1/salesorder/eid:{}" {
		j.orderPut++
	}
}

var idPart = regexp.MustCompile(`/(eid:[^/]*|-?[0-9]+)`)

// pathShape is a path without its ids and its query, so that it can be counted.
func pathShape(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	path = strings.TrimPrefix(path, servicePath)
	path = idPart.ReplaceAllStringFunc(path, func(part string) string {
		if strings.HasPrefix(part, "/eid:") {
			return "/eid:{}"
		}
		return "/{}"
	})
	return method + " " + strings.ToLower(path)
}

// entries are the logged requests whose path contains the text, oldest first,
// the newest limit of them.
func (j *journal) entries(pathContains string, limit int) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := []Entry{}
	for i := range j.ring {
		e := j.ring[(j.start()+i)%len(j.ring)]
		if strings.Contains(strings.ToLower(e.Path), strings.ToLower(pathContains)) {
			out = append(out, e)
		}
	}
	if limit > 0 && len(out) > limit {
		out = out[len(out)-limit:]
	}
	return out
}

// start is the place of the oldest entry.
func (j *journal) start() int {
	if len(j.ring) < journalSize {
		return 0
	}
	return j.next
}
