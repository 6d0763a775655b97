package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const guide = "services/transformer/mapping/GUIDE.md"

// block is a fenced block of the guide: its language, what stands beside it, its text.
type block struct{ language, argument, text string }

func blocks(t *testing.T, file string) []block {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []block
	inside := false
	for line := range strings.Lines(string(data)) {
		fence, is := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case is && !inside:
			language, argument, _ := strings.Cut(fence, " ")
			list = append(list, block{language: language, argument: argument})
			inside = true
		case is:
			inside = false
		case inside:
			list[len(list)-1].text += line
		}
	}
	return list
}

// The guide runs as it is read: its files are written, its commands are executed, and they say what it says they say.
func TestGuideRuns(t *testing.T) {
	top, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	list := blocks(t, filepath.Join(top, guide))
	t.Chdir(t.TempDir())
	said, commands := "", 0
	for _, b := range list {
		switch b.language {
		case "yaml":
			appendTo(t, b.argument, b.text)
		case "sh":
			said = ""
			for command := range strings.Lines(b.text) {
				said += execute(t, top, strings.Fields(command), b.argument == "fails")
				commands++
			}
		case "text":
			for line := range strings.Lines(b.text) {
				if !strings.Contains(said, strings.TrimRight(line, "\n")) {
					t.Errorf("the commands do not say %q but\n%s", line, said)
				}
			}
		default:
			t.Errorf("a block of %q is not executed", b.language)
		}
	}
	if commands < 8 {
		t.Errorf("%d commands executed, the guide has more", commands)
	}
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, top string, words []string, fails bool) string {
	t.Helper()
	if words[0] == "cp" {
		data, err := os.ReadFile(filepath.Join(top, words[1]))
		if err != nil {
			t.Fatal(err)
		}
		appendTo(t, words[2], string(data))
		return ""
	}
	if words[0] != "bin/orderstream" {
		t.Fatalf("no way to execute %v", words)
	}
	file := ""
	if n := len(words); n > 2 && words[n-2] == ">" {
		file, words = words[n-1], words[:n-2]
	}
	var out, errs bytes.Buffer
	if code := Main(words[1:], &out, &errs); (code != 0) != fails {
		t.Errorf("%v gives %d: %s%s", words, code, out.String(), errs.String())
	}
	if file != "" {
		appendTo(t, file, out.String())
		return errs.String()
	}
	return out.String() + errs.String()
}
