package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"sync"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/money"
)

// sealed is what the hash of a desired state is of: what NetSuite should hold, whatever made it.
type sealed struct {
	Policy     event.Policy
	Customer   event.Party
	SalesOrder event.SalesOrder
	Deposits   []event.Deposit
	Refunds    []event.CustomerRefund
	GivenBack  []event.GivenBack `json:",omitempty"`
	Bill       *event.Bill
	Expected   event.Expected
}

func sealedOf(d *event.DesiredOrderV1) sealed {
	return sealed{d.Policy, d.Customer, d.SalesOrder, d.Deposits, d.Refunds, d.GivenBack, d.Bill, d.Expected}
}

// seal computes the hash: codec.Hash of sealed. Its text is written here, for that is a third of the work of mapping an
// order; a test holds it against the codec's, byte for byte.
func seal(d *event.DesiredOrderV1) error {
	w, _ := writers.Get().(*writer)
	defer writers.Put(w)
	w.text, w.err = w.text[:0], nil
	w.sealed(d)
	if w.err != nil {
		return w.err
	}
	sum := sha256.Sum256(w.text)
	d.Hash = hex.EncodeToString(sum[:])
	return nil
}

var writers = sync.Pool{New: func() any { return &writer{text: make([]byte, 0, 16<<10)} }}

// writer writes canonical JSON.
type writer struct {
	text []byte
	keys []string
	err  error
}

func (w *writer) raw(text string) { w.text = append(w.text, text...) }

// string writes a text; what needs an escape the codec writes.
func (w *writer) string(text string) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			w.any(text)
			return
		}
	}
	w.text = append(append(append(w.text, '"'), text...), '"')
}

func (w *writer) any(value any) {
	data, err := codec.Encode(value)
	if err != nil {
		w.err = err
	}
	w.text = append(w.text, data...)
}

func (w *writer) bool(flag bool) {
	if flag {
		w.raw("true")
		return
	}
	w.raw("false")
}

func (w *writer) amount(a money.Amount) { w.text = append(a.AppendTo(append(w.text, '"')), '"') }
func (w *writer) number(n money.Number) { w.text = append(n.AppendTo(append(w.text, '"')), '"') }

// optional writes a text that is left out when empty; key holds comma, name and colon.
func (w *writer) optional(key, text string) {
	if text != "" {
		w.raw(key)
		w.string(text)
	}
}

func (w *writer) sealed(d *event.DesiredOrderV1) {
	w.raw(`{"Policy":`)
	w.policy(d.Policy)
	w.raw(`,"Customer":`)
	w.party(d.Customer)
	w.raw(`,"SalesOrder":`)
	w.order(&d.SalesOrder)
	w.raw(`,"Deposits":`)
	list(w, d.Deposits, w.deposit)
	w.raw(`,"Refunds":`)
	if len(d.Refunds) == 0 && d.Refunds != nil {
		w.raw("[]")
	} else {
		w.any(d.Refunds)
	}
	if len(d.GivenBack) > 0 {
		w.raw(`,"GivenBack":`)
		w.any(d.GivenBack)
	}
	w.raw(`,"Bill":`)
	if d.Bill == nil {
		w.raw("null")
	} else {
		w.any(d.Bill)
	}
	w.raw(`,"Expected":`)
	w.expected(d.Expected)
	w.raw("}")
}

func (w *writer) expected(e event.Expected) {
	w.raw(`{"total":`)
	w.amount(e.Total)
	w.raw(`,"net":`)
	w.amount(e.Net)
	w.raw(`,"shop_total":`)
	w.amount(e.ShopTotal)
	w.raw(`,"rounding":`)
	w.amount(e.Rounding)
	w.raw(`,"lines":`)
	w.text = strconv.AppendInt(w.text, int64(e.Lines), 10)
	w.raw("}")
}

func list[T any](w *writer, values []T, write func(*T)) {
	if values == nil {
		w.raw("null")
		return
	}
	w.raw("[")
	for i := range values {
		if i > 0 {
			w.raw(",")
		}
		write(&values[i])
	}
	w.raw("]")
}

func (w *writer) policy(p event.Policy) {
	w.raw(`{"rule":`)
	w.string(p.Rule)
	w.raw(`,"absent":`)
	w.string(string(p.Absent))
	w.raw(`,"open":`)
	w.string(string(p.Open))
	w.raw(`,"fulfilled":`)
	w.string(string(p.Fulfilled))
	w.raw(`,"explanation":`)
	w.string(p.Explanation)
	w.raw("}")
}

func (w *writer) party(p event.Party) {
	if p.ExternalID == "" { // the default customer: rare
		w.any(p)
		return
	}
	w.raw(`{"external_id":`)
	w.string(p.ExternalID)
	if p.Default != nil {
		w.raw(`,"default":`)
		w.ref(*p.Default)
	}
	w.optional(`,"email":`, p.Email)
	if len(p.Fields) > 0 {
		w.raw(`,"fields":`)
		w.fields(p.Fields)
	}
	if len(p.Addresses) > 0 {
		w.raw(`,"addresses":`)
		list(w, p.Addresses, w.address)
	}
	w.raw("}")
}

