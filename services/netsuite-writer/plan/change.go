package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// Line is a line of a sales order as NetSuite holds it. Amount and quantities have the order's sign: positive for goods.
type Line struct {
	Number    string // NetSuite's, the key of the sublist
	Item      string // internal id
	Kind      string // of the item: InvtPart, Service, …
	Mark      string // of the account's column that names the shop's line; "" without one
	Quantity  money.Number
	Fulfilled money.Number
	Billed    money.Number
	Amount    money.Amount
	Closed    bool
}

// Mark is what the account's column holds of a desired line: of goods the shop's own line id ("95"), of others a word with
// it ("95-discount", "fee-12"). No two lines of an order share one.
func Mark(key string) string { return strings.TrimPrefix(key, goods) }

const goods = "line-"

// done is how much of the line stands in later documents.
func (l Line) done() (n money.Number, word string) {
	if l.Fulfilled.Cmp(l.Billed) >= 0 {
		return l.Fulfilled, "fulfilled"
	}
	return l.Billed, "billed"
}

// gone tells whether the line was removed: closed, and worth nothing. A Discount item has no quantity to close.
func (l Line) gone() bool { return l.Amount.IsZero() && (l.Closed || l.Quantity.IsZero()) }

// Change is what makes the lines of an order, on which later documents rest, the desired ones. NetSuite refuses to replace
// such lines as a whole; each is changed by its number.
type Change struct {
	Keys []string // of the lines that NetSuite holds, in their order
	Said []string // what is changed, in words
	Why  []string // why nothing can be changed; empty: it can
	Of   []string // keys of the lines that change

	lines []object
}

// Lines tells whether a line must be changed.
func (c Change) Lines() bool { return len(c.lines) > 0 }

// ChangeOf compares the desired lines with those NetSuite holds. Known are the lines as last verified: they name NetSuite's
// lines where the account has no column that does. Either all of it can be done or nothing is: half an edit has no total
// that anybody knows. Lines that stay, by their keys, are not looked at.
func ChangeOf(d event.DesiredOrderV1, now []Line, known []event.LedgerLine, ids IDs, column string, stay ...string) (Change, error) {
	c := Change{}
	var trouble string
	if c.Keys, trouble = keysOf(d, now, known, ids); trouble != "" {
		c.Why = []string{trouble}
		return c, nil
	}
	last := ""
	if len(c.Keys) > 0 {
		last = c.Keys[len(c.Keys)-1]
	}
	for i, line := range d.SalesOrder.Lines {
		if slices.Contains(stay, line.Key) {
			continue
		}
		if at := slices.Index(c.Keys, line.Key); at >= 0 {
			c.alter(line, now[at], ids, d.SalesOrder.Currency)
			continue
		}
		// A Discount item lowers the line above it, and NetSuite appends at the end.
		if line.Quantity == nil && (i == 0 || d.SalesOrder.Lines[i-1].Key != last) {
			c.Why = append(c.Why, line.Key+" cannot be added: new lines stand at the end, not beneath the line that it lowers")
			continue
		}
		added, err := orderLine(line, ids, column)
		if err != nil {
			return c, err
		}
		last = line.Key
		c.change(line.Key, added, line.Key+" added")
	}
	for i, key := range c.Keys {
		if !slices.Contains(stay, key) && !slices.ContainsFunc(d.SalesOrder.Lines, func(l event.OrderLine) bool { return l.Key == key }) {
			c.remove(key, now[i])
		}
	}
	return c, nil
}

func (c *Change) change(key string, line object, said string) {
	c.lines, c.Said, c.Of = append(c.lines, line), append(c.Said, said), append(c.Of, key)
}

// alter changes a line that stays.
func (c *Change) alter(line event.OrderLine, now Line, ids IDs, currency money.Currency) {
	var quantity money.Number
	if line.Quantity != nil {
		quantity = *line.Quantity
	}
	done, word := now.done()
	back := now.gone() && !line.Amount.IsZero() // a person's closing of a line stays
	closed := line.Closed || now.Closed && !back
	reason := ""
	switch {
	case ids[line.Item] != now.Item:
		reason = fmt.Sprintf("its item cannot become %s, NetSuite's item %s stands there", line.Item.Key, now.Item)
	case quantity.Equal(now.Quantity) && line.Amount.Equal(now.Amount) && closed == now.Closed:
		return
	case quantity.Cmp(done) < 0:
		reason = fmt.Sprintf("its quantity cannot go down to %s, because %s are %s", quantity, done, word)
	case closed && !now.Closed && done.Sign() > 0:
		reason = fmt.Sprintf("it cannot be closed, because %s are %s", done, word)
	case now.Billed.Sign() > 0 && !samePrice(line.Amount, quantity, now, currency):
		reason = fmt.Sprintf("its price cannot change, because %s are billed", now.Billed)
	}
	if reason != "" {
		c.Why = append(c.Why, line.Key+": "+reason)
		return
	}
	body := object{"line": number(now.Number), "amount": number(line.Amount.String()), "rate": number(rateOf(line)), "isClosed": closed, "price": id(customPrice)}
	said := line.Key + " amount " + now.Amount.String() + " → " + line.Amount.String()
	if line.Quantity != nil {
		body["quantity"] = number(quantity.String())
		said += ", quantity " + now.Quantity.String() + " → " + quantity.String()
	}
	if line.TaxReference != "" {
		body["taxDetailsReference"] = line.TaxReference
	}
	c.change(line.Key, body, said)
}

