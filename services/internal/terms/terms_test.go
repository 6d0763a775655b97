package terms_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/internal/terms"
)

func TestTermsAreKeptPerAccount(t *testing.T) {
	server := natstest.Start(t)
	ctx := natstest.Context(t)
	said := terms.Account{Slots: 15, Hold: true, Starts: map[string]time.Time{"main": time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}, Mappings: map[string]string{"main": "default"}, Owners: map[string]terms.Owner{"main": {Status: true, Refunds: true}}, At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	if err := terms.Keep(ctx, server.JS, "ns.eu", said); err != nil {
		t.Fatal(err)
	}
	for account, want := range map[string]terms.Account{"ns.eu": said, "ns": {}} {
		got, err := terms.Of(ctx, server.JS, account)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", account, err, diff)
		}
	}
}
