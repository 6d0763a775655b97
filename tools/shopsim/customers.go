package shopsim

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// Customers have the keys of an address in an order of their own.
var (
	customerBilling  = []string{"first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "country", "state", "email", "phone"}
	customerShipping = []string{"first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "country", "state", "phone"}
)

// newCustomer registers a customer and fires both customer topics, as a store
// does for one registration.
func (t *tx) newCustomer(email, first, last, username string) *phpjson.Value {
	id := t.next(userIDs)
	avatar := sha256.Sum256([]byte(strings.ToLower(email)))
	c := phpjson.Obj(phpjson.N("id", id), phpjson.T("date_created", t.local()), phpjson.T("date_created_gmt", t.gmt()),
		phpjson.T("date_modified", t.local()), phpjson.T("date_modified_gmt", t.gmt()), phpjson.T("email", email),
		phpjson.T("first_name", first), phpjson.T("last_name", last), phpjson.T("role", "customer"), phpjson.T("username", username),
		phpjson.F("billing", newAddress(customerBilling)), phpjson.F("shipping", newAddress(customerShipping)),
		phpjson.B("is_paying_customer", false), phpjson.T("avatar_url", "https://secure.gravatar.com/avatar/"+hex.EncodeToString(avatar[:])+"?s=96&d=mm&r=g"),
		phpjson.F("meta_data", phpjson.List()), phpjson.F("_links", t.shop.links("customers/"+itoa(id), "customers", everyMethod)))
	t.put(customers, id, c)
	t.fire("customer.updated", id)
	t.fire("customer.created", id)
	return c
}

func (t *tx) byEmail(email string) *phpjson.Value {
	for _, c := range t.all(customers) {
		if strings.EqualFold(c.Get("email").Text(), email) {
			return c
		}
	}
	return nil
}

func createCustomer(c *call) (*reply, error) {
	var row *phpjson.Value
	err := c.shop.update(func(t *tx) error {
		email := c.body.Get("email").Text()
		if email == "" {
			return missing("email")
		}
		if t.byEmail(email) != nil {
			return fault(400, "registration-error-email-exists", "An account is already registered with "+email+". Please log in or use a different email address.")
		}
		name, _, _ := strings.Cut(email, "@")
		if given := c.body.Get("username").Text(); given != "" {
			name = given
		}
		row = t.newCustomer(email, c.body.Get("first_name").Text(), c.body.Get("last_name").Text(), name)
		t.writeCustomer(row, c.body)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return created(row, c.shop.api("customers/"+itoa(row.Get("id").Int()))), nil
}

func (t *tx) writeCustomer(row, body *phpjson.Value) {
	setTexts(row, body, "email", "first_name", "last_name")
	for _, key := range []string{"billing", "shipping"} {
		for _, f := range body.Get(key).Fields() {
			if row.Get(key).Has(f.Key) {
				row.Get(key).Set(f.Key, phpjson.Text(f.Value.Text()))
			}
		}
	}
	t.writeMeta(row, body.Get("meta_data"))
}

func putCustomer(c *call) (*reply, error) {
	var row *phpjson.Value
	err := c.shop.update(func(t *tx) error {
		if row = t.edit(customers, c.id()); row == nil {
			return fault(400, "woocommerce_rest_invalid_id", "Invalid resource ID.")
		}
		t.writeCustomer(row, c.body)
		row.Set("date_modified", phpjson.Text(t.local()))
		row.Set("date_modified_gmt", phpjson.Text(t.gmt()))
		t.fire("customer.updated", c.id())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ok(row), nil
}

func getCustomer(c *call) (*reply, error) {
	row := c.shop.get(customers, c.id())
	if row == nil {
		return nil, fault(404, "woocommerce_rest_invalid_id", "Invalid resource ID.")
	}
	return ok(row), nil
}

func listCustomers(c *call) (*reply, error) {
	var bad problems
	p := c.paging(&bad)
	if err := bad.err(); err != nil {
		return nil, err
	}
	email, include := c.query.get("email"), c.query.ids("include")
	var rows []*phpjson.Value
	for _, row := range c.shop.all(customers) {
		if (email == "" || strings.EqualFold(row.Get("email").Text(), email)) && among(include, row) {
			rows = append(rows, row)
		}
	}
	return c.listed(p, rows, func(v *phpjson.Value) *phpjson.Value { return v }), nil
}

// among tells whether a row is among the ids included; no ids include all.
func among(include []int64, row *phpjson.Value) bool {
	if len(include) == 0 {
		return true
	}
	for _, id := range include {
		if row.Get("id").Int() == id {
			return true
		}
	}
	return false
}
