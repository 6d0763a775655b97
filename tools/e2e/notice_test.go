package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// One cause is one message: five orders with the same unknown SKU reach people as a single notice that names it.
func TestOneCauseIsOneNotice(t *testing.T) {
	notices := make(chan string, 16)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			notices <- string(body)
		}
	}))
	t.Cleanup(receiver.Close)
	t.Setenv("NOTICE_URL", receiver.URL)
	t.Setenv("NOTICE_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	w := world.Start(t, demo.Options{Mute: true, Adjust: func(c *host.Config) {
		channel := c.Channels["terminal"]
		channel.Kind = "webhook"
		if err := errors.Join(channel.URL.UnmarshalText([]byte("env:NOTICE_URL")), channel.Secret.UnmarshalText([]byte("env:NOTICE_SECRET"))); err != nil {
			t.Error(err)
		}
		c.Channels["people"] = channel
	}})
	for n := range 5 {
		w.Post(changed(t, "order.created-simple", `"sku":"TEE-001"`, `"sku":"TEE-999"`, `{"id":36,`, fmt.Sprintf(`{"id":%d,`, 9000+n)))
	}
	w.Settle()
	select {
	case notice := <-notices:
		if !strings.Contains(notice, "sku-unknown") || !strings.Contains(notice, "TEE-999") {
			t.Errorf("the notice names neither code nor SKU: %s", notice)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no notice came")
	}
	select {
	case again := <-notices:
		t.Errorf("a second notice of the same cause: %s", again)
	default:
	}
}
