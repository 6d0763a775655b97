package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/internal/publish"
)

// Transport dedupe: one HTTP request is stored once. The delivery id alone is not unique (all deliveries of
// a webhook within one second share it), so the body's hash is part of the id.
func messageID(w event.WebhookReceivedV1) string {
	return strings.Join([]string{w.Store, w.Topic, w.WebhookID, w.DeliveryID, w.BodySHA256}, ":")
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// A record of the door log is the length of its head (4 bytes), the head, the body. The head is lines of text:
// subject, message id, then name and value of each header by turns; no value holds a line break (clean).
const headSize = 1 << 10 // bytes; more than a usual head

// seal packs a delivery for the door log.
func seal(w event.WebhookReceivedV1, traceparent string, body []byte) []byte {
	head := make([]string, 0, 32)
	head = append(head, subject.Webhook{Store: w.Store, Resource: w.Resource, Event: w.Event, ID: w.ObjectID}.String(), messageID(w))
	for name, value := range w.HeaderLines() {
		head = append(head, name, value)
	}
	if traceparent != "" {
		head = append(head, event.HeaderTraceparent, traceparent)
	}
	return pack(head, body)
}

// pack makes a record of the door log: the head is subject, message id, then name and value of each header by turns.
func pack(head []string, body []byte) []byte {
	record := make([]byte, 4, 4+headSize+len(body))
	for _, line := range head {
		record = append(append(record, line...), '\n')
	}
	binary.BigEndian.PutUint32(record, uint32(len(record)-4))
	return append(record, body...)
}

// streamOf tells where a record of the door log goes.
func streamOf(name string) string {
	if _, err := subject.ParseNotice(name); err == nil {
		return topology.NetSuiteChanges
	}
	return topology.Woo
}

// unseal turns a record of the door log into the message for its stream.
func unseal(record []byte) (publish.Message, error) {
	if len(record) < 4 || len(record)-4 < int(binary.BigEndian.Uint32(record)) {
		return publish.Message{}, fmt.Errorf("door log record of %d bytes: its head is cut off", len(record))
	}
	cut := 4 + int(binary.BigEndian.Uint32(record))
	lines := strings.Split(string(record[4:cut]), "\n")
	if len(lines) < 3 || len(lines)%2 == 0 {
		return publish.Message{}, fmt.Errorf("door log record: a head of %d lines, want subject, id and pairs", len(lines)-1)
	}
	m := publish.Message{Stream: streamOf(lines[0]), Subject: lines[0], ID: lines[1], Header: make(map[string][]string, len(lines)/2), Data: record[cut:]}
	for i := 2; i+1 < len(lines); i += 2 {
		m.Header[lines[i]] = lines[i+1 : i+2 : i+2]
	}
	return m, nil
}

// facts gathers what the headers say about a delivery. Values are copied: the server reuses its buffers.
func facts(store string, get func(name string) string, body []byte, at time.Time) event.WebhookReceivedV1 {
	header := func(name string) string { return clean(get(name)) }
	w := event.WebhookReceivedV1{
		Store: store, Topic: header("X-WC-Webhook-Topic"), Resource: header("X-WC-Webhook-Resource"), Event: header("X-WC-Webhook-Event"),
		WebhookID: header("X-WC-Webhook-ID"), DeliveryID: header("X-WC-Webhook-Delivery-ID"), Source: header("X-WC-Webhook-Source"),
		UserAgent: header("User-Agent"), BodySHA256: hashOf(body), ReceivedAt: at.UTC(), Origin: event.OriginWebhook, ObjectID: objectID(body),
	}
	resource, name, _ := strings.Cut(w.Topic, ".")
	if w.Resource == "" {
		w.Resource = resource
	}
	if w.Event == "" {
		w.Event = name
	}
	return w
}

const maxHeader = 512 // bytes kept of one header value

// clean bounds a header value and drops what must not stand in a NATS header.
func clean(value string) string {
	if len(value) > maxHeader {
		value = value[:maxHeader]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.Clone(value), ""))
}

// objectID reads the id of the object a body is about; "" where there is none (an error body). WooCommerce
// writes the id first, as a number; anything else takes the slow way.
func objectID(body []byte) string {
	if rest, ok := bytes.CutPrefix(body, []byte(`{"id":`)); ok {
		if n := bytes.IndexAny(rest, ",}"); n > 0 && n <= 20 && digits(rest[:n]) {
			return string(rest[:n])
		}
	}
	object, err := codec.Decode[struct {
		ID codec.Raw `json:"id"`
	}](body)
	if err != nil {
		return ""
	}
	id := strings.Trim(string(object.ID), `"`)
	if id == "null" || len(id) > 64 {
		return ""
	}
	return id
}

func digits(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0
}
