package shopsim

import (
	"strconv"
	"strings"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

func isVariation(p *phpjson.Value) bool { return p.Get("type").Text() == "variation" }

func getProduct(c *call) (*reply, error) {
	p := c.shop.get(products, c.id())
	if p == nil {
		return nil, fault(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
	}
	return ok(c.shop.productView(p)), nil
}

// listProducts leaves out variations unless SKUs or ids are asked for.
func listProducts(c *call) (*reply, error) {
	var bad problems
	p := c.paging(&bad)
	order := c.query.choice(&bad, "order", "desc", []string{"asc", "desc"})
	if err := bad.err(); err != nil {
		return nil, err
	}
	var skus []string
	if c.query.get("sku") != "" {
		skus = strings.Split(c.query.get("sku"), ",")
	}
	include := c.query.ids("include")
	var rows []*phpjson.Value
	for _, row := range c.shop.skusOrAll(skus) {
		asked := len(skus) > 0 || len(include) > 0
		if among(include, row) && (asked || !isVariation(row)) {
			rows = append(rows, row)
		}
	}
	sortRows(rows, "id", order == "desc")
	return c.listed(p, rows, c.shop.productView), nil
}

// skusOrAll gives the products of some SKUs, or every one.
func (s *shop) skusOrAll(skus []string) []*phpjson.Value {
	if len(skus) == 0 {
		return s.all(products)
	}
	return s.labelled(skus)
}

// putProduct writes a product. On one whose stock is not managed a stock
// quantity is accepted and ignored, as a store does.
func putProduct(c *call) (*reply, error) {
	return c.writeProduct(func(t *tx) (*phpjson.Value, error) { return t.putProduct(c.id(), c.body) }, c.shop.productView)
}

func (c *call) writeProduct(write func(*tx) (*phpjson.Value, error), view func(*phpjson.Value) *phpjson.Value) (*reply, error) {
	var p *phpjson.Value
	err := c.shop.update(func(t *tx) (err error) {
		p, err = write(t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ok(view(p)), nil
}

func (t *tx) putProduct(id int64, body *phpjson.Value) (*phpjson.Value, error) {
	p := t.get(products, id)
	switch {
	case p == nil:
		return nil, fault(400, "woocommerce_rest_product_invalid_id", "Invalid ID.")
	case isVariation(p):
		return nil, fault(404, "woocommerce_rest_invalid_product_id", "To manipulate product variations you should use the /products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint.")
	}
	return t.changeProduct(id, body)
}

func (t *tx) changeProduct(id int64, body *phpjson.Value) (*phpjson.Value, error) {
	var bad problems
	quantity := body.Get("stock_quantity")
	n, err := strconv.ParseInt(quantity.Text(), 10, 64)
	if !quantity.IsNull() && err != nil {
		bad.notType("stock_quantity", "integer")
	}
	for _, key := range pricesSent(body) {
		if body.Get(key).Kind() != phpjson.String {
			bad.notType(key, "string")
		}
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	p := t.edit(products, id)
	setTexts(p, body, "name", "sku", "status", "description", "short_description", "weight", "global_unique_id")
	setPrices(p, body)
	if m := body.Get("manage_stock"); m != nil {
		p.Set("manage_stock", phpjson.BoolValue(m.True()))
		p.Set("stock_quantity", or(m.True(), phpjson.Int(p.Get("stock_quantity").Int()), phpjson.NullValue()))
	}
	t.writeMeta(p, body.Get("meta_data"))
	if !quantity.IsNull() {
		t.setStock(id, n)
	}
	t.touchProduct(p)
	return p, nil
}

// pricesSent are the prices that a body has.
func pricesSent(body *phpjson.Value) (keys []string) {
	for _, key := range []string{"regular_price", "sale_price"} {
		if !body.Get(key).IsNull() {
			keys = append(keys, key)
		}
	}
	return keys
}

// setPrices writes the prices as they come. The sale price is the product's while
// it is below the regular one (WC_Product::is_on_sale). A product with variations
// has no prices of its own: WC_REST_Products_Controller empties them.
func setPrices(p, body *phpjson.Value) {
	keys := pricesSent(body)
	switch {
	case len(keys) == 0:
		return
	case p.Get("type").Text() == "variable":
		p.Set("regular_price", phpjson.Text(""))
		p.Set("sale_price", phpjson.Text(""))
		return
	}
	setTexts(p, body, keys...)
	regular, sale := p.Get("regular_price").Text(), p.Get("sale_price").Text()
	on := sale != "" && dec(regular).GreaterThan(dec(sale))
	p.Set("on_sale", phpjson.BoolValue(on))
	p.Set("price", phpjson.Text(or(on, sale, regular)))
	p.Set("price_html", phpjson.Text(priceHTML(dec(p.Get("price").Text()))))
}

func batchProducts(c *call) (*reply, error) {
	return c.batch(map[string]func(*tx, *phpjson.Value) (*phpjson.Value, error){
		"update": func(t *tx, body *phpjson.Value) (*phpjson.Value, error) {
			return t.putProduct(body.Get("id").Int(), body)
		},
	}, c.shop.productView)
}

// variation gives a variation of the product in the path, or why not.
func (t *tx) variation(parent, id int64) error {
	p := t.get(products, id)
	if p == nil || !isVariation(p) || p.Get("parent_id").Int() != parent {
		return fault(404, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")
	}
	return nil
}

func getVariation(c *call) (*reply, error) {
	return c.writeProduct(func(t *tx) (*phpjson.Value, error) {
		return t.get(products, c.id()), t.variation(c.parent(), c.id())
	}, c.shop.variationView)
}

func putVariation(c *call) (*reply, error) {
	return c.writeProduct(func(t *tx) (*phpjson.Value, error) { return t.putVariation(c.parent(), c.id(), c.body) }, c.shop.variationView)
}

func (t *tx) putVariation(parent, id int64, body *phpjson.Value) (*phpjson.Value, error) {
	if err := t.variation(parent, id); err != nil {
		return nil, err
	}
	return t.changeProduct(id, body)
}

func batchVariations(c *call) (*reply, error) {
	return c.batch(map[string]func(*tx, *phpjson.Value) (*phpjson.Value, error){
		"update": func(t *tx, body *phpjson.Value) (*phpjson.Value, error) {
			return t.putVariation(c.parent(), body.Get("id").Int(), body)
		},
	}, c.shop.variationView)
}

func listVariations(c *call) (*reply, error) {
	var bad problems
	p := c.paging(&bad)
	if err := bad.err(); err != nil {
		return nil, err
	}
	var rows []*phpjson.Value
	for _, row := range c.shop.all(products) {
		if isVariation(row) && row.Get("parent_id").Int() == c.parent() {
			rows = append(rows, row)
		}
	}
	return c.listed(p, rows, c.shop.variationView), nil
}
