package netsuitewriter

import (
	"sync"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
)

// proven are sales orders that this process wrote and read back in a try that did not end well, by ledger subject: NetSuite
// was full, away or failed when their money was to be booked. The next try of the same message goes on where that one stopped.
type proven struct {
	mu sync.Mutex
	by map[string]proof
}

type proof struct {
	state    uint64 // position in DESIRED
	hash     string
	status   string // that the order was given
	order    event.LedgerOrder
	customer event.RecordID
	done     outcome
	begun    time.Time // of the try that wrote it
}

// prove notes on the job that its sales order is written and read back.
func (j *job) prove(done outcome) {
	j.proof = &proof{j.message.Sequence, j.desired.Hash, j.desired.SalesOrder.OrderStatus, *j.ledger.SalesOrder, *j.ledger.Customer, done, j.begun}
}

// recall takes into the job what an earlier try of the same message proved.
func (p *proven) recall(j *job) (outcome, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, is := p.by[j.subject]
	if !is || j.retry || known.state != j.message.Sequence || known.hash != j.desired.Hash || known.status != j.desired.SalesOrder.OrderStatus {
		return outcome{}, false
	}
	j.begun = known.begun
	j.proof, j.ledger.SalesOrder, j.ledger.Customer = &known, &known.order, &known.customer
	return known.done, true
}

func (p *proven) keep(j *job) {
	if j.proof == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by[j.subject] = *j.proof
}

func (p *proven) forget(order string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.by, order)
}
