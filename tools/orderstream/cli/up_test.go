package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// config writes a configuration of one store and one account that nobody answers for.
func config(t *testing.T, dir, name, key string) string {
	t.Helper()
	secret := write(t, filepath.Join(dir, name+".key"), key)
	return write(t, filepath.Join(dir, name), fmt.Sprintf(`
nats: {durability: proven}
ingest: {listen: "127.0.0.1:0", door_log: {dir: %q}}
health: {listen: "127.0.0.1:0"}
stores: {main: {url: "http://127.0.0.1:1", webhook_secrets: ["file:%[2]s"], consumer_key: "file:%[2]s", consumer_secret: "file:%[2]s", account: demo}}
accounts: {demo: {account_id: "1", url: "http://127.0.0.1:1", client_id: c, certificate_id: k, private_key: "file:%[2]s"}}
`, filepath.Join(dir, "door-log"), secret))
}

func privateKey(t *testing.T) string {
	t.Helper()
	made, err := netsuitesim.GenerateCredentials()
	if err != nil {
		t.Fatal(err)
	}
	return string(made.PrivateKeyPEM)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// How `up` ends is told by its exit code, as by a service's own.
func TestUpGivesTheHostsExitCode(t *testing.T) {
	dir := t.TempDir()
	sound, keyless := config(t, dir, "sound.yaml", privateKey(t)), config(t, dir, "keyless.yaml", "no key")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		args []string
		want int
	}{
		"a key that is none":     {[]string{"--config", keyless}, host.ExitConfiguration},
		"a port that is taken":   {[]string{"--config", sound, "--console-listen", taken.Addr().String()}, host.ExitEnvironment},
		"a file that is missing": {[]string{"--config", filepath.Join(dir, "none.yaml")}, host.ExitConfiguration},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"up", "--data", t.TempDir(), "--nats-listen", "127.0.0.1:0"}, c.args...)
		if code := run(t.Context(), args, &out, &errs); code != c.want {
			t.Errorf("%s: ended with %d, want %d: %s%s", name, code, c.want, &out, &errs)
		}
	}
}

// A stop is no failure: `up` drains and ends with 0.
func TestUpDrains(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	in, errs := io.Pipe()
	code := make(chan int, 1)
	args := []string{"up", "--config", config(t, t.TempDir(), "sound.yaml", privateKey(t)), "--data", t.TempDir(), "--nats-listen", "127.0.0.1:0"}
	go func() {
		code <- run(ctx, args, io.Discard, errs)
		_ = errs.Close()
	}()
	defer stop()
	var log strings.Builder
	for lines := bufio.NewScanner(in); lines.Scan(); {
		fmt.Fprintln(&log, lines.Text())
		if strings.Contains(lines.Text(), `"msg":"listening","service":"ingest"`) {
			stop()
		}
	}
	if got := <-code; got != host.ExitDrained || !strings.Contains(log.String(), `"msg":"drained"`) {
		t.Errorf("ended with %d, want %d: %s", got, host.ExitDrained, log.String())
	}
}
