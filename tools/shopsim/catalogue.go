package shopsim

import (
	"github.com/shopspring/decimal"

	"github.com/orderstream/orderstream/tools/shopsim/internal/cart"
)

// article is one product of the captured store.
type article struct {
	id, parent        int64
	sku, name, slug   string
	price, regular    string // regular "" = price
	stock             int64  // -1 = not managed
	class             string
	taxFree           bool
	virtual, download bool
	backorders        string // "" = no
	gtin, weight      string
	color, colorName  string // of a variation
	size              string // "" = any
	variable          bool   // has variations beyond the captured store's
}

// catalogue is what the captured store sells: same ids, SKUs and prices.
var catalogue = []article{
	{id: 12, sku: "TEE-001", name: "Classic Tee", slug: "classic-tee", price: "19.99", stock: 5000, gtin: "0012345678905", weight: "0.4"},
	{id: 13, sku: "BEANIE-01", name: "Wool Beanie", slug: "wool-beanie", price: "12.75", regular: "14.50", stock: 5000},
	{id: 14, sku: "SVC-HOUR", name: "Consulting Hour", slug: "consulting-hour", price: "125.00", stock: -1, virtual: true},
	{id: 15, sku: "EBOOK-01", name: "Trail Guide E-book", slug: "trail-guide-e-book", price: "9.00", stock: -1, virtual: true, download: true},
	{id: 16, sku: "SNKR-LTD", name: "Limited Sneakers", slug: "limited-sneakers", price: "189.00", stock: 2, backorders: "notify"},
	{id: 17, name: "Mystery Box", slug: "mystery-box", price: "33.33", stock: -1},
	{id: 18, sku: "PRESS-9000", name: "Industrial Press", slug: "industrial-press", price: "12499.00", stock: 500},
	{id: 19, sku: "FREE-SAMPLE", name: "Free Sample", slug: "free-sample", price: "0.00", stock: -1, virtual: true},
	{id: 20, sku: "TASSE-GRÖSSE-L", name: "Café Tasse „Größe L“ ☕", slug: "cafe-tasse-groesse-l", price: "11.11", stock: -1},
	{id: 21, sku: "BOOK-77", name: `Field Cookbook & "Stories" <2nd ed.>`, slug: "field-cookbook-stories", price: "24.90", stock: -1, class: "reduced-rate"},
	{id: 22, sku: "GC-50", name: "Gift Card $50", slug: "gift-card-50", price: "50.00", stock: -1, taxFree: true, virtual: true},
	{id: 23, sku: "STICKER-1", name: "Sticker", slug: "sticker", price: "0.333", stock: 100000},
	{id: 26, sku: "HOOD", name: "Trail Hoodie", slug: "trail-hoodie", price: "45.00", stock: -1},
	{id: 27, parent: 26, sku: "HOOD-BLU-S", name: "Trail Hoodie - Blue, S", slug: "trail-hoodie-blue-s", price: "45.00", stock: 4000, color: "blue", colorName: "Blue", size: "S"},
	{id: 28, parent: 26, sku: "HOOD-BLU-M", name: "Trail Hoodie - Blue, M", slug: "trail-hoodie-blue-m", price: "45.00", stock: 4000, color: "blue", colorName: "Blue", size: "M"},
	{id: 29, parent: 26, sku: "HOOD-GRN-XL", name: "Trail Hoodie - Green, X-Large", slug: "trail-hoodie-green-x-large", price: "49.50", stock: 4000, color: "green", colorName: "Green", size: "X-Large"},
	{id: 30, parent: 26, sku: "HOOD-GRY-ANY", name: "Trail Hoodie - Heather Grey", slug: "trail-hoodie-heather-grey", price: "47.25", stock: 4000, color: "heather-grey", colorName: "Heather Grey"},
}

func articleOf(id int64) article {
	for _, a := range catalogue {
		if a.id == id {
			return a
		}
	}
	return article{}
}

// base is where the shop stands: prices that include tax include the tax of
// this place.
var base = cart.Place{Country: "US", State: "CA", City: "San Francisco"}

func taxRate(id int64, code, label, percent, country, state, city, class string) cart.Rate {
	return cart.Rate{
		ID: id, Code: code, Label: label, Percent: decimal.RequireFromString(percent), OnShipping: true,
		Country: country, State: state, City: city, Class: class,
	}
}

// taxTable is the captured store's: New York does not tax shipping, Québec's
// second tax is compound, Germany has a reduced class.
var taxTable = func() []cart.Rate {
	rates := []cart.Rate{
		taxRate(1, "US-CA-CA STATE TAX-1", "CA State Tax", "7.25", "US", "CA", "", ""),
		taxRate(2, "US-CA-SF COUNTY TAX-2", "SF County Tax", "1.25", "US", "CA", "San Francisco", ""),
		taxRate(3, "US-NY-NY SALES TAX-1", "NY Sales Tax", "8.875", "US", "NY", "", ""),
		taxRate(4, "US-TX-TX SALES TAX-1", "TX Sales Tax", "8.25", "US", "TX", "", ""),
		taxRate(5, "DE-MWST.-1", "MwSt.", "19", "DE", "", "", ""),
		taxRate(6, "DE-MWST. ERMäßIGT-1", "MwSt. ermäßigt", "7", "DE", "", "", "reduced-rate"),
		taxRate(7, "GB-VAT-1", "VAT", "20", "GB", "", "", ""),
		taxRate(8, "CA-QC-GST-1", "GST", "5", "CA", "QC", "", ""),
		taxRate(9, "CA-QC-QST-2", "QST", "9.975", "CA", "QC", "", ""),
		taxRate(10, "JP-消費税-1", "消費税", "10", "JP", "", "", ""),
	}
	rates[2].OnShipping = false
	rates[8].Compound = true
	return rates
}()

// vouchers are the captured store's coupons.
var vouchers = []cart.Coupon{
	{ID: 31, Code: "save10", Kind: cart.Percent, Amount: decimal.NewFromInt(10)},
	{ID: 32, Code: "fiveoff", Kind: cart.FixedCart, Amount: decimal.NewFromInt(5)},
	{ID: 33, Code: "tee3", Kind: cart.FixedProduct, Amount: decimal.NewFromInt(3), ProductID: 12},
	{ID: 34, Code: "allfree", Kind: cart.Percent, Amount: decimal.NewFromInt(100), FreeShipping: true},
	{ID: 35, Code: "shipfree", Kind: cart.Percent, FreeShipping: true},
}

// gateway is a payment method: the status an order has after checkout with it,
// and whether it is paid then.
type gateway struct {
	id, title, status string
	paid, card        bool
}

var gateways = []gateway{
	{id: "rig_card", title: "Credit Card", status: "processing", paid: true, card: true},
	{id: "bacs", title: "Direct bank transfer", status: "on-hold"},
	{id: "cheque", title: "Check payments", status: "on-hold"},
	{id: "cod", title: "Cash on delivery", status: "processing"},
}

// carrier is a shipping method offered to a zone.
type carrier struct{ id, instance, title, price string }

func carrierFor(country string, gross decimal.Decimal, free bool) carrier {
	switch {
	case free || country == "US" && gross.GreaterThan(decimal.NewFromInt(250)):
		return carrier{"free_shipping", "2", "Free shipping", "0.00"}
	case country == "US":
		return carrier{"flat_rate", "1", "Flat rate", "5.95"}
	case country == "DE" || country == "GB":
		return carrier{"flat_rate", "4", "EU Standard", "14.90"}
	default:
		return carrier{"flat_rate", "5", "International", "25.50"}
	}
}
