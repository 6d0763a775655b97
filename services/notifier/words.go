package notifier

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orderstream/orderstream/services/notifier/digest"
)

// body is the webhook's payload, in the shape Standard Webhooks recommends: type, timestamp, data. It is the
// same at every try.
type body struct {
	Type      string    `json:"type"`      // notice.first, notice.repeat, notice.recovered
	Timestamp time.Time `json:"timestamp"` // of the newest occurrence, UTC
	Data      data      `json:"data"`
}

type data struct {
	Title    string    `json:"title"`
	Origin   string    `json:"origin"` // failure, alert
	Stage    string    `json:"stage,omitempty"`
	Kind     string    `json:"kind,omitempty"`
	Code     string    `json:"code"`
	Class    string    `json:"class"`
	Store    string    `json:"store,omitempty"`
	Summary  string    `json:"summary"`
	Field    string    `json:"field,omitempty"`
	Value    string    `json:"value,omitempty"`
	Rule     string    `json:"rule,omitempty"`
	Count    int       `json:"count"`
	Open     int       `json:"open,omitempty"`
	Failures []string  `json:"failures,omitempty"`
	Commands []string  `json:"commands,omitempty"`
	Runbook  string    `json:"runbook"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

func bodyOf(n digest.Notice) body {
	b := body{Type: "notice." + string(n.Part), Timestamp: n.Last, Data: data{
		Title: title(n), Origin: n.Origin, Code: n.Code, Class: n.Class, Store: n.Store, Summary: n.Summary, Field: n.Field, Value: n.Value,
		Rule: n.Rule, Count: n.Count, Open: n.Open, Failures: n.IDs, Commands: commands(n), Runbook: runbook(n), First: n.First, Last: n.Last,
	}}
	if n.Origin == digest.Failure {
		b.Data.Stage = n.Name
	} else {
		b.Data.Kind = n.Name
	}
	return b
}

// title is one line: what, where, how often.
func title(n digest.Notice) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", n.Name, n.Origin, n.Code)
	if n.Store != "" {
		fmt.Fprintf(&b, " (store %s)", n.Store)
	}
	switch {
	case n.Part == digest.Recovered:
		b.WriteString(" is over")
	case n.Part == digest.Repeat:
		fmt.Fprintf(&b, ", %d more", n.Count)
	case n.Count > 1:
		fmt.Fprintf(&b, ", %d times", n.Count)
	}
	return b.String()
}

// headline says what is wrong, or that it is no more.
func headline(n digest.Notice) string {
	if n.Part == digest.Recovered {
		return "Over: " + n.Summary + ". No failure of this cause is open any more."
	}
	return n.Summary
}

func runbook(n digest.Notice) string { return "deploy/runbooks/" + n.Code + ".md" }

func commands(n digest.Notice) []string {
	var list []string
	for _, id := range n.IDs {
		list = append(list, "orderstream failures show "+id)
	}
	return list
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// text is the notice as an e-mail says it.
func text(n digest.Notice) string {
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-9s %s\n", label+":", value)
		}
	}
	fmt.Fprintf(&b, "%s\n\n", headline(n))
	line("Code", n.Code)
	line("Class", n.Class)
	line("Store", n.Store)
	line("Field", n.Field)
	line("Value", n.Value)
	line("Rule", n.Rule)
	line("Count", number(n.Count))
	line("Open", number(n.Open))
	line("First", n.First.Format(time.RFC3339))
	line("Last", n.Last.Format(time.RFC3339))
	line("Runbook", runbook(n))
	for _, command := range commands(n) {
		fmt.Fprintf(&b, "\n  %s", command)
	}
	return b.String() + "\n"
}
