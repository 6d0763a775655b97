package netsuitesim

import "maps"

// lengthLimits are the field maxima, by schema and property.
func lengthLimits(cfg *Config) map[string]int {
	limits := map[string]int{
		"customer.phone": 32, "customer.mobilePhone": 32, "customer.homePhone": 32, "customer.altPhone": 32, "customer.fax": 32,
		"customer.entityId": 83, "customer.companyName": 83, "customer.firstName": 32, "customer.lastName": 32,
		"customer.middleName": 32, "customer.email": 254, "customer.externalId": 255, "customer.comments": 4000,
		"salesOrder.otherRefNum": 45, "salesOrder.memo": 999, "salesOrder.message": 4000, "salesOrder.email": 254,
		"salesOrder.externalId": 255, "salesOrder-itemElement.description": 4000,
		"customerDeposit.memo": 999, "customerDeposit.externalId": 255, "itemFulfillment.memo": 999, "itemFulfillment.externalId": 255,
	}
	address := map[string]int{
		"addr1": 150, "addr2": 150, "addr3": 150, "attention": 150, "addressee": cfg.Switches.MaxAddressee,
		"city": 50, "state": 50, "zip": 36, "addrPhone": 100, "addrText": 999,
	}
	for _, owner := range []string{"salesOrder-shippingAddress", "salesOrder-billingAddress", "itemFulfillment-shippingAddress", "customer-addressBook-addressBookAddress"} {
		for name, limit := range address {
			limits[owner+"."+name] = limit
		}
	}
	maps.Copy(limits, cfg.Switches.Lengths)
	return limits
}
