package topology

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Validate proves the topology sound without a server: unique names, streams whose subjects do not
// overlap, consumers whose filters lie inside their stream (JetStream accepts one that matches nothing),
// replicas it can have. All mistakes are reported at once.
func (t Topology) Validate() error {
	var problems []error
	if t.Replicas != 1 && t.Replicas != 3 && t.Replicas != 5 {
		problems = append(problems, fmt.Errorf("replicas = %d: want 1, 3 or 5", t.Replicas))
	}
	problems = append(problems, t.validateStreams()...)
	return errors.Join(append(problems, t.validateConsumers()...)...)
}

func (t Topology) validateStreams() []error {
	var problems []error
	owner := map[string]string{}
	names := map[string]bool{}
	for _, s := range t.Streams {
		if names[s.Name] {
			problems = append(problems, fmt.Errorf("stream %s: declared twice", s.Name))
		}
		names[s.Name] = true
		if s.MaxAge != 0 && s.Duplicates > s.MaxAge {
			problems = append(problems, fmt.Errorf("stream %s: duplicate window %v is longer than its age limit %v", s.Name, s.Duplicates, s.MaxAge))
		}
		if s.MaxAge != 0 && s.MaxAge < time.Hour {
			problems = append(problems, fmt.Errorf("stream %s: age limit %v: want at least 1h", s.Name, s.MaxAge))
		}
		for _, filter := range s.Subjects {
			for other, name := range owner {
				if overlap(filter, other) {
					problems = append(problems, fmt.Errorf("streams %s and %s overlap: %s and %s", s.Name, name, filter, other))
				}
			}
			owner[filter] = s.Name
		}
	}
	return problems
}

func (t Topology) validateConsumers() []error {
	var problems []error
	subjects := map[string][]string{}
	for _, s := range t.Streams {
		subjects[s.Name] = s.Subjects
	}
	seen := map[string]bool{}
	for _, c := range t.Consumers {
		name := c.Stream + "/" + c.Config.Durable
		if seen[name] {
			problems = append(problems, fmt.Errorf("consumer %s: declared twice", name))
		}
		seen[name] = true
		of, known := subjects[c.Stream]
		if !known {
			problems = append(problems, fmt.Errorf("consumer %s: no such stream", name))
			continue
		}
		for _, filter := range c.Config.FilterSubjects {
			if !coveredByAny(filter, of) {
				problems = append(problems, fmt.Errorf("consumer %s: filter %s lies outside its stream's %v", name, filter, of))
			}
		}
	}
	return problems
}

func coveredByAny(filter string, subjects []string) bool {
	for _, s := range subjects {
		if covers(s, filter) {
			return true
		}
	}
	return false
}

// covers tells whether every subject that inner matches is matched by outer too.
func covers(outer, inner string) bool {
	o, i := strings.Split(outer, "."), strings.Split(inner, ".")
	for n, token := range o {
		switch {
		case token == ">":
			return len(i) > n
		case n >= len(i):
			return false
		case token == "*" && i[n] != ">":
		case token != i[n]:
			return false
		}
	}
	return len(o) == len(i)
}

// overlap tells whether some subject matches both.
func overlap(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for n := 0; n < len(x) && n < len(y); n++ {
		if x[n] == ">" || y[n] == ">" {
			return true
		}
		if x[n] != "*" && y[n] != "*" && x[n] != y[n] {
			return false
		}
	}
	return len(x) == len(y)
}
