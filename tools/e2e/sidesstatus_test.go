package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// letterOf is a status that the pipeline gave a sales order, and the shop's that asked for it.
type letterOf struct{ letter, status string }

// asks is the letter of a sales order that a shop's status asks for.
func asks(status string) string {
	return map[string]string{"processing": "B", "on-hold": "A", "cancelled": "H"}[status]
}

// setStatus is a person's of the shop, who gives it to no order of which goods left or that is cancelled.
func (m *match) setStatus(o *deal, status string) {
	if status == "" || o.bound() || o.status == "cancelled" || o.letter == "C" {
		return
	}
	o.status, o.lately = status, false
	m.edit(o, `{"status":"`+status+`"}`)
}

// cancel is the shop's: money was taken and is not given back, the sales order is closed.
func (m *match) cancel(o *deal) { m.setStatus(o, "cancelled") }

// move is a person's change of the status of a sales order of which nothing left.
func (m *match) move(o *deal, letter string, act func() (string, error)) {
	now := time.Now().Unix()
	if !o.bound() && m.netsuite(act) {
		o.letter, o.lately, o.moved = letter, letter == "B", now
		o.moves++
	}
}

// approve lets a sales order go on that waits for it.
func (m *match) approve(o *deal) {
	if o.letter == "A" {
		m.move(o, "B", m.patch(o, `{"orderStatus":{"id":"B"}}`))
	}
}

// drop cancels a sales order that waits for approval, which is for good.
func (m *match) drop(o *deal) {
	if o.letter == "A" {
		m.move(o, "C", func() (string, error) { return m.NetSuite.Cancel(o.salesOrder()) })
	}
}

// close gives up what is left of a sales order.
func (m *match) close(o *deal) {
	if o.letter == "A" || o.letter == "B" && len(o.parcels) < 3 {
		closed := m.patch(o, `{"item":{"items":[`+strings.Join(m.closings(o), ",")+`]}}`)
		if o.bound() {
			o.closed = m.netsuite(closed) || o.closed
			return
		}
		m.move(o, "H", closed)
	}
}

func (m *match) closings(o *deal) (lines []string) {
	for _, l := range m.salesOrder(o).Item.Items {
		lines = append(lines, fmt.Sprintf(`{"line":%s,"isClosed":true}`, l.Line))
	}
	return lines
}

// patch changes a sales order as people do.
func (m *match) patch(o *deal, body string) func() (string, error) {
	return func() (string, error) {
		return m.NetSuite.Act(netsuitesim.Act{Method: "PATCH", Path: "salesOrder/" + m.salesOrder(o).ID, Body: json.RawMessage(body)})
	}
}

// hear takes in a newer state of the shop's order. What the pipeline wrote to it is no news.
func (o *deal) hear(body shopSaying) {
	said, was := body.saying(), o.known.status
	switch {
	case was != "" && (body.Status == "completed" || body.Status == "cancelled" && o.status != "cancelled"):
		said.status = was
	}
	o.known, o.between = said, append(o.between, said.status)
	o.lived("is heard of as %+v", said)
}

// follow foresees what the writer does about what it heard.
func (m *match) follow(o *deal) {
	said := o.known
	if said.at = ""; o.known.at == "" || m.still["write"] {
		return
	}
	heard := o.between
	o.between = nil
	if len(heard) > 0 {
		o.lived("is followed: %q heard, shipped or billed %v, %s, told %+v, ours %v, %d writes", heard, o.bound(), o.letter, o.told, o.ours, o.writes)
	}
	if o.bound() || o.letter == "C" || said == o.told && o.writes > 0 {
		return
	}
	stays := o.stays(said.status, heard)
	if stays && o.letter == "H" {
		return
	}
	o.told = said
	if !stays {
		o.letter, o.ours = asks(said.status), letterOf{asks(said.status), said.status}
		o.lately = o.lately && o.letter != "B" // the shop accepts it too
	}
	said.status = o.letter
	if said == o.written && o.writes > 0 {
		o.same++ // people had approved what the shop accepts now
		return
	}
	o.writes++
	o.written = said
}

