package archtest

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func packages(t *testing.T) []Package {
	t.Helper()
	list, err := List(context.Background(), filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 30 {
		t.Fatalf("only %d packages listed: the test looks at the wrong tree", len(list))
	}
	return list
}

func TestArrows(t *testing.T) {
	for _, violation := range Violations(packages(t)) {
		t.Error(violation)
	}
}

// Each rule finds the arrow it forbids.
func TestForbiddenArrowsAreFound(t *testing.T) {
	for _, arrow := range [][2]string{
		{"contracts/event", root + "services/host"},
		{"services/ingest", root + "services/transformer"},
		{"services/internal/publish", root + "services/ingest"},
		{"services/transformer/parse", "os"},
		{"services/netsuite-writer/plan", root + "services/internal/publish"},
		{"services/ingest", "github.com/nats-io/nats-server/v2/server"},
		{"services/ingest", root + "services/host/embednats"},
		{"services/transformer", "github.com/gofiber/fiber/v2"},
		{"services/transformer", "encoding/json"},
		{"tools/shopsim", root + "contracts/event"},
	} {
		if len(Violations([]Package{{ImportPath: root + arrow[0], Imports: []string{arrow[1]}}})) == 0 {
			t.Errorf("%s → %s is not found", arrow[0], arrow[1])
		}
	}
}

// Words that may stand in few places only.
var words = []struct {
	pattern *regexp.Regexp
	why     string
	allowed []string
}{
	{regexp.MustCompile(`\bos\.(Getenv|LookupEnv|Environ)\(`), "one place reads the environment", []string{"services/internal/config", "services/host", "tools"}},
	{regexp.MustCompile(`\bos\.Exit\(`), "only a main ends the process", []string{"services/host", "tools"}},
	{regexp.MustCompile(`\bsignal\.Notify`), "the host waits for signals", []string{"services/host", "tools"}},
	{regexp.MustCompile(`\.(Ack|Nak|NakWithDelay|Term|InProgress)\(\)?`), "one place acks", []string{"services/internal/consume", "tools"}},
	{regexp.MustCompile(`js\.Publish|\.PublishMsg\(|PublishMsgAsync\(`), "one place publishes", []string{"services/internal/publish", "tools"}},
	{regexp.MustCompile(`"(webhook|order|customer|desired|sync|shop|netsuite|failure|audit|alert|read)\.v1\.[a-z]*\.`), "subjects are built in contracts/subject", []string{"contracts/subject"}},
}

func TestWordsStayInTheirPlaces(t *testing.T) {
	for _, p := range packages(t) {
		if in(p.name(), "tools/archtest") {
			continue
		}
		for _, file := range p.GoFiles {
			source, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range words {
				main := strings.Contains(p.name(), "/cmd/")
				if found := word.pattern.Find(source); found != nil && !main && !in(p.name(), word.allowed...) {
					t.Errorf("%s/%s: %s: %s", p.name(), file, found, word.why)
				}
			}
			for _, call := range []string{"time.Now(", "rand."} {
				if slices.Contains(Pure, p.name()) && strings.Contains(string(source), call) {
					t.Errorf("%s/%s: %s in a pure package", p.name(), file, call)
				}
			}
		}
	}
}
