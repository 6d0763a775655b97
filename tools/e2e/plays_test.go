package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/services/ingest/signature"
	"github.com/orderstream/orderstream/tools/e2e/world"
)

// play is a random sequence of states of one order: the template with another status and note.
type play struct {
	id         int
	statuses   []string
	deliveries []capture.Delivery // in the order they are sent: shuffled a little, some twice
	last       []byte             // body of the newest state
	note       string             // in it
}

// filled is where a state's own values stand in the template, {} for the value.
var filled = [][2]string{
	{`"id":36,"parent_id"`, `"id":{},"parent_id"`}, {`"number":"36"`, `"number":"{}"`}, {`"status":"processing"`, `"status":"{}"`},
	{`"date_modified_gmt":"2026-11-23T03:10:33"`, `"date_modified_gmt":"2026-12-01T00:00:{}"`}, {`"customer_note":""`, `"customer_note":"{}"`},
}

func newPlay(t *testing.T, random *rand.Rand, template capture.Delivery, id int) play {
	t.Helper()
	p := play{id: id}
	for n := range 1 + random.IntN(4) {
		status := []string{"pending", "on-hold", "processing", "processing", "completed", "cancelled"}[random.IntN(6)]
		note := strings.Repeat("x", random.IntN(3)+1)
		body := template.Body
		for i, value := range []string{fmt.Sprint(id), fmt.Sprint(id), status, fmt.Sprintf("%02d", n), note} {
			if !bytes.Contains(body, []byte(filled[i][0])) {
				t.Fatalf("the template has no %q", filled[i][0])
			}
			body = bytes.Replace(body, []byte(filled[i][0]), []byte(strings.Replace(filled[i][1], "{}", value, 1)), 1)
		}
		d := signed(template, body, fmt.Sprintf("%d-%d", id, n))
		p.statuses, p.last, p.note = append(p.statuses, status), body, note
		p.deliveries = append(p.deliveries, d)
		if random.IntN(4) == 0 {
			p.deliveries = append(p.deliveries, d)
		}
	}
	for i := 1; i < len(p.deliveries); i++ {
		if random.IntN(4) == 0 {
			p.deliveries[i-1], p.deliveries[i] = p.deliveries[i], p.deliveries[i-1]
		}
	}
	return p
}

// signed is a delivery with another body and id.
func signed(d capture.Delivery, body []byte, id string) capture.Delivery {
	d.Body = body
	header := d.Header
	d.Header = nil
	for _, line := range header {
		switch line[0] {
		case "X-WC-Webhook-Signature":
			line[1] = signature.Sign(body, capture.Secret)
		case "X-WC-Webhook-Delivery-ID":
			line[1] = id
		}
		d.Header = append(d.Header, line)
	}
	return d
}

// send posts the plays, several orders at a time.
func send(t *testing.T, w world.World, plays []play) {
	t.Helper()
	next := make(chan play)
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for p := range next {
				for _, d := range p.deliveries {
					if status, err := w.TryPost(d); err != nil || status != 200 {
						t.Errorf("order %d: answered %d, %v", p.id, status, err)
					}
				}
			}
		})
	}
	for _, p := range plays {
		next <- p
	}
	close(next)
	senders.Wait()
}

// check holds NetSuite against an accepted order; "" when it is right.
func (p play) check(records map[string]world.SalesOrder) string {
	so, is := records[fmt.Sprintf("wc-so-main-%d", p.id)]
	switch {
	case !is:
		return "no sales order"
	case so.Status.ID != "B":
		return "status " + so.Status.ID + ", want B"
	case !world.SameAmount(so.Total.String(), "28.14") || len(so.Item.Items) != 1:
		return fmt.Sprintf("total %s with %d lines, want 28.14 with one", so.Total, len(so.Item.Items))
	case so.Note != p.note:
		return fmt.Sprintf("note %q, want %q", so.Note, p.note)
	default:
		return ""
	}
}
