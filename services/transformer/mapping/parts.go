package mapping

import (
	"cmp"
	"fmt"
	"regexp"
	"time"

	"github.com/orderstream/orderstream/contracts/event"
)

// Part is one of several payments of an order. Plugins that take money in parts keep each in the order's meta; which keys
// they use differs, so that the table names them.
type Part struct {
	Key        string `yaml:"key"`         // names the deposit within the order: wc-cd-<store>-<order>-<key>
	AmountMeta string `yaml:"amount_meta"` // order meta key of its amount
	PaidMeta   string `yaml:"paid_meta"`   // order meta key that is filled once it is paid, with the day where it begins with one; empty: date_paid says it
}

// inParts tells whether the order is paid in parts: it has the meta of at least one. Without any it is one payment.
func (t till) inParts() bool {
	for _, p := range t.gateway.Parts {
		if _, has := t.scope.Order.Meta[p.AmountMeta]; has {
			return true
		}
	}
	return false
}

// partial are the parts that are paid, a deposit each. The gateway's fee is noted on the first.
func (t till) partial(list []event.Deposit) ([]event.Deposit, error) {
	for _, p := range t.gateway.Parts {
		text := t.scope.Order.Meta[p.AmountMeta]
		if text == "" || !t.taken(p) {
			continue
		}
		amount, err := t.metaAmount(p.AmountMeta, text)
		if err != nil {
			return nil, err
		}
		if amount.Sign() <= 0 {
			continue
		}
		d, err := t.on(p).deposit(p.Key, amount, t.gateway, t.question())
		if err != nil {
			return nil, err
		}
		t.gateway.FeeMeta = ""
		list = append(list, d)
	}
	return list, nil
}

// taken tells whether the money of a part is in hand: authorised is not captured, of a part either.
func (t till) taken(p Part) bool {
	if p.PaidMeta == "" {
		return t.captured()
	}
	return t.scope.Order.Meta[p.PaidMeta] != "" && t.stands() && !t.authorised()
}

// on is the till on the day the part was paid.
func (t till) on(p Part) till {
	if paid := t.scope.Order.Meta[p.PaidMeta]; p.PaidMeta != "" && len(paid) >= len(time.DateOnly) {
		if _, err := time.Parse(time.DateOnly, paid[:len(time.DateOnly)]); err == nil {
			t.day = paid[:len(time.DateOnly)]
		}
	}
	return t
}

var partKey = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// checkParts wants parts that can be told apart, of money that becomes deposits. A key that the gateway's one payment or a
// gift card has would be taken for it.
func (g Gateway) checkParts(p *problems, path string, policy MoneyPolicy) {
	if len(g.Parts) == 0 {
		return
	}
	p.want(cmp.Or(g.Policy, policy) == PolicyDeposit, path+".parts", "want policy deposit: a bill is made once")
	p.want(g.AmountMeta == "", path+".amount_meta", "want amount_meta or parts, not both")
	keys := map[string]bool{paymentKey: true}
	for i, part := range g.Parts {
		at := fmt.Sprintf("%s.parts[%d]", path, i)
		p.want(partKey.MatchString(part.Key) && !giftKey.MatchString(part.Key) && !keys[part.Key], at+".key", "want a name of its own of a-z, 0-9 and -, neither payment nor gift-1")
		p.want(part.AmountMeta != "", at+".amount_meta", "want an order meta key")
		keys[part.Key] = true
	}
}

var giftKey = regexp.MustCompile(`^gift-[0-9]+$`)
