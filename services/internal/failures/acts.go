package failures

import (
	"fmt"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
)

// Acts are what people did about a failure, oldest first: each is one write with the entry, so that it can be told although the
// process that did it died. Of the line that a long history begins with nobody knows what was before; it was told long ago.
func Acts(f event.FailureParkedV1) (acts []event.AuditActedV1) {
	what := subject.Failure{Stage: f.Stage, Store: f.Store, Key: f.Key}.ID()
	for i, line := range f.History {
		if line.By == "" || i == 0 {
			continue
		}
		a := event.AuditActedV1{
			Envelope: event.Envelope{Type: "audit.v1." + line.State, ID: fmt.Sprintf("audit:%s:%s:%d", line.State, what, line.At.UnixNano()), Time: line.At},
			Act:      line.State, By: line.By, What: what, Before: map[string]string{"state": f.History[i-1].State}, After: map[string]string{"state": line.State},
		}
		if line.State == event.FailureDismissed {
			a.Note = line.Text
		}
		acts = append(acts, a)
	}
	return acts
}
