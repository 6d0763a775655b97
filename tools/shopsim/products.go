package shopsim

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// newProduct is a product as product.updated shows it; a variation is shown as
// a product of type "variation" there.
func (t *tx) newProduct(a article) *phpjson.Value {
	kind, query := "simple", ""
	if a.id == 26 || a.variable {
		kind = "variable"
	}
	if a.parent != 0 {
		kind, query = "variation", "?attribute_pa_color="+a.color
		if a.size != "" {
			query += "&attribute_size=" + a.size
		}
	}
	slug := a.slug
	if a.parent != 0 {
		slug = articleOf(a.parent).slug
	}
	p := phpjson.Obj(phpjson.N("id", a.id), phpjson.T("name", a.name), phpjson.T("slug", a.slug),
		phpjson.T("permalink", t.shop.home+"/product/"+slug+"/"+query),
		phpjson.T("date_created", t.local()), phpjson.T("date_created_gmt", t.gmt()),
		phpjson.T("date_modified", t.local()), phpjson.T("date_modified_gmt", t.gmt()),
		phpjson.T("type", kind), phpjson.T("status", "publish"), phpjson.B("featured", false),
		phpjson.T("catalog_visibility", "visible"), phpjson.T("description", ""), phpjson.T("short_description", ""), phpjson.T("sku", a.sku))
	a.addPrices(p)
	a.addStock(p)
	a.addRest(p)
	p.Set("_links", t.shop.productLinks(a))
	return p
}

func (a article) addPrices(p *phpjson.Value) {
	regular, sale := a.price, ""
	if a.regular != "" {
		regular, sale = a.regular, a.price
	}
	p.Set("price", phpjson.Text(a.price))
	p.Set("regular_price", phpjson.Text(regular))
	p.Set("sale_price", phpjson.Text(sale))
	for _, key := range []string{"date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt"} {
		p.Set(key, phpjson.NullValue())
	}
	p.Set("on_sale", phpjson.BoolValue(sale != ""))
	p.Set("purchasable", phpjson.BoolValue(true))
	p.Set("total_sales", phpjson.Int(0))
	p.Set("virtual", phpjson.BoolValue(a.virtual))
	p.Set("downloadable", phpjson.BoolValue(a.download))
	p.Set("downloads", phpjson.List())
	p.Set("download_limit", phpjson.Int(-1))
	p.Set("download_expiry", phpjson.Int(-1))
	p.Set("external_url", phpjson.Text(""))
	p.Set("button_text", phpjson.Text(""))
	p.Set("tax_status", phpjson.Text(or(a.taxFree, "none", "taxable")))
	p.Set("tax_class", phpjson.Text(a.class))
}

func (a article) addStock(p *phpjson.Value) {
	backorders := or(a.backorders == "", "no", a.backorders)
	p.Set("manage_stock", phpjson.BoolValue(a.stock >= 0))
	p.Set("stock_quantity", or(a.stock >= 0, phpjson.Int(a.stock), phpjson.NullValue()))
	p.Set("backorders", phpjson.Text(backorders))
	p.Set("backorders_allowed", phpjson.BoolValue(backorders != "no"))
	p.Set("backordered", phpjson.BoolValue(false))
	p.Set("low_stock_amount", phpjson.NullValue())
	p.Set("sold_individually", phpjson.BoolValue(a.id == 16))
}

func (a article) addRest(p *phpjson.Value) {
	none := func() *phpjson.Value { return phpjson.List() }
	p.Set("weight", phpjson.Text(a.weight))
	p.Set("dimensions", phpjson.Obj(phpjson.T("length", ""), phpjson.T("width", ""), phpjson.T("height", "")))
	p.Set("shipping_required", phpjson.BoolValue(!a.virtual))
	p.Set("shipping_taxable", phpjson.BoolValue(!a.taxFree))
	p.Set("shipping_class", phpjson.Text(""))
	p.Set("shipping_class_id", phpjson.Int(0))
	p.Set("reviews_allowed", phpjson.BoolValue(a.parent == 0))
	p.Set("average_rating", phpjson.Text("0.00"))
	p.Set("rating_count", phpjson.Int(0))
	p.Set("upsell_ids", none())
	p.Set("cross_sell_ids", none())
	p.Set("parent_id", phpjson.Int(a.parent))
	p.Set("purchase_note", phpjson.Text(""))
	p.Set("categories", none())
	if a.parent == 0 {
		p.Get("categories").Append(phpjson.Obj(phpjson.N("id", 15), phpjson.T("name", "Uncategorized"), phpjson.T("slug", "uncategorized")))
	}
	for _, key := range []string{"brands", "tags", "images"} {
		p.Set(key, none())
	}
	p.Set("attributes", a.attributes())
	p.Set("default_attributes", none())
	p.Set("variations", a.variations())
	p.Set("grouped_products", none())
	p.Set("menu_order", phpjson.Int(0))
	p.Set("price_html", phpjson.Text(priceHTML(decimal.RequireFromString(a.price))))
	p.Set("related_ids", none())
	p.Set("meta_data", none())
	p.Set("stock_status", phpjson.Text("instock"))
	p.Set("has_options", phpjson.BoolValue(a.id == 26))
	p.Set("post_password", phpjson.Text(""))
	p.Set("global_unique_id", phpjson.Text(a.gtin))
}

