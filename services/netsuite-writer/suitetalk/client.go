// Package suitetalk is a client of NetSuite's SuiteTalk REST web services: records, transformations, SuiteQL,
// asynchronous batches; OAuth 2.0 client credentials or token-based authentication. It asks a limiter before each
// request, because requests in flight are what NetSuite limits, and gives every failure its fault. Facts: Oracle's
// NetSuite help, 2026.2.
package suitetalk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path"
	"strings"
	"sync/atomic"
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
	Login       func() (Credentials, error) // reads the credentials again at each renewal and refusal; nil: they are fixed
	Log         *slog.Logger                // hears of credentials that were replaced; nil: nobody does
	Concurrency int                         // requests in flight at most, when there is no Limiter
	Limiter     Limiter                     // nil: Concurrency slots, lanes alike
	Timeout     time.Duration
}

// Client talks to one account.
type Client struct {
	base      string // up to and with /services/rest
	http      *http.Client
	limit     Limiter
	authority authority
	standing  standing
}

// idleConnections is how many connections wait for their next request: the 140 slots that an account can have at most,
// and a few for tokens.
const idleConnections = 144

// New makes a client. Nothing is sent before the first request.
func New(options Options) (*Client, error) {
	c := &Client{
		base: strings.TrimSuffix(options.URL, "/") + "/services/rest", limit: options.Limiter,
		http: &http.Client{Transport: transport(), Timeout: options.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	if c.limit == nil {
		c.limit = make(slots, options.Concurrency)
	}
	var err error
	c.authority, err = newAuthority(options, c.base, c.http)
	return c, err
}

// transport keeps one connection per request in flight alive. HTTP/1.1 on purpose: over HTTP/2 all requests share a
// connection, and when it is lost every write on it becomes ambiguous at once.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.MaxIdleConns = idleConnections, idleConnections
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ForceAttemptHTTP2 = false
	return t
}

// Close ends a renewal of the token under way and drops idle connections.
func (c *Client) Close() {
	c.authority.close()
	c.http.CloseIdleConnections()
}

// Request is one call.
type Request struct {
	Method  string
	Path    string // below /services/rest, e.g. "/record/v1/salesOrder/eid:wc-so-main-36"
	Query   url.Values
	Header  map[string]string
	Body    []byte
	Purpose string // in words, for the timeline

	reports bool // the answer is another request's: the result of a task
}

// reads tells whether the request changes nothing.
func (r Request) reads() bool {
	return r.Method == http.MethodGet || strings.HasPrefix(r.Path, "/query/")
}

// Answer is what NetSuite said, and the call as the timeline shows it. On an error Call is filled too, and Status and
// Location as far as there was an answer.
type Answer struct {
	Status   int
	Location string // of a written record, a job
	Body     []byte
	Call     event.Call

	job  string // X-NetSuite-JobId
	date string // NetSuite's clock
	took time.Duration
}

const maxAnswer = 64 << 20

// Do sends a request when the limiter lets it, on the lane of ctx. A refused token is renewed once, unless refusals go on.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	if err := addressable(r.Path); err != nil {
		return Answer{}, err
	}
	release, err := c.limit.Acquire(ctx, LaneOf(ctx))
	if err != nil {
		return Answer{}, err
	}
	answer, err := c.traced(ctx, r)
	release(resultOf(r, answer, err))
	return answer, err
}

func resultOf(r Request, a Answer, err error) Result {
	if r.reports && err != nil { // it may be the other request's, which held no slot
		return Result{Fault: fault.Unexpected, Latency: a.took}
	}
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

func (c *Client) target(r Request) string {
	target := c.base + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	return target
}

func (c *Client) authorised(ctx context.Context, r Request) (Answer, error) {
	target := c.target(r)
	header, err := c.authority.header(ctx, r.Method, target)
	if err != nil {
		return Answer{Call: event.Call{Method: http.MethodPost, Path: tokenPath, At: time.Now().UTC(), Purpose: "token"}}, err
	}
	answer, err := c.send(ctx, r, target, header)
	if r.reports && err != nil { // a refused login may be the other request's
		return answer, err
	}
	if answer.Status == http.StatusUnauthorized {
		again, failed := c.authority.renew(ctx, header, answer.date)
		if failed != nil {
			return answer, failed
		}
		if again != nil {
			if header, failed = again.header(ctx, r.Method, target); failed != nil {
				return answer, failed
			}
			if answer, err = c.send(ctx, r, target, header); err == nil {
				again.accepted()
			}
		}
	}
	return answer, c.standing.judge(answer, err)
}

func (c *Client) send(ctx context.Context, r Request, target, authorization string) (Answer, error) {
	trace := &departure{}
	request, err := http.NewRequestWithContext(trace.watch(ctx), r.Method, target, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, fmt.Errorf("request %s %s: %w", r.Method, r.Path, err)
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Accept", "application/json")
	if len(r.Body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.Header {
		request.Header.Set(name, value)
	}
	started := time.Now()
	answer := Answer{Call: event.Call{Method: r.Method, Path: r.Path, At: started.UTC(), Purpose: r.Purpose, SendHash: hash(r.Body)}}
	header, err := c.exchange(request, &answer)
	answer.took = time.Since(started)
	answer.Call.Status, answer.Call.Millis = answer.Status, answer.took.Milliseconds()
	if err != nil {
		return answer, trace.lost(ctx, r, err)
	}
	return answer, classify(r, reply{answer.Status, header, answer.Body})
}

func (c *Client) exchange(request *http.Request, answer *Answer) (http.Header, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer.Status, answer.Location = response.StatusCode, response.Header.Get("Location")
	answer.job, answer.date = response.Header.Get("X-NetSuite-JobId"), response.Header.Get("Date")
	answer.Body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(answer.Body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	return response.Header, err
}

func hash(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// departure tells a request that never left from one whose answer was lost: only the latter may have happened.
type departure struct{ left atomic.Bool }

func (d *departure) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// The transport tries a second connection only when nothing went out on the first.
		GetConn:      func(string) { d.left.Store(false) },
		WroteHeaders: func() { d.left.Store(true) },
	})
}

func (d *departure) lost(ctx context.Context, r Request, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case !d.left.Load():
		return fault.New(fault.NetSuiteUnavailable, "NetSuite must take the connection", fault.Because(err))
	case r.reads():
		return fault.New(fault.NetSuiteUnavailable, "NetSuite must answer", fault.Because(err))
	default:
		return fault.New(fault.NetSuiteAmbiguous, "the answer must arrive; the write may have happened", fault.Because(err))
	}
}

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