// stays tells whether the letter that NetSuite's people gave stands against the shop's status, which takes an order back when it
// is news, and never approves or opens it.
func (o *deal) stays(status string, heard []string) bool {
	if o.letter == o.ours.letter || o.letter == asks(status) {
		return false
	}
	back := strings.Index("BAH", asks(status)) > strings.Index("BAH", o.letter)
	between := slices.ContainsFunc(heard, func(s string) bool { return s != status })
	return !back || o.ours.status == status && !between
}

// isReversed tells whether the shop took back an order of which goods left before that was known: a person is asked, and what
// the shop says from then on waits.
func (o *deal) isReversed() bool { return o.status == "cancelled" && o.bound() }

// asked: people are asked about those orders, and about nothing else.
func (m *match) asked() {
	open, err := operate.Failures(m.sides.t.Context(), m.JS, false)
	if err != nil {
		m.t.Fatal(err)
	}
	got, want := []string{}, []string{}
	for _, f := range open {
		if f.Entry.Fault.Code != string(fault.ShopStockUnmanaged) { // of some of the shops' products, for good
			got = append(got, f.Name+" "+f.Entry.Fault.Code)
		}
	}
	for _, o := range m.orders {
		if o.isReversed() {
			want = append(want, fmt.Sprintf("write.%s.%d %s", o.store, o.id, fault.PaymentReversed))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if got = slices.DeleteFunc(got, func(name string) bool { return m.parked[name] }); !slices.Equal(got, want) {
		m.t.Fatalf("people are asked about %q, want %q", got, want)
	}
	for _, name := range got {
		m.parked[name] = true
	}
}

// standOf says how a sales order stands.
func standOf(order world.SalesOrder) string {
	return fmt.Sprintf("%s with note %q", order.Status.ID, order.Note)
}

// kept tells whether the sales order follows the shop no more.
func (o *deal) kept() bool {
	return o.bound() || o.letter == "C" || o.letter == "H" && o.ours.letter != "H"
}

// movedAgain is how many writes more tell news where what was written comes once more, for a refund or after a death: it gives
// the letter that people gave meanwhile.
func (o *deal) movedAgain(again int) int {
	if again == 0 {
		return 0
	}
	return o.moves
}

// shows is the status that the shop's order has at the end.
func (o *deal) shows() string {
	switch {
	case o.status == "cancelled" || o.letter == "C":
		return "cancelled"
	case len(o.parcels) == 3:
		return "completed"
	default:
		return o.status
	}
}

// cancelled: what people in NetSuite cancel is cancelled in the shop, once, unless its people did.
func (m *match) cancelled(o *deal, wrote map[string]bodies) {
	want := 0
	if o.letter == "C" && o.status != "cancelled" {
		want = 1
	}
	m.counts(o, "status cancelled", wrote, want, 0)
}

// approved: what people in NetSuite approve is told once, at least where nobody changed the status afterwards, the shop had not
// accepted the order itself before that was heard, and NetSuite's change was seen.
func (m *match) approved(o *deal, wrote map[string]bodies) {
	told := func(body string) bool { return strings.Contains(body, "NetSuite approved sales order") }
	all, notes := wrote["notes"], 0
	wrote["notes"] = nil
	for _, body := range all {
		if told(body) {
			notes++
		} else {
			wrote["notes"] = append(wrote["notes"], body)
		}
	}
	if notes > min(1, o.moves) || notes == 0 && o.lately && m.sawApproved(o) {
		m.t.Fatalf("%s: the approval of people was told %d times; they moved the order %d times: %+v", o.name(), notes, o.moves, *o)
	}
}

// sawApproved tells whether the order was seen in NetSuite as its people approved it, or as goods left it since.
func (m *match) sawApproved(o *deal) bool {
	stream, err := m.JS.Stream(m.sides.t.Context(), topology.NetSuiteChanges)
	if err != nil {
		m.t.Fatal(err)
	}
	about := subject.Change{Account: demo.Account, Kind: event.ChangeSalesOrder, Key: m.salesOrder(o).ID}.String()
	for next := uint64(1); ; {
		raw, err := stream.GetMsg(m.sides.t.Context(), next, jetstream.WithGetMsgSubject(about))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return false
		}
		if err != nil {
			m.t.Fatal(err)
		}
		if c, err := codec.Decode[event.NetSuiteChangedV1](raw.Data); err != nil || strings.Contains("BDEFG", c.Status) && c.ModifiedAt.Unix() >= o.moved {
			return true
		}
		next = raw.Sequence + 1
	}
}
