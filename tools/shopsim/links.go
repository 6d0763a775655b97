package shopsim

import (
	"strconv"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

var (
	everyMethod = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	readDelete  = []string{"GET", "DELETE"}
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// api is the address of a REST resource.
func (s *shop) api(path string) string { return s.home + "/wp-json/wc/v3/" + path }

// links is the _links member of one resource. Stores before WooCommerce 10 do
// not hint at the methods allowed.
func (s *shop) links(self, collection string, allow []string) *phpjson.Value {
	own := phpjson.Obj(phpjson.T("href", s.api(self)))
	if s.cfg.major() >= 10 {
		methods := phpjson.List()
		for _, m := range allow {
			methods.Append(phpjson.Text(m))
		}
		own.Set("targetHints", phpjson.Obj(phpjson.F("allow", methods)))
	}
	return phpjson.Obj(
		phpjson.F("self", phpjson.List(own)),
		phpjson.F("collection", phpjson.List(phpjson.Obj(phpjson.T("href", s.api(collection))))),
	)
}

func (s *shop) orderLinks(id, customer int64) *phpjson.Value {
	self := "orders/" + itoa(id)
	links := s.links(self, "orders", everyMethod)
	if s.cfg.major() >= 10 {
		links.Set("email_templates", phpjson.List(phpjson.Obj(phpjson.B("embeddable", true), phpjson.T("href", s.api(self+"/actions/email_templates")))))
	}
	if customer != 0 {
		links.Set("customer", phpjson.List(phpjson.Obj(phpjson.T("href", s.api("customers/"+itoa(customer))))))
	}
	return links
}

// childLinks is the _links member of a note or refund of an order.
func (s *shop) childLinks(order int64, collection string, id int64) *phpjson.Value {
	up := "orders/" + itoa(order)
	links := s.links(up+"/"+collection+"/"+itoa(id), up+"/"+collection, readDelete)
	links.Set("up", phpjson.List(phpjson.Obj(phpjson.T("href", s.api(up)))))
	return links
}
