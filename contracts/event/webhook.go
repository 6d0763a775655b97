package event

import (
	"iter"
	"strconv"
	"time"
)

// WebhookReceivedV1 holds the facts about an accepted delivery. They travel as headers
// (names: the constants below); the payload is the delivery's body, byte for byte.
type WebhookReceivedV1 struct {
	Store      string    `json:"store"`
	Resource   string    `json:"resource"` // X-WC-Webhook-Resource, e.g. "order"
	Event      string    `json:"event"`    // X-WC-Webhook-Event, e.g. "created"; origin read and sweep: "read", "swept"
	ObjectID   string    `json:"object_id,omitempty"`
	Topic      string    `json:"topic,omitempty"`       // X-WC-Webhook-Topic
	WebhookID  string    `json:"webhook_id,omitempty"`  // X-WC-Webhook-ID: unique in its store only
	DeliveryID string    `json:"delivery_id,omitempty"` // X-WC-Webhook-Delivery-ID: not unique
	Source     string    `json:"source,omitempty"`      // X-WC-Webhook-Source, the shop's home URL
	UserAgent  string    `json:"user_agent,omitempty"`
	BodySHA256 string    `json:"body_sha256"` // hex
	ReceivedAt time.Time `json:"received_at"` // UTC
	Origin     Origin    `json:"origin"`
	Status     int       `json:"status,omitempty"` // HTTP status of the shop's answer, origin read and sweep only
}

// Header names of a delivery's facts.
const (
	HeaderStore      = "Orderstream-Store"
	HeaderResource   = "Orderstream-Resource"
	HeaderEvent      = "Orderstream-Event"
	HeaderObjectID   = "Orderstream-Object-Id"
	HeaderTopic      = "Orderstream-Topic"
	HeaderWebhookID  = "Orderstream-Webhook-Id"
	HeaderDeliveryID = "Orderstream-Delivery-Id"
	HeaderSource     = "Orderstream-Source"
	HeaderUserAgent  = "Orderstream-User-Agent"
	HeaderBodySHA256 = "Orderstream-Body-Sha256"
	HeaderReceivedAt = "Orderstream-Received-At"
	HeaderStatus     = "Orderstream-Status"
)

// HeaderLines gives the facts as header lines; empty ones are left out.
func (w WebhookReceivedV1) HeaderLines() iter.Seq2[string, string] {
	status := ""
	if w.Status != 0 {
		status = strconv.Itoa(w.Status)
	}
	lines := [...][2]string{
		{HeaderType, "webhook.v1.received"}, {HeaderStore, w.Store}, {HeaderResource, w.Resource}, {HeaderEvent, w.Event}, {HeaderObjectID, w.ObjectID},
		{HeaderTopic, w.Topic}, {HeaderWebhookID, w.WebhookID}, {HeaderDeliveryID, w.DeliveryID}, {HeaderSource, w.Source}, {HeaderUserAgent, w.UserAgent},
		{HeaderBodySHA256, w.BodySHA256}, {HeaderReceivedAt, w.ReceivedAt.UTC().Format(time.RFC3339Nano)}, {HeaderOrigin, string(w.Origin)}, {HeaderStatus, status},
	}
	return func(yield func(name, value string) bool) {
		for _, line := range lines {
			if line[1] != "" && !yield(line[0], line[1]) {
				return
			}
		}
	}
}

// Header gives the header lines as a message carries them.
func (w WebhookReceivedV1) Header() map[string][]string {
	header := map[string][]string{}
	for name, value := range w.HeaderLines() {
		header[name] = []string{value}
	}
	return header
}

// WebhookFromHeader reads the facts back. A missing or odd time or status reads as zero: a delivery is
// never lost for its facts.
func WebhookFromHeader(header map[string][]string) WebhookReceivedV1 {
	get := func(name string) string {
		if values := header[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	at, _ := time.Parse(time.RFC3339Nano, get(HeaderReceivedAt))
	status, _ := strconv.Atoi(get(HeaderStatus))
	return WebhookReceivedV1{
		Store: get(HeaderStore), Resource: get(HeaderResource), Event: get(HeaderEvent), ObjectID: get(HeaderObjectID),
		Topic: get(HeaderTopic), WebhookID: get(HeaderWebhookID), DeliveryID: get(HeaderDeliveryID), Source: get(HeaderSource),
		UserAgent: get(HeaderUserAgent), BodySHA256: get(HeaderBodySHA256), ReceivedAt: at.UTC(), Origin: Origin(get(HeaderOrigin)), Status: status,
	}
}
