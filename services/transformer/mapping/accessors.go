package mapping

import "github.com/orderstream/orderstream/contracts/money"

// The fields of Env by their names in expressions, for what runs without the machine. A test holds the tables against
// the types.
var (
	textFields = map[string]func(e *Env) string{
		"order.id":                     func(e *Env) string { return e.Order.ID },
		"order.number":                 func(e *Env) string { return e.Order.Number },
		"order.status":                 func(e *Env) string { return e.Order.Status },
		"order.date":                   func(e *Env) string { return e.Order.Date },
		"order.time":                   func(e *Env) string { return e.Order.Time },
		"order.placed_at":              func(e *Env) string { return e.Order.PlacedAt },
		"order.via":                    func(e *Env) string { return e.Order.Via },
		"order.currency":               func(e *Env) string { return e.Order.Currency },
		"order.customer.account":       func(e *Env) string { return e.Order.Customer.Account },
		"order.customer.email":         func(e *Env) string { return e.Order.Customer.Email },
		"order.customer.first_name":    func(e *Env) string { return e.Order.Customer.FirstName },
		"order.customer.last_name":     func(e *Env) string { return e.Order.Customer.LastName },
		"order.customer.company":       func(e *Env) string { return e.Order.Customer.Company },
		"order.customer.phone":         func(e *Env) string { return e.Order.Customer.Phone },
		"order.customer.ip":            func(e *Env) string { return e.Order.Customer.IP },
		"order.billing.first_name":     func(e *Env) string { return e.Order.Billing.FirstName },
		"order.billing.last_name":      func(e *Env) string { return e.Order.Billing.LastName },
		"order.billing.company":        func(e *Env) string { return e.Order.Billing.Company },
		"order.billing.address_1":      func(e *Env) string { return e.Order.Billing.Address1 },
		"order.billing.address_2":      func(e *Env) string { return e.Order.Billing.Address2 },
		"order.billing.city":           func(e *Env) string { return e.Order.Billing.City },
		"order.billing.state":          func(e *Env) string { return e.Order.Billing.State },
		"order.billing.postcode":       func(e *Env) string { return e.Order.Billing.Postcode },
		"order.billing.country":        func(e *Env) string { return e.Order.Billing.Country },
		"order.billing.email":          func(e *Env) string { return e.Order.Billing.Email },
		"order.billing.phone":          func(e *Env) string { return e.Order.Billing.Phone },
		"order.shipping.first_name":    func(e *Env) string { return e.Order.Shipping.FirstName },
		"order.shipping.last_name":     func(e *Env) string { return e.Order.Shipping.LastName },
		"order.shipping.company":       func(e *Env) string { return e.Order.Shipping.Company },
		"order.shipping.address_1":     func(e *Env) string { return e.Order.Shipping.Address1 },
		"order.shipping.address_2":     func(e *Env) string { return e.Order.Shipping.Address2 },
		"order.shipping.city":          func(e *Env) string { return e.Order.Shipping.City },
		"order.shipping.state":         func(e *Env) string { return e.Order.Shipping.State },
		"order.shipping.postcode":      func(e *Env) string { return e.Order.Shipping.Postcode },
		"order.shipping.country":       func(e *Env) string { return e.Order.Shipping.Country },
		"order.shipping.email":         func(e *Env) string { return e.Order.Shipping.Email },
		"order.shipping.phone":         func(e *Env) string { return e.Order.Shipping.Phone },
		"order.payment.method":         func(e *Env) string { return e.Order.Payment.Method },
		"order.payment.title":          func(e *Env) string { return e.Order.Payment.Title },
		"order.payment.transaction_id": func(e *Env) string { return e.Order.Payment.TransactionID },
		"order.payment.status":         func(e *Env) string { return e.Order.Payment.Status },
		"order.payment.paid_at":        func(e *Env) string { return e.Order.Payment.PaidAt },
		"order.payment.date":           func(e *Env) string { return e.Order.Payment.Date },
		"order.shipping_method":        func(e *Env) string { return e.Order.Method },
		"order.shipping_title":         func(e *Env) string { return e.Order.MethodTitle },
		"order.customer_note":          func(e *Env) string { return e.Order.Note },
		"order.requested_date":         func(e *Env) string { return e.Order.RequestedDate },
		"order.delivery_instructions":  func(e *Env) string { return e.Order.Instructions },
		"order.gift_message":           func(e *Env) string { return e.Order.GiftMessage },
		"line.id":                      func(e *Env) string { return e.Line.ID },
		"line.sku":                     func(e *Env) string { return e.Line.SKU },
		"line.name":                    func(e *Env) string { return e.Line.Name },
		"line.parent_name":             func(e *Env) string { return e.Line.Parent },
		"line.product_id":              func(e *Env) string { return e.Line.Product },
		"line.variation_id":            func(e *Env) string { return e.Line.Variant },
		"line.tax_class":               func(e *Env) string { return e.Line.TaxClass },
		"refund.id":                    func(e *Env) string { return e.Refund.ID },
		"refund.reason":                func(e *Env) string { return e.Refund.Reason },
		"refund.date":                  func(e *Env) string { return e.Refund.Date },
		"store.key":                    func(e *Env) string { return e.Store.Key },
	}
	flagFields = map[string]func(e *Env) bool{
		"order.paid":           func(e *Env) bool { return e.Order.Paid },
		"order.fully_refunded": func(e *Env) bool { return e.Order.FullyRefunded },
	}
	amountFields = map[string]func(e *Env) money.Amount{
		"order.total":          func(e *Env) money.Amount { return e.Order.Total },
		"order.tax":            func(e *Env) money.Amount { return e.Order.Tax },
		"order.shipping_total": func(e *Env) money.Amount { return e.Order.ShippingTotal },
		"order.discount":       func(e *Env) money.Amount { return e.Order.Discount },
		"line.subtotal":        func(e *Env) money.Amount { return e.Line.Subtotal },
		"line.total":           func(e *Env) money.Amount { return e.Line.Total },
		"line.tax":             func(e *Env) money.Amount { return e.Line.Tax },
		"refund.amount":        func(e *Env) money.Amount { return e.Refund.Amount },
	}
	numberFields = map[string]func(e *Env) money.Number{
		"line.quantity": func(e *Env) money.Number { return e.Line.Quantity },
	}
	metaFields = map[string]func(e *Env) map[string]string{
		"order.meta": func(e *Env) map[string]string { return e.Order.Meta },
		"line.meta":  func(e *Env) map[string]string { return e.Line.Meta },
	}
)
