package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/fault"
)

// minPayload fits the largest delivery and its headers.
const minPayload = 16 << 20

// Dial connects to a NATS server elsewhere and stays connected for ever. A server that is away at the start is
// waited for: the host decides for how long.
func Dial(_ context.Context, c Config, log *slog.Logger) (Connection, error) {
	open := func(name string) (*nats.Conn, error) {
		options := append(ConnOptions(log), nats.Name("orderstream "+name))
		if c.NATS.Credentials != "" {
			options = append(options, nats.UserCredentials(c.NATS.Credentials))
		}
		conn, err := nats.Connect(c.NATS.URL, options...)
		if err != nil {
			return nil, fmt.Errorf("nats.url %q: %w", c.NATS.URL, err)
		}
		return conn, nil
	}
	conn, err := open("host")
	if err != nil {
		return Connection{}, err
	}
	durable := func(ctx context.Context) (bool, error) { return monitorsDurable(ctx, c.NATS.Monitor) }
	return Connection{Conn: conn, Open: open, Durable: durable, Close: conn.Close}, nil
}

// syncQueue is how many messages a synchronous subscription holds: the most a batch of direct gets answers with, and
// room. NATS makes room for 65,536 by default, half a megabyte for every such batch.
const syncQueue = 1024

// ConnOptions are the options every connection shares: reconnect for ever, log what a denied publish only
// tells asynchronously.
func ConnOptions(log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.RetryOnFailedConnect(true), nats.SyncQueueLen(syncQueue),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			log.Warn("NATS reports an error", "error", err)
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { log.Warn("NATS connection lost", "error", err) }),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("NATS connection is back") }),
	}
}

// monitorsDurable asks each node's monitoring address: an ordinary account cannot see sync_interval. A node that is seen
// not to fsync refuses the server. A node that cannot be asked says nothing: it takes no part in what is acknowledged
// while it is away, so a majority that does fsync is enough, and the error names who is still to be asked.
func monitorsDurable(ctx context.Context, addresses []string) (bool, error) {
	if len(addresses) == 0 {
		return Durability(false, "nats.monitor must list the monitoring address of each node, so that sync_interval can be seen")
	}
	silent, seen := make([]error, len(addresses)), make([]bool, len(addresses))
	var asked sync.WaitGroup
	for i, address := range addresses {
		asked.Go(func() { seen[i], silent[i] = syncAlways(ctx, address) })
	}
	asked.Wait()
	yes := 0
	for i, address := range addresses {
		switch {
		case silent[i] != nil:
			silent[i] = fmt.Errorf("nats.monitor %q does not answer: %w", address, silent[i])
		case !seen[i]:
			return Durability(false, fmt.Sprintf("jetstream.sync_interval of the node at %s must be \"always\"", address))
		default:
			yes++
		}
	}
	return 2*yes > len(addresses), errors.Join(silent...)
}

func syncAlways(ctx context.Context, address string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(address, "/")+"/jsz?config=1", nil)
	if err != nil {
		return false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false, errors.New(response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return false, err
	}
	info, err := codec.Decode[struct {
		Config struct {
			SyncAlways bool `json:"sync_always"`
		} `json:"config"`
	}](body)
	return info.Config.SyncAlways, err
}

// proveDurable refuses a server whose settings cannot keep invariant 1, unless told so in plain words. A doubt names
// nodes that could not be asked while enough others were.
func proveDurable(ctx context.Context, c Config, link Connection) (doubt, err error) {
	if got := link.Conn.MaxPayload(); got < minPayload {
		return nil, fault.New(fault.ServerNotDurable, fmt.Sprintf("the server's max_payload must be at least %d, so that a delivery fits", minPayload),
			fault.Field("max_payload", fmt.Sprint(got)))
	}
	if c.NATS.Durability == "unproven" {
		return nil, nil
	}
	ok, err := link.Durable(ctx)
	switch {
	case ok:
		return err, nil
	case err == nil:
		return nil, fault.New(fault.ServerNotDurable, "the server must keep what it acknowledges")
	default:
		return nil, err
	}
}

// Durability is the answer of a server that can be asked: ok, or a refusal that says which setting to change.
func Durability(ok bool, why string) (bool, error) {
	if ok {
		return true, nil
	}
	return false, fault.New(fault.ServerNotDurable, why+`; or set nats.durability: "unproven" to run with a server that may lose acknowledged orders in a power cut`)
}
