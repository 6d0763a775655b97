package statuspublisher

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/natstest"
)

// A sales order that has shipped waits for the numbers of a fulfilment that was told before it and is on its way: with
// another process, or to its next try. What fails for a minute, or for good, holds it up no longer.
func TestNumbersAreToldBeforeTheStatus(t *testing.T) {
	const failing = `{"code":"internal_server_error","message":"","data":{"status":500}}`
	for name, c := range map[string]struct {
		status int // the shop's answer to the number; 0: it is not asked yet
		parcel event.NetSuiteChangedV1
		later  time.Duration
		waits  bool
	}{
		"with another process":    {0, parcel("5012", "C", "1Z1"), 0, true},
		"told":                    {201, parcel("5012", "C", "1Z1"), 0, false},
		"to its next try":         {500, parcel("5012", "C", "1Z1"), 0, true},
		"it fails for a minute":   {500, parcel("5012", "C", "1Z1"), 2 * time.Minute, false},
		"it fails for good":       {400, parcel("5012", "C", "1Z1"), 0, false},
		"it has no number":        {0, parcel("5012", "C"), 0, false},
		"it has not left":         {0, parcel("5012", "B", "1Z1"), 0, false},
		"no one has come to tell": {0, parcel("5012", "C", "1Z1"), 2 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := prepare(t, quiet)
			b.shop.plugins = []string{"wc-shipment-tracking/v3"}
			o := b.placed("processing")
			number := b.change(c.parcel)
			shipped := b.change(sold("F", line("1", "2"), line("2", "2")))
			shipped.StoredAt = b.service.now()
			if c.status >= 400 {
				b.shop.instead(func(q request) *answer {
					if q.method == http.MethodPost && strings.HasSuffix(q.path, "/shipment-trackings") {
						return &answer{c.status, nil, failing}
					}
					return nil
				})
			}
			if c.status != 0 {
				messages, _ := b.service.handleChange(natstest.Context(t), number)
				b.store(messages)
			}
			now := b.service.now().Add(c.later)
			b.service.now = func() time.Time { return now }
			asked := len(b.shop.asked())
			_, err := b.service.handleChange(natstest.Context(t), shipped)
			switch {
			case c.waits && (fault.ClassOf(err) != fault.Conflict || err == nil || len(b.shop.asked()) != asked || o.status != "processing"):
				t.Errorf("status %s, %v after %d requests; want it to wait for the number", o.status, err, len(b.shop.asked())-asked)
			case !c.waits && (err != nil || o.status != "completed"):
				t.Errorf("status %s, %v; want it completed", o.status, err)
			}
		})
	}
}
