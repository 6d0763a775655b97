package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestClassOf(t *testing.T) {
	inner := New(NetSuiteThrottled, "wait")
	for _, c := range []struct {
		err  error
		want Class
	}{
		{nil, Transient}, {errors.New("x"), Transient}, {inner, Throttled}, {fmt.Errorf("while: %w", inner), Throttled},
		{context.Canceled, Interrupted}, {fmt.Errorf("while: %w", context.Canceled), Interrupted}, {context.DeadlineExceeded, Transient},
		{New(AttemptsExhausted, "", Because(inner)), Terminal}, // the outermost leads
	} {
		if got := ClassOf(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

func TestErrorNamesFieldValueAndRule(t *testing.T) {
	err := New(OrderInvalid, "want digits", Field("line_items[2].quantity", "many"), Because(errors.New("cause")), After(time.Second))
	if got, want := err.Error(), `order-invalid: line_items[2].quantity = "many": want digits: cause`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if AfterOf(fmt.Errorf("x: %w", err)) != time.Second || CodeOf(err) != OrderInvalid || CodeOf(errors.New("x")) != Unexpected {
		t.Error("code or delay is lost in wrapping")
	}
	if long := New(OrderInvalid, "", Field("f", strings.Repeat("ä", 500))).Value; len([]rune(long)) > maxValue+1 {
		t.Errorf("a value of %d characters is shown", len([]rune(long)))
	}
}

func TestEveryCodeIsRegistered(t *testing.T) {
	for _, code := range Codes() {
		if !code.Registered() || code.Summary() == "" || strings.ToLower(string(code)) != string(code) {
			t.Errorf("%s: want a lower-case word with a summary", code)
		}
	}
	if Code("made-up").Registered() || Code("made-up").Class() != Transient {
		t.Error("an unknown code must be transient: it costs time, never an order")
	}
}
