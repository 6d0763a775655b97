package plan

import (
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Revision is what a customer's record lacks of a desired state. The zero value lacks nothing.
type Revision struct {
	Body   []byte   // of a PATCH; nil: nothing to write
	Fields []string // that change, sorted; addressBook among them
}

// customerRecord is a customer as NetSuite's REST service shows it, its book expanded.
type customerRecord struct {
	ExternalID  string `json:"externalId"`
	AddressBook struct {
		Items []struct {
			Address struct {
				Addressee string `json:"addressee"`
				Attention string `json:"attention"`
				Addr1     string `json:"addr1"`
				Addr2     string `json:"addr2"`
				City      string `json:"city"`
				State     string `json:"state"`
				Zip       string `json:"zip"`
				Phone     string `json:"addrPhone"`
				Country   struct {
					ID string `json:"id"`
				} `json:"country"`
			} `json:"addressBookAddress"`
		} `json:"items"`
	} `json:"addressBook"`
}

// names are what a company's record does not have.
var names = []string{"firstName", "lastName"}

// Revise compares a customer's record with what it should hold. A record of another externalId was adopted by an order: it is
// not ours to change, and known is false. Addresses are added to the book, beside those that people may have chosen as
// defaults.
func Revise(d event.DesiredCustomerV1, record []byte) (r Revision, known bool, err error) {
	held, err := codec.Decode[customerRecord](record)
	if err != nil {
		return Revision{}, false, err
	}
	if !strings.EqualFold(held.ExternalID, d.ExternalID) {
		return Revision{}, false, nil
	}
	values, err := codec.Decode[map[string]any](record)
	if err != nil {
		return Revision{}, true, err
	}
	body, err := otherFields(d.Fields, values)
	if err != nil {
		return Revision{}, true, err
	}
	if book := held.lacks(d.Addresses); len(book) > 0 {
		body["addressBook"] = list{book}
	}
	if len(body) == 0 {
		return Revision{}, true, nil
	}
	for name := range body {
		r.Fields = append(r.Fields, name)
	}
	slices.Sort(r.Fields)
	r.Body, err = codec.Encode(body)
	return r, true, err
}

// otherFields are the wanted fields of which the record says something else.
func otherFields(wanted map[string]event.Value, record map[string]any) (object, error) {
	body := object{}
	company := record["isPerson"] == false
	for name, want := range wanted {
		if want.Text == nil {
			return nil, fault.New(fault.MappingFailed, "want a text", fault.Field("customer.fields."+name, ""))
		}
		if company && slices.Contains(names, name) {
			continue
		}
		have, _ := record[name].(string)
		if text := escapeLines(*want.Text); !same(text, have) {
			body[name] = text
		}
	}
	return body, nil
}

// lacks lists the addresses that the book does not have, as new lines of it.
func (c customerRecord) lacks(addresses []event.PostalAddress) []object {
	var book []object
	for _, a := range addresses {
		if !c.has(a) {
			book = append(book, object{"defaultBilling": false, "defaultShipping": false, "addressBookAddress": address(a)})
		}
	}
	return book
}

func (c customerRecord) has(a event.PostalAddress) bool {
	for _, line := range c.AddressBook.Items {
		h := line.Address
		if same(a.Addressee, h.Addressee) && same(a.Attention, h.Attention) && same(a.Addr1, h.Addr1) && same(a.Addr2, h.Addr2) && same(a.City, h.City) &&
			same(a.State, h.State) && same(a.Zip, h.Zip) && same(a.Phone, h.Phone) && (a.Country == "" || strings.EqualFold(a.Country, h.Country.ID)) {
			return true
		}
	}
	return false
}

// cutAt is the shortest text that NetSuite is known to cut a value to.
const cutAt = 30

// same compares what is wanted with what NetSuite holds, which may have been cut to its field.
func same(want, have string) bool {
	return want == have || len(have) >= cutAt && strings.HasPrefix(want, have)
}
