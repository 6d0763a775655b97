package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// party says who the customer is: the shop's account, else the e-mail, else the store's named default.
func (m *Mapping) party(o event.OrderStateV1, s *scope) (event.Party, error) {
	email := strings.ToLower(strings.TrimSpace(o.Customer.Email))
	id := customerID(o.Store, o.Customer.Account, email)
	if id == "" {
		return m.unnamed()
	}
	fields, err := m.values(m.customer, s, false)
	if err != nil {
		return event.Party{}, err
	}
	p := event.Party{ExternalID: id, Email: email, Fields: fields}
	for _, address := range []*event.PostalAddress{m.address(o.Billing), m.address(shipTo(o))} {
		if address != nil && (len(p.Addresses) == 0 || p.Addresses[0] != *address) {
			p.Addresses = append(p.Addresses, *address)
		}
	}
	return p, nil
}

func (m *Mapping) unnamed() (event.Party, error) {
	if m.document.Customer.Default == nil {
		return event.Party{}, fault.New(fault.CustomerUnnamed, "an order without account and e-mail needs customer.default", fault.Field("billing.email", ""))
	}
	ref := m.document.Customer.Default.Ref()
	return event.Party{Default: &ref}, nil
}

// customerID is a pure function of the identity: 24 hex digits of the e-mail's SHA-256 for a guest.
func customerID(store, account, email string) string {
	switch {
	case account != "":
		return fmt.Sprintf("wc-cust-%s-%s", store, account)
	case email != "":
		sum := sha256.Sum256([]byte(email))
		return fmt.Sprintf("wc-cust-%s-g%s", store, hex.EncodeToString(sum[:12]))
	default:
		return ""
	}
}
