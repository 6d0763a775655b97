// Package event holds one struct per message type and version: what services and outside channels agree
// on. Type "sync.v1.recorded" is struct SyncRecordedV1, schema schemas/sync/v1/recorded.json and the
// subjects under sync.v1.recorded; Types walks all of them. Bodies are JSON written by contracts/codec,
// except deliveries (WOO), whose payload is the shop's bytes and whose facts stand in headers.
package event

import "time"

// Names of the headers every message may carry. NATS header keys are case-sensitive.
const (
	HeaderType        = "Orderstream-Type"       // message type, e.g. "order.v1.placed"
	HeaderOrigin      = "Orderstream-Origin"     // one of the Origin values
	HeaderNotBefore   = "Orderstream-Not-Before" // RFC 3339; a message that waits until then
	HeaderTraceparent = "traceparent"            // W3C trace context

	// HeaderReplayed marks an order event that a channel's subject gets again: stream, sequence and subject where it is
	// stored, e.g. "ORDERS 17 order.v1.placed.main.36".
	HeaderReplayed = "Orderstream-Replayed"
)

// Origin says what brought a message.
type Origin string

// The origins of a message.
const (
	OriginWebhook Origin = "webhook" // the shop delivered it
	OriginRead    Origin = "read"    // read from the shop on a doubt
	OriginSweep   Origin = "sweep"   // found by a sweep
	OriginRetry   Origin = "retry"   // an operator published a parked message again
	OriginReplay  Origin = "replay"  // a replay
)

// Envelope is how each JSON body begins: what it is, which message it is, whose it is.
type Envelope struct {
	Type  string    `json:"type"`  // e.g. "order.v1.placed"
	ID    string    `json:"id"`    // message id, a pure function of the cause
	Store string    `json:"store"` // store key of the configuration; empty where no store is concerned
	Time  time.Time `json:"time"`  // UTC; of the cause, not of the processing, wherever the body is derived
}

// Position names one stored message.
type Position struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"sequence"`
	Subject  string `json:"subject"`
}

// Version orders the states of one object: the larger ModifiedAt is newer, then the larger Sequence.
type Version struct {
	ModifiedAt time.Time `json:"modified_at"` // date_modified_gmt, 1 s resolution
	Sequence   uint64    `json:"sequence"`    // arrival: sequence in WOO
}

// Compare gives -1, 0 or +1 as v is older than, equal to or newer than w.
func (v Version) Compare(w Version) int {
	if c := v.ModifiedAt.Compare(w.ModifiedAt); c != 0 {
		return c
	}
	switch {
	case v.Sequence < w.Sequence:
		return -1
	case v.Sequence > w.Sequence:
		return +1
	default:
		return 0
	}
}

// Fault is a contracts/fault.Error as it travels in messages.
type Fault struct {
	Code    string `json:"code"`
	Class   string `json:"class"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	Value   string `json:"value,omitempty"`
	Rule    string `json:"rule,omitempty"`
}
