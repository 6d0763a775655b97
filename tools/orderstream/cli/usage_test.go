package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/host"
)

// Wrong words are a usage mistake, exit code 2, and the message says what is wanted; nobody asks a server before.
func TestWrongWordsAreUsageMistakes(t *testing.T) {
	for words, want := range map[string]string{
		"mapping check":                                                 "accepts 1 arg(s), received 0: want orderstream mapping check <file>",
		"mapping show a b":                                              "want orderstream mapping show <revision>",
		"mapping chek f.yaml":                                           `orderstream mapping has no verb "chek"; did you mean check?`,
		"mapping shadow begin":                                          `orderstream mapping shadow has no verb "begin"`,
		"replay aply x":                                                 `orderstream replay has no verb "aply"; did you mean apply?`,
		"mapping fuzz default --orders x":                               "want orderstream mapping fuzz <file>",
		"mapping fuzz default --orders 0":                               "--orders 0: want at least 1",
		"mapping coverage default --last -3":                            "--last -3: want at least 0",
		"mapping diff default default --last -1":                        "--last -1: want at least 0",
		"replay plan":                                                   `required flag(s) "mapping" not set: want orderstream replay plan --mapping FILE|REVISION`,
		"replay plan --mapping x --slots -2":                            "--slots -2: want at least 0",
		"replay plan --mapping x --since soon":                          `--since "soon": want 2006-01-02 or RFC 3339`,
		"replay parse --since 2026-02-01 --until 2026-01":               `--until "2026-01": want 2006-01-02 or RFC 3339`,
		"replay plan --mapping x --since 2026-02-01 --until 2026-01-01": `--until "2026-01-01": want a time after --since "2026-02-01"`,
		"replay feed":                                                   `required flag(s) "to" not set`,
		"mapping shadow start x --promote-after -1":                     "--promote-after -1: want at least 0",
		"mapping shadow start x --expect a":                             "--expect: it is for --promote-after",
		"order derive main/":                                            `order "main/": want <order> or <store>/<order>`,
		"order show /36":                                                `order "/36": want <order> or <store>/<order>`,
		"mapping explain main/":                                         `order "main/": want <order> or <store>/<order>`,
		"mapping publish x":                                             `required flag(s) "message" not set`,
	} {
		var out, errs bytes.Buffer
		args := append(strings.Fields(words), "--nats", "nats://127.0.0.1:1")
		if code := run(context.Background(), args, &out, &errs); code != host.ExitConfiguration || !strings.Contains(errs.String(), want) {
			t.Errorf("%s gives %d: %s\nwant 2 and %s", words, code, errs.String(), want)
		}
	}
	var out, errs bytes.Buffer
	if code := run(context.Background(), []string{"mapping"}, &out, &errs); code != 0 || !strings.Contains(out.String(), "coverage") {
		t.Errorf("a group of verbs alone gives %d: %s%s, want its help", code, out.String(), errs.String())
	}
}
