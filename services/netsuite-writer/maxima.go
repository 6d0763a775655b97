package netsuitewriter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/netsuite-writer/plan"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// maxima are the longest values of fields, learnt from NetSuite's refusals: the REST schema states none. What one refusal
// taught serves every later record, over restarts too.
type maxima struct {
	js  jetstream.JetStream
	key string // in the bucket
	log *slog.Logger

	mu     sync.Mutex
	limits map[string]map[string]plan.Limit // record → field in lower case
}

func openMaxima(ctx context.Context, js jetstream.JetStream, account string, log *slog.Logger) (*maxima, error) {
	m := &maxima{js: js, key: "maxima." + account, log: log, limits: map[string]map[string]plan.Limit{}}
	bucket, err := js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", topology.Cursors, err)
	}
	entry, err := bucket.Get(ctx, m.key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %s: %w", topology.Cursors, m.key, err)
	}
	m.limits, err = codec.Decode[map[string]map[string]plan.Limit](entry.Value())
	return m, err
}

// of gives the limits of a record's fields.
func (m *maxima) of(record string) map[string]plan.Limit {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.limits[record])
}

// learn notes what the refusal of a record says that was shortened to cut; false: nothing that would shorten it more.
// Records that are under way together are refused for the same field, so what counts is what this one was cut to.
func (m *maxima) learn(ctx context.Context, record string, cut map[string]plan.Limit, refusal error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	shorter, news := false, false
	for _, maximum := range suitetalk.MaximaOf(refusal) {
		field := fieldOf(maximum)
		before := cut[field]
		limit := plan.Limit{Length: maximum.Characters, Bytes: before.Length == maximum.Characters || strings.HasPrefix(field, "cust")}
		shorter = shorter || limit != before
		news = m.take(record, field, limit) || news
	}
	if news {
		m.store(ctx)
	}
	return shorter
}

// take notes a limit; false: it is known, or is known to count in bytes.
func (m *maxima) take(record, field string, limit plan.Limit) bool {
	known := m.limits[record][field]
	if known == limit || known.Bytes && known.Length == limit.Length {
		return false
	}
	if m.limits[record] == nil {
		m.limits[record] = map[string]plan.Limit{}
	}
	m.limits[record][field] = limit
	return true
}

// fieldOf names the property: the path's last part where there is one, for the sentence may use the form's label. Custom
// text counts in bytes (Oracle's help, section_N2842731), and so does a field that still does not fit.
func fieldOf(m suitetalk.Maximum) string {
	name := m.Field
	if m.Path != "" {
		name = m.Path[strings.LastIndexByte(m.Path, '.')+1:]
	}
	name, _, _ = strings.Cut(name, "[")
	return strings.ToLower(name)
}

// store keeps what is known. Losing it costs one refused request per field.
func (m *maxima) store(ctx context.Context) {
	err := m.write(ctx)
	if err != nil {
		m.log.WarnContext(ctx, "learnt maxima are not kept over a restart", "error", err)
	}
}

func (m *maxima) write(ctx context.Context) error {
	bucket, err := m.js.KeyValue(ctx, topology.Cursors)
	if err != nil {
		return err
	}
	data, err := codec.Encode(m.limits)
	if err != nil {
		return err
	}
	_, err = bucket.Put(ctx, m.key, data)
	return err
}

// fits is how often a record is shortened and sent again before its refusal stands: NetSuite names one field at a time.
const fits = 6

// scribe sends records, shortened to what NetSuite takes.
type scribe struct {
	client *suitetalk.Client
	maxima *maxima
}

// sent is what became of a record: the last answer, the calls it took, the fields that were cut.
type sent struct {
	suitetalk.Answer
	calls []event.Call
	cut   []string
}

func (s scribe) send(ctx context.Context, record string, r suitetalk.Request) (sent, error) {
	var done sent
	for try := 1; ; try++ {
		limits := s.maxima.of(record)
		body, cut, err := plan.Cut(r.Body, limits)
		if err != nil {
			return done, err
		}
		r.Body, done.cut = body, append(done.cut, cut...)
		done.Answer, err = s.client.Do(ctx, r)
		done.calls = append(done.calls, done.Call)
		if fault.CodeOf(err) != fault.NetSuiteFieldTooLong || try == fits || !s.maxima.learn(ctx, record, limits, err) {
			return done, err
		}
	}
}