func priceHTML(price decimal.Decimal) string {
	return `<span class="woocommerce-Price-amount amount"><bdi><span class="woocommerce-Price-currencySymbol" translate="no">&#36;</span>` + price.StringFixed(2) + `</bdi></span>`
}

// attributes are the chosen ones of a variation.
func (a article) attributes() *phpjson.Value {
	list := phpjson.List()
	if a.color != "" {
		list.Append(phpjson.Obj(phpjson.N("id", 1), phpjson.T("name", "Color"), phpjson.T("slug", "pa_color"), phpjson.T("option", a.colorName)))
	}
	if a.size != "" {
		list.Append(phpjson.Obj(phpjson.N("id", 0), phpjson.T("name", "Size"), phpjson.T("slug", "size"), phpjson.T("option", a.size)))
	}
	return list
}

func (a article) variations() *phpjson.Value {
	list := phpjson.List()
	for _, v := range catalogue {
		if v.parent == a.id {
			list.Append(phpjson.Int(v.id))
		}
	}
	return list
}

func (s *shop) productLinks(a article) *phpjson.Value {
	links := s.links("products/"+itoa(a.id), "products", everyMethod)
	if a.parent != 0 {
		links.Set("up", phpjson.List(phpjson.Obj(phpjson.T("href", s.api("products/"+itoa(a.parent))))))
	}
	return links
}

// setStock changes a managed stock and fires product.updated.
func (t *tx) setStock(id, quantity int64) {
	p := t.edit(products, id)
	if p == nil || !p.Get("manage_stock").True() {
		return
	}
	p.Set("stock_quantity", phpjson.Int(quantity))
	allowed := p.Get("backorders_allowed").True()
	status := "instock"
	if quantity <= 0 {
		status = or(allowed, "onbackorder", "outofstock")
	}
	p.Set("stock_status", phpjson.Text(status))
	p.Set("backordered", phpjson.BoolValue(status == "onbackorder"))
	t.touchProduct(p)
}

func (t *tx) touchProduct(p *phpjson.Value) {
	p.Set("date_modified", phpjson.Text(t.local()))
	p.Set("date_modified_gmt", phpjson.Text(t.gmt()))
	t.fire("product.updated", p.Get("id").Int())
}

// moveStock adds to a managed stock; other products are left alone.
func (t *tx) moveStock(id, by int64) (managed bool) {
	p := t.get(products, id)
	if !p.Get("manage_stock").True() {
		return false
	}
	t.setStock(id, p.Get("stock_quantity").Int()+by)
	return true
}

// variationView is a variation as the variations endpoints show it.
func (s *shop) variationView(p *phpjson.Value) *phpjson.Value {
	view := phpjson.Obj()
	for _, key := range []string{"id", "type", "date_created", "date_created_gmt", "date_modified", "date_modified_gmt", "description", "permalink",
		"sku", "global_unique_id", "price", "regular_price", "sale_price", "date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to",
		"date_on_sale_to_gmt", "on_sale", "status", "purchasable", "virtual", "downloadable", "downloads", "download_limit", "download_expiry",
		"tax_status", "tax_class", "manage_stock", "stock_quantity", "stock_status", "backorders", "backorders_allowed", "backordered",
		"low_stock_amount", "weight", "dimensions", "shipping_class", "shipping_class_id", "image", "gallery_image_ids", "attributes",
		"menu_order", "meta_data", "name", "parent_id"} {
		if v := p.Get(key); v != nil {
			view.Set(key, v)
		}
		switch key {
		case "tax_class":
			view.Set(key, phpjson.Text("parent"))
		case "image":
			view.Set(key, phpjson.NullValue())
		case "gallery_image_ids":
			view.Set(key, phpjson.List())
		}
	}
	_, short, _ := strings.Cut(p.Get("name").Text(), " - ")
	view.Set("name", phpjson.Text(short))
	parent := "products/" + itoa(p.Get("parent_id").Int())
	links := s.links(parent+"/variations/"+itoa(p.Get("id").Int()), parent+"/variations", everyMethod)
	links.Set("up", phpjson.List(phpjson.Obj(phpjson.T("href", s.api(parent)))))
	view.Set("_links", links)
	return view
}

// productView is a product as the products endpoints show it: with two more
// members than a webhook has.
func (s *shop) productView(p *phpjson.Value) *phpjson.Value {
	if p.Get("type").Text() == "variation" {
		return p
	}
	view := p.Clone()
	links := view.Get("_links")
	view.Delete("_links")
	view.Set("permalink_template", phpjson.Text(s.home+"/product/%pagename%/"))
	view.Set("generated_slug", p.Get("slug"))
	view.Set("_links", links)
	return view
}
