package suitetalk

import (
	"context"
	"net/http"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Limits are an account's limits of requests in flight (Oracle's help, article_0625010817); 0 where NetSuite is silent.
type Limits struct {
	Account     int    `json:"accountConcurrencyLimit"`            // of all integrations together
	Unallocated int    `json:"accountUnallocatedConcurrencyLimit"` // of those without slots of their own
	Integration int    `json:"integrationConcurrencyLimit"`        // of this one, when Kind is integrationSpecific
	Kind        string `json:"integrationLimitType"`               // integrationSpecific, accountLimit, internal
}

// Ceiling is how many requests this integration can have in flight while no other takes slots; 0: unknown.
func (l Limits) Ceiling() int {
	switch {
	case l.Kind == "integrationSpecific" && l.Integration > 0:
		return l.Integration
	case l.Unallocated > 0:
		return l.Unallocated
	default:
		return l.Account
	}
}

// GovernanceLimits reads the account's limits. Only an Administrator's role may: fault.NetSuiteForbidden otherwise.
func (c *Client) GovernanceLimits(ctx context.Context) (Limits, error) {
	return read[Limits](ctx, c, Request{Method: http.MethodGet, Path: "/system/v1/governanceLimits", Purpose: "read limits"})
}

// ServerTime reads NetSuite's clock, exact to the millisecond; every role may.
func (c *Client) ServerTime(ctx context.Context) (time.Time, error) {
	answer, err := read[struct {
		Time time.Time `json:"serverTime"`
	}](ctx, c, Request{Method: http.MethodGet, Path: "/system/v1/serverTime", Purpose: "read the time"})
	if err == nil && answer.Time.IsZero() {
		err = fault.New(fault.NetSuiteAnswerUnusable, "want a time", fault.Field("serverTime", ""))
	}
	return answer.Time.UTC(), err
}

func read[T any](ctx context.Context, c *Client, r Request) (T, error) {
	var none T
	answer, err := c.Do(ctx, r)
	if err != nil {
		return none, err
	}
	return decode[T](r, answer)
}

// decode reads the body of a successful answer.
func decode[T any](r Request, a Answer) (T, error) {
	value, err := codec.Decode[T](a.Body)
	if err != nil {
		err = fault.New(fault.NetSuiteAnswerUnusable, "want the JSON of "+r.Path, fault.Because(err))
	}
	return value, err
}
