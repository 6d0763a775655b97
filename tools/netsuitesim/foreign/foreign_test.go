//go:build foreign

package foreign

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

var keys = netsuitesim.TBA{ConsumerKey: "ck", ConsumerSecret: "cs", TokenID: "tk", TokenSecret: "ts"}

// start runs a double with an RSA key, whose private half it writes to a file.
func start(t *testing.T, switches netsuitesim.Switches) (*netsuitesim.Server, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		t.Fatal(err)
	}
	sim, err := netsuitesim.New(netsuitesim.Config{ClientID: "client", CertificateID: "certificate", PublicKey: &key.PublicKey, TBA: keys, Switches: switches})
	if err != nil {
		t.Fatal(err)
	}
	sim.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := sim.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return sim, file
}

// node runs a script of the folder that check.sh made and shows what it says.
func node(t *testing.T, script string, env ...string) {
	t.Helper()
	folder := os.Getenv("FOREIGN_CLIENTS")
	if folder == "" {
		t.Fatal("FOREIGN_CLIENTS names no folder with the clients: run check.sh")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s\n%s", script, out)
	if err != nil {
		t.Errorf("%s: %v", script, err)
	}
	if !strings.Contains(string(out), "ok: ") {
		t.Errorf("%s checked nothing", script)
	}
}

func TestSDK(t *testing.T) {
	for name, c := range map[string]struct {
		each     string
		switches netsuitesim.Switches
	}{
		"as documented":             {"false", netsuitesim.Switches{Idempotency400: true, RelativeLocation: true}},
		"as seen":                   {"true", netsuitesim.Switches{TaskPerItem: true, AsyncSuiteQL: true, UpsertCreated: true}},
		"in the words of the guide": {"false", netsuitesim.Switches{GuideWording: true, CreateCreated: true, BatchParallel: true}},
	} {
		t.Run(name, func(t *testing.T) {
			sim, key := start(t, c.switches)
			node(t, "sdk.mjs", "SIM_URL="+sim.URL(), "ACCOUNT=1234567_SB1", "CLIENT_ID=client", "CERTIFICATE_ID=certificate", "KEY_FILE="+key, "EACH="+c.each)
		})
	}
}

func TestTokenBasedClient(t *testing.T) {
	sim, _ := start(t, netsuitesim.Switches{})
	node(t, "rest.mjs", "SIM_URL="+sim.URL(), "ACCOUNT=1234567_SB1", "CONSUMER_KEY="+keys.ConsumerKey, "CONSUMER_SECRET="+keys.ConsumerSecret,
		"TOKEN_ID="+keys.TokenID, "TOKEN_SECRET="+keys.TokenSecret)
}
