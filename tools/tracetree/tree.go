package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// traceOf gives the trace that a span of this name begins; "" where there is none.
func traceOf(spans []span, root string) string {
	for _, s := range spans {
		if s.Name == root && s.Parent == "" {
			return s.Trace
		}
	}
	return ""
}

// split parts the spans of one trace from the others, both by start.
func split(spans []span, id string) (of, others []span) {
	for _, s := range spans {
		if s.Trace == id {
			of = append(of, s)
		} else {
			others = append(others, s)
		}
	}
	slices.SortStableFunc(of, byStart)
	slices.SortStableFunc(others, byStart)
	return of, others
}

func byStart(a, b span) int { return a.Start.Compare(b.Start) }

// printTree writes spans as an indented tree: when a step began after zero, how long it took, its name and
// attributes. A span whose parent is missing stands at the left.
func printTree(w io.Writer, spans []span, zero time.Time) {
	known := map[string]bool{}
	children := map[string][]span{}
	for _, s := range spans {
		known[s.ID] = true
	}
	for _, s := range spans {
		parent := s.Parent
		if !known[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	var below func(parent string, depth int)
	below = func(parent string, depth int) {
		for _, s := range children[parent] {
			fmt.Fprintln(w, line(s, zero, depth))
			below(s.ID, depth+1)
		}
	}
	below("", 0)
}

const nameWidth = 30 // columns of indent and name

func line(s span, zero time.Time, depth int) string {
	name := strings.Repeat("  ", depth) + s.Name
	text := fmt.Sprintf("%9s %9s  %-*s %s", millis(s.Start.Sub(zero)), millis(s.End.Sub(s.Start)), nameWidth, name, about(s))
	return strings.TrimRight(text, " ")
}

func millis(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

// Attributes shown, in this order; the last part of the name stands before the value where it is no plain text.
var shown = []struct{ key, label string }{
	{"orderstream.purpose", ""}, {"url.path", ""}, {"http.response.status_code", "→"}, {"orderstream.store", "store"}, {"orderstream.topic", ""},
	{"orderstream.object", "object"}, {"messaging.destination.name", ""}, {"orderstream.sequence", "sequence"},
}

func about(s span) string {
	var parts []string
	for _, a := range shown {
		value, is := s.Attributes[a.key]
		switch {
		case !is || value == "":
		case a.label == "":
			parts = append(parts, value)
		default:
			parts = append(parts, a.label+" "+value)
		}
	}
	if s.Failed != "" {
		parts = append(parts, "failed: "+s.Failed)
	}
	return strings.Join(parts, "  ")
}
