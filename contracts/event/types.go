package event

// Type ties a message's name to its Go shape.
type Type struct {
	Name   string // "sync.v1.recorded"
	Struct string // "SyncRecordedV1"
	Body   any    // a zero value of the struct
}

// Types lists every message, in the order of its way through the pipeline. A test walks name, struct,
// schema file and subject of each.
func Types() []Type {
	types := []Type{{"webhook.v1.received", "WebhookReceivedV1", WebhookReceivedV1{}}}
	for _, kind := range []struct{ kind, name string }{
		{KindPlaced, "Placed"}, {KindUpdated, "Updated"}, {KindPaid, "Paid"}, {KindCancelled, "Cancelled"}, {KindRefunded, "Refunded"},
		{KindCompleted, "Completed"}, {KindFailed, "Failed"}, {KindDeleted, "Deleted"}, {KindRestored, "Restored"},
	} {
		types = append(types, Type{"order.v1." + kind.kind, "Order" + kind.name + "V1", OrderStateV1{}})
	}
	return append(types,
		Type{"customer.v1.changed", "CustomerChangedV1", CustomerChangedV1{}},
		Type{"read.v1.requested", "ReadRequestedV1", ReadRequestedV1{}},
		Type{"desired.v1.order", "DesiredOrderV1", DesiredOrderV1{}},
		Type{"desired.v1.customer", "DesiredCustomerV1", DesiredCustomerV1{}},
		Type{"sync.v1.recorded", "SyncRecordedV1", SyncRecordedV1{}},
		Type{"shop.v1.recorded", "ShopRecordedV1", ShopRecordedV1{}},
		Type{"netsuite.v1.noticed", "NetSuiteNoticedV1", NetSuiteNoticedV1{}},
		Type{"netsuite.v1.changed", "NetSuiteChangedV1", NetSuiteChangedV1{}},
		Type{"failure.v1.parked", "FailureParkedV1", FailureParkedV1{}},
		Type{"alert.v1.raised", "AlertRaisedV1", AlertRaisedV1{}},
		Type{"audit.v1.retried", "AuditRetriedV1", AuditActedV1{}},
		Type{"audit.v1.dismissed", "AuditDismissedV1", AuditActedV1{}},
		Type{"audit.v1.replayed", "AuditReplayedV1", AuditActedV1{}},
		Type{"audit.v1.published", "AuditPublishedV1", AuditActedV1{}},
		Type{"audit.v1.shadowed", "AuditShadowedV1", AuditActedV1{}},
	)
}
