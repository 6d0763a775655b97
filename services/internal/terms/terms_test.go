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
	said := terms.Account{Slots: 15, Hold: true, Starts: map[string]time.Time{"main": time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}, Mappings: map[string]string{"main": "default"}, Owners: map[string]terms.Owner{"main": {Status: true, Refunds: true, Customer: true}}, At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
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

// Of two writers that name a store the one that began last is right, whatever their accounts are called.
func TestAStoreIsWhatItsLastWriterSaid(t *testing.T) {
	server := natstest.Start(t)
	ctx := natstest.Context(t)
	if said, err := terms.Stores(ctx, server.JS); err != nil || len(said) != 0 {
		t.Errorf("%v, %v before anybody has said anything", said, err)
	}
	for account, said := range map[string]terms.Account{
		"ns":    {Mappings: map[string]string{"main": "default", "moved": "then"}, At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
		"ns.eu": {Mappings: map[string]string{"legacy": "eu", "moved": "now"}, At: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)},
		"old":   {Mappings: map[string]string{"moved": "long ago"}, At: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if err := terms.Keep(ctx, server.JS, account, said); err != nil {
			t.Fatal(err)
		}
	}
	said, err := terms.Stores(ctx, server.JS)
	if diff := cmp.Diff(map[string]terms.Store{"main": {"ns", "default"}, "legacy": {"ns.eu", "eu"}, "moved": {"ns.eu", "now"}}, said); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
