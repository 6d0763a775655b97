package operate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// A replay and a comparison of mappings go by what was recorded, whatever the streams say since.
func TestCompareGoesByWhatWasRecorded(t *testing.T) {
	p := newStockPlant(t)
	p.stock("TEE-001", 0, 5)
	p.transformer()
	p.deliver(1001)
	first := p.mapped(1001, 0)
	p.stock("TEE-001", 9, 9)
	with := p.mapping(first.Source.Revision)
	other, err := mapping.Compile([]byte(strings.Replace(string(mapping.Default)+byStock, "location: Austin Warehouse", "location: Dallas Warehouse", 1)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := replay.Compare(natstest.Context(t), p.JS, with, other, replay.Among{Last: 10})
	if err != nil || len(c.Orders.Differing) != 1 || !toDallas(c.Orders.Groups) {
		t.Errorf("%+v, %v: want Dallas for Austin", c, err)
	}
	plan, err := replay.Make(natstest.Context(t), p.JS, other, replay.Request{Slots: 1}, nil)
	if err != nil || !toDallas(plan.Groups) {
		t.Errorf("%+v, %v: want Dallas for Austin", plan, err)
	}
}

// toDallas tells whether the location is all that differs, and Austin what it was.
func toDallas(groups []replay.Group) bool {
	if len(groups) != 1 || !strings.HasPrefix(groups[0].Field, "sales_order.fields.location") || len(groups[0].Examples) != 1 {
		return false
	}
	d := groups[0].Examples[0].Difference
	return strings.Contains(d.From, "Austin Warehouse") && strings.Contains(d.To, "Dallas Warehouse")
}

// An order that is parked before it had a desired state has no recorded look-ups. A plan for a mapping that asks for some
// leaves it out and says so; a retry asks for them.
func TestAPlanDoesNotGuessLookups(t *testing.T) {
	p := newStockPlant(t)
	strict := string(mapping.Default) + byStock + "validation: [{name: nothing-left, when: '\"backorder\" in classes', severity: park, message: nothing left}]\n"
	if err := os.WriteFile(p.file, []byte(strict), 0o600); err != nil {
		t.Fatal(err)
	}
	p.stock("TEE-001", 0, 5)
	p.stock("MUG-001", 0, 0)
	p.transformer()
	p.deliver(1001)
	p.mapped(1001, 0)
	p.deliver(1002, `"sku":"TEE-001"`, `"sku":"MUG-001"`)
	var parked []operate.Failure
	p.until("the order is parked", func() bool {
		var err error
		if parked, err = operate.Failures(natstest.Context(t), p.JS, false); err != nil {
			t.Fatal(err)
		}
		return len(parked) == 1
	})
	candidate, err := mapping.Compile([]byte(string(mapping.Default) + byStock))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := replay.Make(natstest.Context(t), p.JS, candidate, replay.Request{Slots: 1}, nil)
	if err != nil || len(plan.Groups) != 0 || len(plan.Troubles) != 1 || plan.Troubles[0].Order != "1002" || !strings.Contains(plan.Troubles[0].Reason, "retry the order") {
		t.Errorf("differences %+v, troubles %+v, %v: want order 1002 left out", plan.Groups, plan.Troubles, err)
	}
	told := p.stock("MUG-001", 0, 3)
	p.until("the transformer knows and a retry maps the order", func() bool {
		if list, err := operate.Failures(natstest.Context(t), p.JS, false); err == nil && len(list) == 1 && list[0].Entry.State == event.FailureParked {
			if _, err := operate.Retry(natstest.Context(t), p.JS, list[0].Name, "kim"); err != nil {
				t.Fatal(err)
			}
		}
		_, err := operate.Derive(natstest.Context(t), p.JS, "main", "1002", "")
		return err == nil
	})
	if d := p.mapped(1002, 0); location(d) != "Austin Warehouse" || inputs(d).Stock[0].Sequence != told {
		t.Errorf("location %q by %+v, want what is told now", location(d), d.Inputs)
	}
}

// A shadow that asks for what the active mapping does not ask for is given it as an order would be, though the active mapping
// has made a sales order of it already.
func TestAShadowAsks(t *testing.T) {
	p := newPlant(t)
	p.stock("TEE-001", 0, 5)
	p.transformer()
	p.deliver(1001)
	p.mapped(1001, 0)
	if _, err := operate.StartShadow(natstest.Context(t), p.JS, "", []byte(string(mapping.Default)+byStock), operate.ShadowRule{}, "kim", "by stock"); err != nil {
		t.Fatal(err)
	}
	p.deliver(1002)
	p.until("the order is counted", func() bool { return p.shadow().Looked == 1 })
	if text := fmt.Sprintf("%+v", p.shadow().Groups); !strings.Contains(text, "sales_order.fields.location") || !strings.Contains(text, "Austin Warehouse") {
		t.Errorf("%s: want the order to leave from Austin", text)
	}
}
