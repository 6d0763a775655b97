package shopsim

import (
	"strings"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// shopper is somebody who buys, with the address goods go to.
type shopper struct {
	first, last, company       string
	street, extra, city, state string
	postcode, country          string
	mail, phone                string
	note                       string
}

// shoppers live where the captured store's tax rates differ.
var shoppers = []shopper{
	{first: "Sam", last: "Rivera", street: "760 Market St", extra: "Suite 800", city: "San Francisco", state: "CA", postcode: "94103", country: "US", mail: "sam.rivera@example.com", phone: "(415) 555-0132"},
	{first: "Lee", last: "Park", company: "Park Dental", street: "350 S Grand Ave", city: "Los Angeles", state: "CA", postcode: "90071", country: "US", mail: "lee.park@example.com", phone: "213-555-0190"},
	{first: "Ana", last: "Flores", street: "11 W 53rd St", extra: "Apt 4B", city: "New York", state: "NY", postcode: "10019", country: "US", mail: "ana.flores@example.com", phone: "+1 212 555 0144", note: "Leave with the doorman, please."},
	{first: "Blake", last: "Turner", street: "500 Congress Ave", city: "Austin", state: "TX", postcode: "78701", country: "US", mail: "blake.turner@example.com", phone: "512-555-0170"},
	{first: "Chris", last: "Nolan", street: "1 SW Columbia St", city: "Portland", state: "OR", postcode: "97258", country: "US", mail: "chris.nolan@example.com"},
	{first: "Jürgen", last: "Müller-Lüdenscheidt", company: "Größenwahn GmbH", street: "Straße des 17. Juni 135", city: "Berlin", state: "DE-BE", postcode: "10623", country: "DE", mail: "juergen@example.de", phone: "+49 30 555 0123", note: "Bitte beim Nachbarn abgeben – danke!"},
	{first: "Siobhán", last: "O’Connor", street: "221B Baker Street", city: "London", postcode: "NW1 6XE", country: "GB", mail: "siobhan@example.co.uk", phone: "+44 20 7946 0000"},
	{first: "Zoë", last: "Lévesque", street: "1200 rue Sainte-Catherine", city: "Montréal", state: "QC", postcode: "H3B 1K1", country: "CA", mail: "zoe@example.ca", phone: "514-555-0188"},
	{first: "太郎", last: "山田", company: "株式会社テスト", street: "丸の内1-1", city: "千代田区", state: "JP13", postcode: "100-0005", country: "JP", mail: "taro@example.jp", phone: "03-5550-1234", note: "午前中にお願いします 🙏"},
}

// regulars have an account at the store.
var regulars = []shopper{
	{first: "Jane", last: "O'Neil-Smith", company: "O'Neil & Sons, LLC", street: "500 Howard St", city: "San Francisco", state: "CA", postcode: "94105", country: "US", mail: "jane@example.com", phone: "+1 415 555 9999"},
	{first: "Marcus", last: "Webb", street: "20 Exchange Pl", city: "New York", state: "NY", postcode: "10005", country: "US", mail: "marcus.webb@example.com", phone: "212-555-0111"},
	{first: "Ingrid", last: "Sørensen", street: "4400 Main St", city: "Austin", state: "TX", postcode: "78751", country: "US", mail: "ingrid@example.com", phone: "512-555-0199"},
}

// seedRegulars registers the regulars; their ids start at 2.
func (t *tx) seedRegulars() {
	for _, r := range regulars {
		name, _, _ := strings.Cut(r.mail, "@")
		c := t.newCustomer(r.mail, r.first, r.last, name)
		r.fill(c.Get("billing"), r.mail)
		r.fill(c.Get("shipping"), "")
	}
}

// fill writes the shopper's address; a shipping address has no e-mail.
func (p shopper) fill(a *phpjson.Value, mail string) {
	for key, value := range map[string]string{
		"first_name": p.first, "last_name": p.last, "company": p.company, "address_1": p.street, "address_2": p.extra, "city": p.city,
		"state": p.state, "postcode": p.postcode, "country": p.country, "email": mail, "phone": or(mail == "", "", p.phone),
	} {
		if a.Has(key) {
			a.Set(key, phpjson.Text(value))
		}
	}
}
