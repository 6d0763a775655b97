package revisions

import (
	"context"
	"testing"

	"github.com/orderstream/orderstream/services/internal/natstest"
)

// Stopping before the watch stands is no failure: the process drains.
func TestWatchThatIsStoppedAtOnce(t *testing.T) {
	server := natstest.Start(t)
	shelf, err := Open(natstest.Context(t), server.JS)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := shelf.Watch(ctx, []string{"default"}, func(a Active) { t.Errorf("handed on %+v", a) }); err != nil {
		t.Errorf("%v, want nil", err)
	}
}