func (w *writer) order(so *event.SalesOrder) {
	w.raw(`{"external_id":`)
	w.string(so.ExternalID)
	w.raw(`,"order_status":`)
	w.string(so.OrderStatus)
	w.raw(`,"closed":`)
	w.bool(so.Closed)
	w.raw(`,"currency":`)
	w.string(string(so.Currency))
	w.raw(`,"fields":`)
	w.fields(so.Fields)
	if so.Billing != nil {
		w.raw(`,"billing":`)
		w.address(so.Billing)
	}
	if so.Shipping != nil {
		w.raw(`,"shipping":`)
		w.address(so.Shipping)
	}
	w.raw(`,"lines":`)
	list(w, so.Lines, w.line)
	w.raw(`,"tax_mode":`)
	w.string(string(so.TaxMode))
	if len(so.TaxDetails) > 0 {
		w.raw(`,"tax_details":`)
		list(w, so.TaxDetails, w.tax)
	}
	if len(so.Adoption) > 0 {
		w.raw(`,"adoption":`)
		w.any(so.Adoption)
	}
	w.raw("}")
}

func (w *writer) line(l *event.OrderLine) {
	w.raw(`{"key":`)
	w.string(l.Key)
	w.raw(`,"item":`)
	w.ref(l.Item)
	if l.Quantity != nil {
		w.raw(`,"quantity":`)
		w.number(*l.Quantity)
	}
	if l.Rate != nil {
		w.raw(`,"rate":`)
		w.number(*l.Rate)
	}
	w.raw(`,"amount":`)
	w.amount(l.Amount)
	w.optional(`,"description":`, l.Description)
	w.optional(`,"tax_reference":`, l.TaxReference)
	if l.TaxCode != nil {
		w.raw(`,"tax_code":`)
		w.ref(*l.TaxCode)
	}
	w.raw(`,"custom_price":`)
	w.bool(l.CustomPrice)
	w.raw(`,"closed":`)
	w.bool(l.Closed)
	if len(l.Fields) > 0 {
		w.raw(`,"fields":`)
		w.fields(l.Fields)
	}
	w.raw("}")
}

func (w *writer) tax(t *event.TaxDetail) {
	w.raw(`{"reference":`)
	w.string(t.Reference)
	w.raw(`,"tax_type":`)
	w.ref(t.TaxType)
	w.raw(`,"tax_code":`)
	w.ref(t.TaxCode)
	w.raw(`,"basis":`)
	w.amount(t.Basis)
	w.raw(`,"rate":`)
	w.number(t.Rate)
	w.raw(`,"amount":`)
	w.amount(t.Amount)
	w.raw("}")
}

func (w *writer) deposit(d *event.Deposit) {
	w.raw(`{"external_id":`)
	w.string(d.ExternalID)
	w.raw(`,"payment":`)
	w.string(d.Payment)
	w.raw(`,"amount":`)
	w.amount(d.Amount)
	w.raw(`,"fields":`)
	w.fields(d.Fields)
	w.optional(`,"question":`, d.Question)
	w.raw("}")
}

func (w *writer) ref(r event.Ref) {
	w.raw(`{"record":`)
	w.string(r.Record)
	w.raw(`,"by":`)
	w.string(r.By)
	w.raw(`,"key":`)
	w.string(r.Key)
	w.optional(`,"fallback":`, r.Fallback)
	w.raw("}")
}

func (w *writer) address(a *event.PostalAddress) {
	start := len(w.text)
	w.optional(`,"addressee":`, a.Addressee)
	w.optional(`,"attention":`, a.Attention)
	w.optional(`,"addr1":`, a.Addr1)
	w.optional(`,"addr2":`, a.Addr2)
	w.optional(`,"city":`, a.City)
	w.optional(`,"state":`, a.State)
	w.optional(`,"zip":`, a.Zip)
	w.optional(`,"country":`, a.Country)
	w.optional(`,"phone":`, a.Phone)
	if len(w.text) == start {
		w.raw("{}")
		return
	}
	w.text[start] = '{' // instead of the first comma
	w.raw("}")
}

func (w *writer) fields(fields map[string]event.Value) {
	if fields == nil {
		w.raw("null")
		return
	}
	w.keys = w.keys[:0]
	for name := range fields {
		w.keys = append(w.keys, name)
	}
	slices.Sort(w.keys)
	w.raw("{")
	for i, name := range w.keys {
		if i > 0 {
			w.raw(",")
		}
		w.string(name)
		w.raw(":")
		w.value(fields[name])
	}
	w.raw("}")
}

func (w *writer) value(v event.Value) {
	switch {
	case v.Text != nil:
		w.raw(`{"text":`)
		w.string(*v.Text)
	case v.Number != nil:
		w.raw(`{"number":`)
		w.number(*v.Number)
	case v.Flag != nil:
		w.raw(`{"flag":`)
		w.bool(*v.Flag)
	case v.Ref != nil:
		w.raw(`{"ref":`)
		w.ref(*v.Ref)
	case v.Empty:
		w.raw(`{"empty":true`)
	default:
		w.raw("{")
	}
	w.raw("}")
}
