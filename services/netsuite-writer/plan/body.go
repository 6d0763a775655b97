package plan

import (
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/money"
)

// IDs gives the internal id of each reference.
type IDs map[event.Ref]string

type object = map[string]any

type list struct {
	Items []object `json:"items"`
}

// customPrice is NetSuite's price level "Custom": rate and amount stand as given.
const customPrice = "-1"

// Refs lists every reference a desired order needs, without the customer, in a stable order.
func Refs(d event.DesiredOrderV1) []event.Ref {
	refs := []event.Ref{currencyRef(d.SalesOrder.Currency)}
	refs = append(refs, fieldRefs(d.SalesOrder.Fields)...)
	for _, line := range d.SalesOrder.Lines {
		refs = append(append(refs, line.Item), fieldRefs(line.Fields)...)
		if line.TaxCode != nil {
			refs = append(refs, *line.TaxCode)
		}
	}
	for _, tax := range d.SalesOrder.TaxDetails {
		refs = append(refs, tax.TaxType, tax.TaxCode)
	}
	return refs
}

// PartyRefs lists the references of a new customer record.
func PartyRefs(d event.DesiredOrderV1) []event.Ref {
	return append(fieldRefs(d.Customer.Fields), currencyRef(d.SalesOrder.Currency))
}

func currencyRef(c money.Currency) event.Ref {
	return event.Ref{Record: "currency", By: "name", Key: string(c)}
}

func fieldRefs(fields map[string]event.Value) []event.Ref {
	var refs []event.Ref
	for _, value := range fields {
		if value.Ref != nil {
			refs = append(refs, *value.Ref)
		}
	}
	return refs
}

// SalesOrder writes the record's body. Numbers keep their exact text. Column, unless empty, takes the mark of each line.
func SalesOrder(d event.DesiredOrderV1, customer string, ids IDs, column string) ([]byte, error) {
	so := d.SalesOrder
	body := object{
		"externalId": so.ExternalID, "entity": id(customer), "orderStatus": id(so.OrderStatus),
		"currency": id(ids[currencyRef(so.Currency)]),
	}
	if err := setFields(body, so.Fields, ids); err != nil {
		return nil, err
	}
	setAddress(body, "billingAddress", so.Billing)
	setAddress(body, "shippingAddress", so.Shipping)
	lines := make([]object, 0, len(so.Lines))
	for _, line := range so.Lines {
		l, err := orderLine(line, ids, column)
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	body["item"] = list{lines}
	setTaxes(body, so, ids)
	return codec.Encode(body)
}

// setTaxes overrides NetSuite's tax by the shop's. With the shop's tax as lines an override without rows keeps NetSuite's
// engine from adding its own.
func setTaxes(body object, so event.SalesOrder, ids IDs) {
	if so.TaxMode == event.TaxOverride || so.TaxMode == event.TaxLines {
		body["taxDetailsOverride"] = true
		body["taxDetails"] = list{taxDetails(so.TaxDetails, ids)}
	}
}

func orderLine(line event.OrderLine, ids IDs, column string) (object, error) {
	l := object{"item": id(ids[line.Item]), "amount": number(line.Amount.String()), "rate": number(rateOf(line)), "isClosed": line.Closed}
	if line.CustomPrice {
		l["price"] = id(customPrice)
	}
	if line.Quantity != nil {
		l["quantity"] = number(line.Quantity.String())
	}
	if line.Description != "" {
		l["description"] = escapeLines(line.Description)
	}
	if line.TaxReference != "" {
		l["taxDetailsReference"] = line.TaxReference
	}
	if line.TaxCode != nil {
		l["taxCode"] = id(ids[*line.TaxCode])
	}
	err := setFields(l, line.Fields, ids)
	if column != "" {
		l[column] = Mark(line.Key) // a mapping that fills the column too gives way: lines are found again by it
	}
	return l, err
}

// rateOf is a line's unit price; of a Discount item, which has no quantity, its negative amount.
func rateOf(line event.OrderLine) string {
	if line.Rate != nil {
		return line.Rate.String()
	}
	return line.Amount.String()
}

func taxDetails(rows []event.TaxDetail, ids IDs) []object {
	details := make([]object, 0, len(rows))
	for _, row := range rows {
		details = append(details, object{
			"taxDetailsReference": row.Reference, "taxType": id(ids[row.TaxType]), "taxCode": id(ids[row.TaxCode]),
			"taxBasis": number(row.Basis.String()), "taxRate": number(row.Rate.String()), "taxAmount": number(row.Amount.String()),
		})
	}
	return details
}

// Fractions turns the rates of tax details into fractions of one, where the account takes them so: 0.0725 for 7.25 %.
func Fractions(rows []event.TaxDetail) {
	for i := range rows {
		rows[i].Rate = rows[i].Rate.Times(hundredth)
	}
}

var hundredth = money.MustParseNumber("0.01")

// Customer writes the body of a new customer record.
func Customer(d event.DesiredOrderV1, ids IDs) ([]byte, error) {
	body := object{"externalId": d.Customer.ExternalID, "currency": id(ids[currencyRef(d.SalesOrder.Currency)])}
	if err := setFields(body, d.Customer.Fields, ids); err != nil {
		return nil, err
	}
	book := make([]object, 0, len(d.Customer.Addresses))
	for i, a := range d.Customer.Addresses {
		book = append(book, object{
			"defaultBilling": i == 0, "defaultShipping": i == len(d.Customer.Addresses)-1, "addressBookAddress": address(a),
		})
	}
	if len(book) > 0 {
		body["addressBook"] = list{book}
	}
	return codec.Encode(body)
}

func id(value string) object { return object{"id": value} }

func number(text string) codec.Number { return codec.Number(text) }

func setFields(body object, fields map[string]event.Value, ids IDs) error {
	for name, v := range fields {
		switch {
		case v.Text != nil:
			body[name] = escapeLines(*v.Text)
		case v.Number != nil:
			body[name] = number(v.Number.String())
		case v.Flag != nil:
			body[name] = *v.Flag
		case v.Ref != nil:
			body[name] = id(ids[*v.Ref])
		case v.Empty:
			body[name] = nil
		default:
			return fault.New(fault.MappingFailed, "want a value", fault.Field(name, ""))
		}
	}
	return nil
}

// escapeLines writes line breaks as the two characters \n: NetSuite loses raw ones (Oracle's help,
// subsect_1544786455).
func escapeLines(text string) string { return strings.ReplaceAll(text, "\n", `\n`) }

func setAddress(body object, name string, a *event.PostalAddress) {
	if a != nil {
		body[name] = address(*a)
	}
}

func address(a event.PostalAddress) object {
	o := object{}
	for name, value := range map[string]string{
		"addressee": a.Addressee, "attention": a.Attention, "addr1": a.Addr1, "addr2": a.Addr2,
		"city": a.City, "state": a.State, "zip": a.Zip, "addrPhone": a.Phone,
	} {
		if value != "" {
			o[name] = value
		} else {
			o[name] = nil // an update merges: what is left out would stay
		}
	}
	if a.Country != "" {
		o["country"] = id(a.Country)
	}
	return o
}
