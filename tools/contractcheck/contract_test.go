// Package contractcheck holds what people read against what the code says: asyncapi.yaml, runbooks, commands.
package contractcheck

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
)

const top = "../../"

type asyncAPI struct {
	Channels map[string]struct {
		Address string `yaml:"address"`
		Stream  string `yaml:"x-stream"`
	} `yaml:"channels"`
	Components struct {
		Messages map[string]struct {
			Name    string `yaml:"name"`
			Payload struct {
				Ref string `yaml:"$ref"`
			} `yaml:"payload"`
			Headers struct {
				Ref string `yaml:"$ref"`
			} `yaml:"headers"`
		} `yaml:"messages"`
	} `yaml:"components"`
}

func document(t *testing.T) asyncAPI {
	t.Helper()
	data, err := os.ReadFile(top + "contracts/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d asyncAPI
	if err := yaml.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAsyncAPINamesEveryMessage(t *testing.T) {
	d := document(t)
	var have, want []string
	for name, message := range d.Components.Messages {
		have = append(have, message.Name)
		file := message.Payload.Ref + message.Headers.Ref
		if file != "../schemas/"+strings.ReplaceAll(message.Name, ".", "/")+".json" {
			t.Errorf("%s: schema %q does not follow from the name %s", name, file, message.Name)
		}
		if _, err := os.Stat(filepath.Join(top, "contracts", file)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.HasPrefix(d.Channels[name].Address, message.Name) {
			t.Errorf("%s: address %q does not begin with %s", name, d.Channels[name].Address, message.Name)
		}
	}
	for _, typ := range event.Types() {
		want = append(want, typ.Name)
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("asyncapi.yaml has %v\nevent.Types has  %v", have, want)
	}
}

// The addresses are what the builders build.
func TestAsyncAPIAddressesAreTheBuilders(t *testing.T) {
	d := document(t)
	for name, built := range map[string]string{
		"webhookReceived": subject.Webhook{Store: "{store}", Resource: "{resource}", Event: "{event}", ID: "{id}"}.String(),
		"orderPlaced":     subject.Order{Kind: "placed", Store: "{store}", Order: "{order}"}.String(),
		"customerChanged": subject.Customer("{store}", "{customer}"),
		"readRequested":   subject.Read("{store}", "{resource}", "{id}"),
		"desiredOrder":    subject.Desired{Kind: "order", Account: "{account}", Store: "{store}", Key: "{key}"}.String(),
		"desiredCustomer": subject.Desired{Kind: "customer", Account: "{account}", Store: "{store}", Key: "{key}"}.String(),
		"syncRecorded":    subject.Sync{Account: "{account}", Store: "{store}", Order: "{order}"}.String(),
		"shopRecorded":    subject.Shop("{store}", "{kind}", "{key}"),
		"netsuiteNoticed": subject.Notice{Account: "{account}", Kind: "{kind}", Key: "{key}"}.String(),
		"netsuiteChanged": subject.Change{Account: "{account}", Kind: "{kind}", Key: "{key}"}.String(),
		"failureParked":   subject.Failure{Stage: "{stage}", Store: "{store}", Key: "{key}"}.String(),
		"alertRaised":     subject.Alert("{kind}", "{store}"),
		"auditRetried":    subject.Audit("retried"),
	} {
		built = strings.NewReplacer("%7B", "{", "%7D", "}").Replace(built)
		if got := d.Channels[name].Address; got != built {
			t.Errorf("%s: %q, the builder gives %q", name, got, built)
		}
	}
}

// Each channel's stream takes its subjects.
func TestAsyncAPIStreamsHoldTheirChannels(t *testing.T) {
	filters := map[string]string{}
	for _, s := range topology.Of(topology.Params{Replicas: 1}).Streams {
		filters[s.Name] = s.Subjects[0]
	}
	for name, channel := range document(t).Channels {
		filter, known := filters[channel.Stream]
		if !known || !strings.HasPrefix(channel.Address, strings.TrimSuffix(filter, ">")) {
			t.Errorf("%s: stream %q with %q does not hold %q", name, channel.Stream, filter, channel.Address)
		}
	}
}

func TestEveryFaultCodeHasARunbook(t *testing.T) {
	for _, code := range fault.Codes() {
		data, err := os.ReadFile(filepath.Join(top, "deploy/runbooks", string(code)+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, part := range []string{"# " + string(code), "Class: " + code.Class().String(), "## What to do"} {
			if !strings.Contains(string(data), part) {
				t.Errorf("runbook of %s: no %q", code, part)
			}
		}
		if code.Summary() == "" {
			t.Errorf("%s has no summary", code)
		}
	}
	files, err := filepath.Glob(top + "deploy/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		if name != "README" && !fault.Code(name).Registered() {
			t.Errorf("%s: no fault code of this name", file)
		}
	}
}
