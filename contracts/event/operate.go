package event

import "time"

// FailureParkedV1 is parked work: one entry per stage and object, history in the body.
type FailureParkedV1 struct {
	Envelope
	Stage    string           `json:"stage"`   // parse, map, write, publish, notify
	Key      string           `json:"key"`     // order or object id
	State    string           `json:"state"`   // one of the Failure values
	Fault    Fault            `json:"fault"`   // the newest
	Message  Position         `json:"message"` // the parked message: publishing it again is the retry
	FirstAt  time.Time        `json:"first_at"`
	LastAt   time.Time        `json:"last_at"`
	Attempts int              `json:"attempts"`
	History  []FailureAttempt `json:"history"` // oldest first, at most 20
	Note     string           `json:"note,omitempty"`
	By       string           `json:"by,omitempty"` // who retried or dismissed
}

// The states of a failure.
const (
	FailureParked    = "parked"
	FailureRetried   = "retried"
	FailureResolved  = "resolved"
	FailureDismissed = "dismissed"
)

// FailureAttempt is one line of a failure's history.
type FailureAttempt struct {
	At    time.Time `json:"at"`
	State string    `json:"state"`
	Code  string    `json:"code,omitempty"`
	Text  string    `json:"text,omitempty"`
	By    string    `json:"by,omitempty"` // who retried or dismissed: the line is an act
}

// AuditActedV1 is one act of an operator, or of a rule that an operator gave; the act is the last token of type and subject.
type AuditActedV1 struct {
	Envelope
	Act    string            `json:"act"`  // retried, dismissed, replayed, published, shadowed
	By     string            `json:"by"`   // the operator's name; "system": a rule
	What   string            `json:"what"` // e.g. a failure's id
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
	Note   string            `json:"note,omitempty"`
}

// AuditRetriedV1 says that a failure was retried.
type AuditRetriedV1 = AuditActedV1

// AuditDismissedV1 says that a failure was dismissed.
type AuditDismissedV1 = AuditActedV1

// AuditReplayedV1 says that a replay plan was begun, paused, resumed, cancelled or done; of a feed, and of deliveries that are
// parsed again, that it was begun, and that it was done or stopped.
type AuditReplayedV1 = AuditActedV1

// AuditPublishedV1 says that another revision of a mapping was made active: by a publication, a rollback or the promotion
// of a shadow.
type AuditPublishedV1 = AuditActedV1

// AuditShadowedV1 says that a candidate revision began or ceased to run beside the active one, by an operator's act or by its
// rule.
type AuditShadowedV1 = AuditActedV1

// AlertRaisedV1 is something an operator must see that is not tied to one parked order.
type AlertRaisedV1 struct {
	Envelope
	Kind    string            `json:"kind"` // one of the Alert values
	Code    string            `json:"code"` // fault code, names the runbook
	Summary string            `json:"summary"`
	Service string            `json:"service"`
	Count   int               `json:"count"` // occurrences this message stands for
	Details map[string]string `json:"details,omitempty"`
}

// The kinds of an alert.
const (
	AlertSignature    = "signature"     // bad signatures, grouped
	AlertDoorLog      = "door-log"      // nearly full, full or failed
	AlertSetAside     = "set-aside"     // a record JetStream refuses for good
	AlertStream       = "stream"        // JetStream away for long
	AlertNoPermission = "no-permission" // the webhook's owner lost its rights
	AlertUnavailable  = "unavailable"   // NetSuite or the shop is down
)

// ReadRequestedV1 is the wish to read one object from the shop again: a doubt, a deletion, refund lines.
// The answer comes back as a delivery of origin read.
type ReadRequestedV1 struct {
	Envelope
	Resource string   `json:"resource"` // "order", or "refund": the refunds of the order
	ObjectID string   `json:"object_id"`
	Reason   string   `json:"reason"` // one of the Read values
	Cause    Position `json:"cause"`  // the delivery that raised the doubt
}

// The reasons to read an object of the shop again.
const (
	ReadDeleted = "deleted" // is it trashed, restored or gone?
	ReadTie     = "tie"     // two differing states share a second
	ReadRefunds = "refunds" // what was given back: an order lists sums only; or the shop lacks one it lists
)
