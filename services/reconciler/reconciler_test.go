package reconciler

import (
	"testing"

	"github.com/orderstream/orderstream/contracts/event"
)

func TestWhatIsAskedOfTheShop(t *testing.T) {
	for resource, want := range map[string]string{"order": "/orders/37", "refund": "/orders/37/refunds?per_page=100", "customer": "/customers/37"} {
		if got := pathOf(event.ReadRequestedV1{Resource: resource, ObjectID: "37"}); got != want {
			t.Errorf("%s: %s, want %s", resource, got, want)
		}
	}
}
