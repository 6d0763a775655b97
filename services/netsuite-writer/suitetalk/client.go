// Package suitetalk is a client of NetSuite's SuiteTalk REST web services: records, SuiteQL, OAuth 2.0
// client credentials. It limits requests in flight, which is what NetSuite limits, and gives every failure
// its fault. Facts: Oracle's NetSuite help, 2026.2.
package suitetalk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/telemetry"
)

// Options says which account and how.
type Options struct {
	URL         string // service URL, e.g. https://1234567.suitetalk.api.netsuite.com
	Credentials Credentials
	Concurrency int     // requests in flight at most, when there is no Limiter
	Limiter     Limiter // nil: Concurrency slots, lanes alike
	Timeout     time.Duration
}

// Client talks to one account.
type Client struct {
	options Options
	http    *http.Client
	limit   Limiter
	tokens  *tokens
}

// New makes a client.
func New(options Options) (*Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.MaxIdleConns = options.Concurrency, 2*options.Concurrency
	c := &Client{
		options: options, limit: options.Limiter,
		http: &http.Client{Transport: transport, Timeout: options.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	if c.limit == nil {
		c.limit = make(slots, options.Concurrency)
	}
	tokens, err := newTokens(options, c.http)
	c.tokens = tokens
	return c, err
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is one call.
type Request struct {
	Method  string
	Path    string // below /services/rest, e.g. "/record/v1/salesOrder/eid:wc-so-main-36"
	Query   url.Values
	Header  map[string]string
	Body    []byte
	Purpose string // in words, for the timeline
}

// Answer is what NetSuite said, and the call as the timeline shows it. On an error Call is filled too.
type Answer struct {
	Status   int
	Location string // of a written record
	Body     []byte
	Call     event.Call
	took     time.Duration
}

const maxAnswer = 64 << 20

// Do sends a request within the limit of requests in flight, on the lane of ctx. A refused token is renewed once.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	release, err := c.limit.Acquire(ctx, LaneOf(ctx))
	if err != nil {
		return Answer{}, err
	}
	answer, err := c.traced(ctx, r)
	release(resultOf(answer, err))
	return answer, err
}

func resultOf(a Answer, err error) Result {
	result := Result{Status: a.Status, Latency: a.took}
	if err != nil {
		result.Fault = fault.CodeOf(err)
	}
	return result
}

func (c *Client) traced(ctx context.Context, r Request) (Answer, error) {
	ctx, span := telemetry.Tracer().Start(ctx, "netsuite "+r.Method, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("orderstream.purpose", r.Purpose), attribute.String("url.path", r.Path)))
	defer span.End()
	answer, err := c.authorised(ctx, r)
	span.SetAttributes(attribute.Int("http.response.status_code", answer.Status))
	if err != nil {
		answer.Call.Problem = err.Error()
		span.SetStatus(codes.Error, string(fault.CodeOf(err)))
	}
	return answer, err
}

func (c *Client) authorised(ctx context.Context, r Request) (Answer, error) {
	token, err := c.tokens.get(ctx, "")
	if err != nil {
		return Answer{Call: event.Call{Method: http.MethodPost, Path: tokenPath, At: time.Now().UTC(), Purpose: "token"}}, err
	}
	answer, err := c.send(ctx, r, token)
	if fault.CodeOf(err) != fault.NetSuiteUnauthorised {
		return answer, err
	}
	// An expired token is renewed once; a second refusal means the credentials, or an overload that NetSuite
	// reports as 401.
	if token, err = c.tokens.get(ctx, token); err != nil {
		return answer, err
	}
	return c.send(ctx, r, token)
}

func (c *Client) send(ctx context.Context, r Request, token string) (Answer, error) {
	target := strings.TrimSuffix(c.options.URL, "/") + "/services/rest" + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "application/json")
	if len(r.Body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.Header {
		request.Header.Set(name, value)
	}
	started := time.Now()
	answer := Answer{Call: event.Call{Method: r.Method, Path: r.Path, At: started.UTC(), Purpose: r.Purpose, SendHash: hash(r.Body)}}
	response, err := c.http.Do(request)
	if err == nil {
		defer response.Body.Close()
		answer.Status, answer.Location = response.StatusCode, response.Header.Get("Location")
		answer.Body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	}
	answer.took = time.Since(started)
	answer.Call.Status, answer.Call.Millis = answer.Status, answer.took.Milliseconds()
	if err != nil {
		return answer, lost(ctx, r, err)
	}
	return answer, classify(r, answer.Status, answer.Body)
}

func hash(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// lost tells a request that never left from one whose answer was lost: only the latter may have happened.
func lost(ctx context.Context, r Request, err error) error {
	var dial *net.OpError
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED), errors.As(err, &dial) && dial.Op == "dial":
		return fault.New(fault.NetSuiteUnavailable, "NetSuite must take the connection", fault.Because(err))
	case r.Method == http.MethodGet || isQuery(r):
		return fault.New(fault.NetSuiteUnavailable, "NetSuite must answer", fault.Because(err))
	default:
		return fault.New(fault.NetSuiteAmbiguous, "the answer must arrive; the write may have happened", fault.Because(err))
	}
}

func isQuery(r Request) bool { return strings.HasPrefix(r.Path, "/query/") }

// ID reads a written record's internal id from its Location.
func (a Answer) ID() (string, error) {
	u, err := url.Parse(a.Location)
	if err != nil || a.Location == "" {
		return "", fault.New(fault.NetSuiteAnswerUnusable, "want a Location with the record's id", fault.Field("Location", a.Location))
	}
	id := path.Base(u.Path)
	if strings.HasPrefix(id, "eid:") {
		return "", fault.New(fault.NetSuiteAnswerUnusable, "want a Location with the internal id", fault.Field("Location", a.Location))
	}
	return id, nil
}
