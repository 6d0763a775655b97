package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/transformer/mapping"
)

// A publication tells what the static check finds, before anything is asked of a server.
func TestPublishTellsFindings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mapping.yaml")
	document := append(bytes.Clone(mapping.Default), "\nclasses: [{name: never, when: 'false'}]\n"...)
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	var checked, out, told bytes.Buffer
	if code := Main([]string{"mapping", "check", file}, &checked, &out); code != 0 {
		t.Fatal(out.String())
	}
	_, findings, found := strings.Cut(checked.String(), "\n")
	if !found || findings == "" {
		t.Fatalf("nothing is found: %s", checked.String())
	}
	Main([]string{"mapping", "publish", file, "-m", "why", "--nats", "nats://127.0.0.1:1"}, &out, &told)
	if !strings.HasPrefix(told.String(), findings) {
		t.Errorf("told %q, want the findings %q", told.String(), findings)
	}
}
