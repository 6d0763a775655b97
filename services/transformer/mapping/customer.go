package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

const sectionCustomer = "customer.rules"

// party says who the customer is: the first identity the order has, else the store's named default.
func (m *Mapping) party(o event.OrderStateV1, s *scope) (event.Party, error) {
	identity := m.identity(o)
	guest := o.Customer.Account == ""
	switch {
	case identity == "" || guest && m.document.Customer.Guests == GuestsDefault:
		return m.unnamed()
	case guest && m.document.Customer.Guests == GuestsPark:
		return event.Party{}, fault.New(fault.CustomerUnnamed, "customer.guests parks orders without account", fault.Field("customer_id", "0"))
	}
	fields, err := m.values(m.customer, s, false)
	if err != nil {
		return event.Party{}, err
	}
	routed, err := m.route(m.customers, s, "")
	if err != nil {
		return event.Party{}, err
	}
	maps.Copy(fields, routed)
	p := event.Party{ExternalID: customerID(o, identity), Fields: fields}
	if identity != IdentityCompany { // the e-mail is a person's: it does not find the company
		p.Email = emailOf(o)
	}
	for _, address := range []*event.PostalAddress{s.billing, s.shipping} {
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

var defaultIdentity = []Identity{IdentityAccount, IdentityEmail}

// identity is the first of the document's that the order has; "" where it has none.
func (m *Mapping) identity(o event.OrderStateV1) Identity {
	order := m.document.Customer.Identity
	if len(order) == 0 {
		order = defaultIdentity
	}
	for _, identity := range order {
		switch {
		case identity == IdentityAccount && o.Customer.Account != "",
			identity == IdentityEmail && emailOf(o) != "",
			identity == IdentityCompany && companyOf(o) != "":
			return identity
		}
	}
	return ""
}

func emailOf(o event.OrderStateV1) string {
	return strings.ToLower(strings.TrimSpace(o.Customer.Email))
}

// companyOf is the company's name as it identifies: case and spacing do not tell companies apart.
func companyOf(o event.OrderStateV1) string { return strings.ToLower(oneLine(o.Customer.Company)) }

// customerID is a pure function of the identity: 24 hex digits of the SHA-256 of a guest's e-mail, of a company's name.
func customerID(o event.OrderStateV1, identity Identity) string {
	digest := func(kind, text string) string {
		sum := sha256.Sum256([]byte(text))
		return "wc-cust-" + o.Store + "-" + kind + hex.EncodeToString(sum[:12])
	}
	switch identity {
	case IdentityAccount:
		return "wc-cust-" + o.Store + "-" + o.Customer.Account
	case IdentityCompany:
		return digest("c", companyOf(o))
	default:
		return digest("g", emailOf(o))
	}
}

func (c *compiler) customers(rules []CustomerRule) []routeRule {
	list := make([]routeRule, 0, len(rules))
	for i, r := range rules {
		path := fmt.Sprintf("%s[%d]", sectionCustomer, i)
		list = append(list, routeRule{sectionCustomer, r.Name, r.Group, c.condition(path+".when", r.When), r.settings(), c.fields(path+".fields", r.Fields)})
	}
	return list
}

func (r CustomerRule) settings() []setting {
	return settings([]named{{"priceLevel", "priceLevel", "name", r.PriceLevel}, {"category", "customerCategory", "name", r.Category}, {"subsidiary", "subsidiary", "name", r.Subsidiary}})
}

func (b CustomerBlock) check(p *problems) {
	for i, identity := range b.Identity {
		p.want(slices.Contains([]Identity{IdentityAccount, IdentityEmail, IdentityCompany}, identity) && !slices.Contains(b.Identity[:i], identity),
			fmt.Sprintf("customer.identity[%d]", i), "want account, email or company, each once")
	}
	p.want(slices.Contains([]Guests{"", GuestsRecord, GuestsDefault, GuestsPark}, b.Guests), "customer.guests", "want record, default or park")
	p.want(b.Guests != GuestsDefault || b.Default != nil, "customer.guests", "default wants customer.default")
	var rules []ruled
	for _, r := range b.Rules {
		rules = append(rules, ruled{r.Name, r.Group, append(fieldNames(r.settings()), sorted(r.Fields)...)})
	}
	p.groups(sectionCustomer, rules)
}
