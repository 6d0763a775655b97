package e2e

import (
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-json"

	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// ran is what the script would have done inside NetSuite.
type ran struct {
	Posts []struct {
		URL, Body string
		Headers   map[string]string
	}
	Logs  []string
	Units int
}

// runScript runs deploy/netsuite's user event for one save.
func runScript(t *testing.T, save map[string]any) ran {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the SuiteScript is not run, only its signature's vector is tested (services/ingest)")
	}
	given := map[string]any{
		"context": "USERINTERFACE", "event": "edit", "type": "salesorder", "id": 1004, "user": 7, "secrets": map[string]string{"custsecret_orderstream_push": demo.PushSecret},
		"parameters": map[string]any{"custscript_orderstream_url": "https://door.example.com/webhooks/netsuite/demo", "custscript_orderstream_secret": "custsecret_orderstream_push"},
	}
	maps.Copy(given, save)
	text, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join("..", "..", "deploy", "netsuite", "orderstream_push.js")
	out, err := exec.CommandContext(t.Context(), node, filepath.Join("testdata", "suitescript.js"), script, string(text)).CombinedOutput()
	if err != nil {
		t.Fatalf("the save would have failed: %v\n%s", err, out)
	}
	var r ran
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

// What the script posts is what the door takes.
func TestScriptIsUnderstoodByTheDoor(t *testing.T) {
	got := runScript(t, map[string]any{"type": "itemfulfillment", "id": 5012, "event": "create"})
	if len(got.Posts) != 1 || len(got.Logs) != 0 || got.Units != 10 {
		t.Fatalf("%+v, want one post", got)
	}
	w := world.Start(t, demo.Options{Mute: true})
	post := got.Posts[0]
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Facts.Account.PushURL, strings.NewReader(post.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range post.Headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the door answers %d", response.StatusCode)
	}
	w.Settle()
	stream, err := w.JS.Stream(t.Context(), topology.NetSuiteChanges)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.GetLastMsgForSubject(t.Context(), subject.Notice{Account: demo.Account, Kind: "itemFulfillment", Key: "5012"}.String()); err != nil {
		t.Error(err)
	}
}

// Its own integration's writes pass, every other save is told, and no trouble of the script's reaches the save.
func TestScriptNeverFailsASave(t *testing.T) {
	rest := map[string]any{"context": "RESTWEBSERVICES"}
	named := map[string]any{"custscript_orderstream_url": "https://x.example", "custscript_orderstream_secret": "custsecret_orderstream_push", "custscript_orderstream_user": 7}
	cases := []struct {
		name   string
		save   map[string]any
		bodies []string
		says   string
	}{
		{"an edit", nil, []string{`{"kind":"salesOrder","id":"1004","act":"edit"}`}, ""},
		{"a deletion", map[string]any{"event": "delete", "type": "invoice"}, []string{`{"kind":"invoice","id":"1004","act":"delete"}`}, ""},
		{"another kind of edit", map[string]any{"event": "ship", "type": "itemfulfillment"}, []string{`{"kind":"itemFulfillment","id":"1004","act":"edit"}`}, ""},
		{"a record nobody asked for", map[string]any{"type": "customer"}, nil, ""},
		{"our own write", rest, nil, ""},
		{"our own write, by name", map[string]any{"context": "RESTWEBSERVICES", "parameters": named}, nil, ""},
		{"another integration's write", map[string]any{"context": "RESTWEBSERVICES", "parameters": named, "user": 8}, []string{`{"kind":"salesOrder","id":"1004","act":"edit"}`}, ""},
		{"a count of two items, one of them twice", map[string]any{"type": "inventoryadjustment", "items": []any{11, 12, 11, nil}},
			[]string{`{"kind":"inventory","id":"11","act":"edit"}`, `{"kind":"inventory","id":"12","act":"edit"}`}, ""},
		{"a door that is down", map[string]any{"down": true}, nil, "SSS_REQUEST_TIME_EXCEEDED"},
		{"a door that refuses", map[string]any{"code": 401}, []string{`{"kind":"salesOrder","id":"1004","act":"edit"}`}, "401"},
		{"no secret", map[string]any{"secrets": map[string]string{}}, nil, "no API secret"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := runScript(t, c.save)
			var bodies []string
			for _, post := range got.Posts {
				bodies = append(bodies, post.Body)
			}
			if strings.Join(bodies, "\n") != strings.Join(c.bodies, "\n") || (c.says == "") != (len(got.Logs) == 0) || !strings.Contains(strings.Join(got.Logs, "\n"), c.says) {
				t.Errorf("posted %q and logged %q, want %q and %q", bodies, got.Logs, c.bodies, c.says)
			}
		})
	}
	many := make([]any, 300)
	for i := range many {
		many[i] = i + 1
	}
	if got := runScript(t, map[string]any{"type": "inventorytransfer", "items": many}); got.Units > 100 {
		t.Errorf("%d units for a large transfer", got.Units)
	}
}

// The vector of deploy/netsuite/README.md.
func TestScriptSignsTheVector(t *testing.T) {
	got := runScript(t, map[string]any{
		"type": "itemfulfillment", "id": 5012, "event": "create", "now": 1795403459, "nonce": "6f1c9e2a-0b7d-4c55-9d1e-8a2f3b4c5d6e",
		"secrets": map[string]string{"custsecret_orderstream_push": "push-secret-0001"},
	})
	const want = "26e0b60f3423f26bc81d819279f0a777681322469cf439465d9d8522a18cd1f0"
	if len(got.Posts) != 1 || got.Posts[0].Headers["X-Orderstream-Signature"] != want {
		t.Errorf("posted %+v, want the signature %s", got.Posts, want)
	}
}
