package netsuitewriter

import (
	"context"
	"time"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/internal/terms"
)

// tell says under which terms the account is written to, for what foresees its writes.
func tell(ctx context.Context, env host.Env, account string, slots int) error {
	t := terms.Account{Slots: slots, Hold: env.Config.Accounts[account].Writes == "hold", Starts: map[string]time.Time{}, Mappings: map[string]string{}, At: time.Now().UTC()}
	for name, store := range env.Config.Stores {
		if store.Account != account {
			continue
		}
		t.Mappings[name] = store.Mapping
		if !store.Start.IsZero() {
			t.Starts[name] = store.Start.UTC()
		}
	}
	return terms.Keep(ctx, env.JS, account, t)
}
