package e2e

import (
	"context"
	"net/http"
	"strconv"
	"testing"

	"github.com/goccy/go-json"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// crowded is a world whose writer takes itself to have far more slots than another integration leaves of the account. An
// attempt that burns parks its order at once.
func crowded(t *testing.T, section string) world.World {
	t.Helper()
	w := world.Start(t, demo.Options{Mute: true, Adjust: func(c *host.Config) {
		world.Unwatched(c)
		a := c.Accounts[demo.Account]
		a.Concurrency, a.Attempts = 15, 1
		if err := json.Unmarshal([]byte(section), &a); err != nil {
			t.Fatal(err)
		}
		c.Accounts[demo.Account] = a
	}})
	setFaults(t, w, `{"latencyMs":20,"concurrencyLimit":4,"others":{"max":4},"overloadStatus":401}`)
	return w
}

// An account that refuses logins while it is full is treated as one that answers 429: the governor steps down, what was
// refused waits, no attempt burns and every order lands once. The token serves all the while: it is hardly ever renewed.
// Invariants 2 and 3.
func TestLoginsRefusedByOverload(t *testing.T) {
	for name, section := range map[string]string{
		"each order by itself": `{"batches":"off","retry":{"throttled":"50ms"}}`,
		"in batches":           `{"retry":{"throttled":"50ms"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := crowded(t, section)
			plays := paidOrders(t, w, 760_000, 130)
			send(t, w, plays)
			w.Settle()
			refused := w.NetSuite.Stats().ByStatus["401"]
			given := tokens(w, http.StatusOK)
			text, err := w.Metric(context.Background(), "orderstream_netsuite_throttled_total")
			throttled, _ := strconv.Atoi(text)
			t.Logf("%d requests, %d refused, of which %d slowed the writer down; %d tokens", w.NetSuite.Stats().Requests, refused, throttled, given)
			if refused < 20 {
				t.Fatalf("only %d logins were refused: it proves nothing", refused)
			}
			if most := 8; given > most {
				t.Errorf("%d tokens, want at most %d", given, most)
			}
			// What was refused as a token was renewed is sent once more at once.
			if again := given * 15; err != nil || throttled < refused-again {
				t.Errorf("%v, %d refusals slowed the writer down, want all %d but those repeated with a new token, %d at most", err, throttled, refused, again)
			}
			checkLanded(t, w, plays)
			deposits := map[string]string{}
			for _, p := range plays {
				deposits["wc-cd-main-"+strconv.Itoa(p.id)+"-payment"] = "28.14"
			}
			sameTotals(t, "deposits", transactions(w, "customerDeposit"), deposits)
		})
	}
}
