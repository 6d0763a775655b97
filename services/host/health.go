package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

// health serves /healthz (the process turns), /readyz (every unit can do its work) and /metrics.
type health struct {
	app     *fiber.App
	address string
	done    chan struct{}
}

func startHealth(listen string, h *Host) (*health, error) {
	served := &health{done: make(chan struct{})}
	if listen == "" {
		close(served.done)
		return served, nil
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("health.listen: %w", err)
	}
	served.address = listener.Addr().String()
	served.app = fiber.New(fiber.Config{DisableStartupMessage: true})
	Mount(served.app, h.Ready, h.Degraded)
	served.app.Get("/metrics", adaptor.HTTPHandler(h.telemetry.Handler()))
	go func() {
		defer close(served.done)
		if err := served.app.Listener(listener); err != nil && !errors.Is(err, net.ErrClosed) {
			h.ended <- fmt.Errorf("health: %w", err)
		}
	}()
	return served, nil
}

// Mount adds /healthz and /readyz to an application. A degraded service is ready: taking it out of the
// balancer would close the door that is still open.
func Mount(app *fiber.App, ready func() error, degraded func() []string) {
	app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	app.Get("/readyz", func(c *fiber.Ctx) error {
		if err := ready(); err != nil {
			return c.Status(fiber.StatusServiceUnavailable).SendString(err.Error() + "\n")
		}
		return c.SendString(strings.Join(append([]string{"ready"}, degraded()...), "\n") + "\n")
	})
}

func (s *health) stop() {
	if s.app != nil {
		_ = s.app.Shutdown()
	}
	<-s.done
}
