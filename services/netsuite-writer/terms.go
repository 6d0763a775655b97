package netsuitewriter

import (
	"context"
	"time"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/internal/terms"
)

// tell says under which terms the account is written to, for what foresees its writes.
func tell(ctx context.Context, env host.Env, account string, slots int) error {
	t := terms.Account{Slots: slots, Hold: env.Config.Accounts[account].Writes == "hold", Starts: map[string]time.Time{}, Mappings: map[string]string{}, Owners: map[string]terms.Owner{}, At: time.Now().UTC()}
	for name, store := range env.Config.Stores {
		if store.Account != account {
			continue
		}
		owner := store.Back.Owner
		t.Mappings[name] = store.Mapping
		t.Owners[name] = terms.Owner{
			Status: owner.Status == config.ByNetSuite, Payment: owner.Payment == config.ByNetSuite, Refunds: owner.Refunds == config.ByNetSuite,
			Customer: owner.Customer == config.ByNetSuite,
		}
		if !store.Start.IsZero() {
			t.Starts[name] = store.Start.UTC()
		}
	}
	return terms.Keep(ctx, env.JS, account, t)
}
