// Package fault names what can go wrong: a closed set of codes, each with the class that decides what
// happens next. The same word stands in metrics, failure queue, alerts and the runbook's file name.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Class says what an error means for the message at hand.
type Class int

// The classes. The zero value is Transient: a forgotten case costs time, never an order.
const (
	Transient   Class = iota // unknown or passing: retry with growing, jittered delay
	Throttled                // the other side is full: wait, everyone slows down
	Unavailable              // the other side is down as a whole: pause, probe, resume; burns no attempt
	Conflict                 // someone wrote first: run again at once; burns no attempt
	Interrupted              // we are stopping: hand back at once; not an attempt
	Terminal                 // same input, same error, for ever: park with code and reason
	Poison                   // cannot be decoded: park raw
)

var classNames = [...]string{"transient", "throttled", "unavailable", "conflict", "interrupted", "terminal", "poison"}

// String gives the class as it stands in messages and metrics.
func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return fmt.Sprintf("class(%d)", int(c))
	}
	return classNames[c]
}

// Error is a fault: a registered code and, where known, the field, its value and the rule it breaks.
// Value is shown to operators; it never holds a secret, and personal data stays out of it.
type Error struct {
	Code  Code
	Field string        // path of the offending field, e.g. "line_items[2].sku"
	Value string        // the offending value, shortened
	Rule  string        // the rule in words
	After time.Duration // wish of the other side for the next try; 0 = none
	cause error
}

// Option adds a detail to a new fault.
type Option func(*Error)

// Field names the field at fault and its value.
func Field(path, value string) Option {
	return func(e *Error) { e.Field, e.Value = path, shorten(value) }
}

// After carries how long the other side wants us to wait.
func After(d time.Duration) Option { return func(e *Error) { e.After = d } }

// Because wraps the cause.
func Because(err error) Option { return func(e *Error) { e.cause = err } }

// New makes a fault with a registered code; rule says in words what was expected.
func New(code Code, rule string, options ...Option) *Error {
	e := &Error{Code: code, Rule: rule}
	for _, option := range options {
		option(e)
	}
	return e
}

// Error says code, field, value, rule and cause, in this order.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	if e.Field != "" {
		fmt.Fprintf(&b, ": %s = %q", e.Field, e.Value)
	}
	if e.Rule != "" {
		b.WriteString(": " + e.Rule)
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Class is the class its code is registered with.
func (e *Error) Class() Class { return e.Code.Class() }

// ClassOf gives the class of the outermost fault in err's chain. Cancellation counts as Interrupted,
// everything unknown as Transient.
func ClassOf(err error) Class {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Class()
	case errors.Is(err, context.Canceled):
		return Interrupted
	default:
		return Transient
	}
}

// CodeOf gives the code of the outermost fault in err's chain, or Unexpected.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Unexpected
}

// AfterOf gives the wished delay of the outermost fault in err's chain, or 0.
func AfterOf(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.After
	}
	return 0
}

const maxValue = 120 // characters of an offending value that are shown

func shorten(value string) string {
	runes := []rune(value)
	if len(runes) <= maxValue {
		return value
	}
	return string(runes[:maxValue]) + "…"
}
