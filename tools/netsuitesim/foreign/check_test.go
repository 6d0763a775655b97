package foreign

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Where the clients cannot run, the check says so plainly, and fails where they must or where half of what they need is there.
func TestCheckSaysThatItDidNotRun(t *testing.T) {
	for name, c := range map[string]struct {
		tools  []string
		env    string
		says   string
		passes bool
	}{
		"nothing is there":               {nil, "", "NOT RUN: npm and node absent", true},
		"nothing is there, but required": {nil, "FOREIGN=required", "NOT RUN: npm and node absent", false},
		"npm alone":                      {[]string{"npm"}, "", "NOT RUN: node absent", false},
		"npm cannot install":             {[]string{"npm", "node"}, "", "NOT RUN: npm install failed", false},
	} {
		out, err := check(t, c.tools, c.env)
		if (err == nil) != c.passes || !strings.Contains(out, c.says) {
			t.Errorf("%s: %v, says %q; want %q, success %v", name, err, out, c.says, c.passes)
		}
	}
}

// check runs check.sh where there are the tools that it needs itself, and those named, which do nothing but fail.
func check(t *testing.T, failing []string, env string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{"dirname", "mktemp", "cp", "cat", "rm"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range failing {
		if err := os.WriteFile(filepath.Join(dir, tool), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "/bin/sh", "check.sh")
	command.Env = []string{"PATH=" + dir, env}
	out, err := command.CombinedOutput()
	return string(out), err
}
