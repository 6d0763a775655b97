package shopsim

import (
	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

func (s *shop) settings() []*phpjson.Value {
	setting := func(id, label, kindName, otherwise, value string) *phpjson.Value {
		return phpjson.Obj(phpjson.T("id", id), phpjson.T("label", label), phpjson.T("description", ""), phpjson.T("type", kindName),
			phpjson.T("default", otherwise), phpjson.T("value", value), phpjson.T("group_id", "general"),
			phpjson.F("_links", s.links("settings/general/"+id, "settings/general", []string{"GET", "POST", "PUT", "PATCH"})))
	}
	return []*phpjson.Value{
		setting("woocommerce_store_city", "City", "text", "", base.City),
		setting("woocommerce_default_country", "Country / State", "select", "US:CA", base.Country+":"+base.State),
		setting("woocommerce_calc_taxes", "Enable taxes", "checkbox", "no", "yes"),
		setting("woocommerce_prices_include_tax", "Prices entered with tax", "radio", "no", or(s.cfg.PricesIncludeTax, "yes", "no")),
		setting("woocommerce_currency", "Currency", "select", "USD", s.cfg.Currency),
		setting("woocommerce_price_num_decimals", "Number of decimals", "number", "2", "2"),
	}
}

func listSettings(c *call) (*reply, error) { return ok(phpjson.List(c.shop.settings()...)), nil }

func getSetting(c *call) (*reply, error) {
	for _, row := range c.shop.settings() {
		if row.Get("id").Text() == c.name {
			return ok(row), nil
		}
	}
	return nil, fault(404, "rest_setting_setting_invalid", "Invalid setting.")
}

// systemStatus is the part of the status report that tells versions, currency
// and where orders are kept.
func systemStatus(c *call) (*reply, error) {
	s := c.shop
	hpos := !s.cfg.PostsStorage
	store := or(hpos, `Automattic\WooCommerce\Internal\DataStores\Orders\OrdersTableDataStore`, "WC_Order_Data_Store_CPT")
	return ok(phpjson.Obj(
		phpjson.F("environment", phpjson.Obj(phpjson.T("home_url", s.home), phpjson.T("site_url", s.home), phpjson.T("version", s.cfg.Version),
			phpjson.T("wp_version", s.cfg.WordPress), phpjson.B("wp_cron", true), phpjson.T("default_timezone", "UTC"))),
		phpjson.F("settings", phpjson.Obj(phpjson.B("api_enabled", false), phpjson.B("force_ssl", false), phpjson.T("currency", s.cfg.Currency),
			phpjson.T("currency_position", "left"), phpjson.T("thousand_separator", ","), phpjson.T("decimal_separator", "."),
			phpjson.N("number_of_decimals", 2), phpjson.T("order_datastore", store), phpjson.B("HPOS_enabled", hpos), phpjson.B("HPOS_sync_enabled", false))),
	)), nil
}