// samePrice tells whether two amounts come from one unit price: each may be rounded by half a unit of the currency.
func samePrice(amount money.Amount, quantity money.Number, now Line, currency money.Currency) bool {
	difference := amount.Times(now.Quantity).Sub(now.Amount.Times(quantity)).Abs()
	return difference.Times(money.Int(2)).Cmp(currency.Unit().Times(quantity.Add(now.Quantity))) <= 0
}

// remove closes a line that the shop no longer has, and takes its money out: whether a closed line counts in the total
// differs from account to account.
func (c *Change) remove(key string, now Line) {
	if done, word := now.done(); done.Sign() > 0 {
		c.Why = append(c.Why, fmt.Sprintf("%s cannot be removed, because %s are %s", key, done, word))
		return
	}
	if now.gone() {
		return
	}
	zero := number("0.00")
	c.change(key, object{"line": number(now.Number), "amount": zero, "rate": zero, "isClosed": true, "price": id(customPrice)}, key+" removed")
}

// LineDiffers names the first line that NetSuite holds with another amount or quantity than desired; "" when none does.
func LineDiffers(want []event.OrderLine, have []Line) string {
	for i, line := range want {
		switch {
		case !line.Amount.Equal(have[i].Amount):
			return fmt.Sprintf("%s: amount %s, not %s", line.Key, have[i].Amount, line.Amount)
		case line.Quantity != nil && !line.Quantity.Equal(have[i].Quantity):
			return fmt.Sprintf("%s: quantity %s, not %s", line.Key, have[i].Quantity, line.Quantity)
		}
	}
	return ""
}

// headerMoney are the fields of a sales order's body that count in its total.
var headerMoney = []string{"shippingCost", "handlingCost", "discountItem", "discountRate"}

// Body writes the change. It is sent with replace=taxDetails, never with replace=item: lines without a number are appended.
func (c Change) Body(d event.DesiredOrderV1, ids IDs) ([]byte, error) {
	body := object{}
	fields := map[string]event.Value{}
	for _, name := range headerMoney {
		if v, is := d.SalesOrder.Fields[name]; is {
			fields[name] = v
		}
	}
	if err := setFields(body, fields, ids); err != nil {
		return nil, err
	}
	if len(c.lines) > 0 {
		body["item"] = list{c.lines}
	}
	setTaxes(body, d.SalesOrder, ids)
	return codec.Encode(body)
}

// keysOf names the lines that NetSuite holds: by their marks where each has one, else by the numbers they were known under.
// The text says why it cannot.
func keysOf(d event.DesiredOrderV1, now []Line, known []event.LedgerLine, ids IDs) (keys []string, trouble string) {
	if !slices.ContainsFunc(now, func(l Line) bool { return l.Mark == "" }) {
		return byMark(d, now, known), ""
	}
	if len(now) < len(known) || len(known) == 0 {
		return nil, fmt.Sprintf("NetSuite holds %d lines where %d are known", len(now), len(known))
	}
	for i, l := range known {
		if now[i].Number != l.Line {
			return nil, fmt.Sprintf("NetSuite's line %s stands where line %s (%s) is known", now[i].Number, l.Line, l.Key)
		}
		keys = append(keys, l.Key)
	}
	return byPosition(d, now, keys, ids)
}

// byMark takes a mark that stands twice as a line appended twice: NetSuite worked on a request whose answer had long been
// given up. The second one is nobody's.
func byMark(d event.DesiredOrderV1, now []Line, known []event.LedgerLine) []string {
	names := map[string]string{}
	for _, l := range known {
		names[Mark(l.Key)] = l.Key
	}
	for _, l := range d.SalesOrder.Lines {
		names[Mark(l.Key)] = l.Key
	}
	var keys []string
	for _, l := range now {
		key, is := names[l.Mark]
		if !is {
			key = l.Mark
		}
		if slices.Contains(keys, key) {
			key = fmt.Sprintf("%s-doubled-%s", key, l.Number)
		}
		keys = append(keys, key)
	}
	return keys
}

// byPosition names the lines behind the known ones: they are ours, appended by a request whose answer was lost, when they
// are what would be appended now. Anything else was added by somebody.
func byPosition(d event.DesiredOrderV1, now []Line, known []string, ids IDs) ([]string, string) {
	keys := known
	for _, line := range d.SalesOrder.Lines {
		if len(keys) == len(now) {
			break
		}
		if slices.Contains(known, line.Key) {
			continue
		}
		next := now[len(keys)]
		if ids[line.Item] != next.Item || !line.Amount.Equal(next.Amount) || line.Quantity != nil && !line.Quantity.Equal(next.Quantity) {
			break
		}
		keys = append(keys, line.Key)
	}
	if len(keys) < len(now) {
		return nil, fmt.Sprintf("NetSuite holds %d lines where %d are known, and line %s is none of ours", len(now), len(known), now[len(keys)].Number)
	}
	return keys, ""
}
