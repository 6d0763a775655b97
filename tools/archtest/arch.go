// Package archtest proves who may import whom, from what the go command lists.
package archtest

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-json"
)

const root = "github.com/orderstream/orderstream/"

// Package is one package as `go list -json` shows it.
type Package struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

// name is the path below the project, e.g. "services/ingest/doorlog".
func (p Package) name() string { return strings.TrimPrefix(p.ImportPath, root) }

// Modules of the project, each may import those before it.
var modules = []string{"schemas", "contracts", "services", "tools"}

// List reads the packages of every module below the project's root folder.
func List(ctx context.Context, dir string) ([]Package, error) {
	var all []Package
	for _, module := range modules {
		command := exec.CommandContext(ctx, "go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "./...")
		command.Dir = filepath.Join(dir, module)
		out, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("go list in %s: %w", module, err)
		}
		decoder := json.NewDecoder(strings.NewReader(string(out)))
		for decoder.More() {
			var p Package
			if err := decoder.Decode(&p); err != nil {
				return nil, err
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// Rule looks at one import and says why it is forbidden, or "".
type Rule func(from, to string) string

// Rules are the arrows.
var Rules = []Rule{downwards, servicesApart, internalBelow, pureStaysPure, serverAtOnePlace, fiberAtTheEdge, oneJSON, doublesApart}

func in(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return path == f || strings.HasPrefix(path, f+"/") })
}

func ours(path string) (string, bool) { return strings.CutPrefix(path, root) }

// downwards: tools → services → contracts → schemas.
func downwards(from, to string) string {
	target, is := ours(to)
	if !is {
		return ""
	}
	rank := func(path string) int {
		return slices.Index(modules, strings.SplitN(path, "/", 2)[0])
	}
	if rank(target) > rank(from) {
		return "arrows point from tools to services to contracts to schemas"
	}
	return ""
}

// shared are the folders of services that are no service.
var shared = []string{"services/internal", "services/host"}

func service(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) < 2 || parts[0] != "services" || in(path, shared...) || parts[1] == "operate" {
		return ""
	}
	return parts[1]
}

// servicesApart: the message is the boundary.
func servicesApart(from, to string) string {
	target, _ := ours(to)
	if a, b := service(from), service(target); a != "" && b != "" && a != b {
		return "services share messages, never each other"
	}
	return ""
}

// internalBelow: what services share knows no service.
func internalBelow(from, to string) string {
	target, _ := ours(to)
	if in(from, shared...) && service(target) != "" {
		return "what services share knows no service"
	}
	return ""
}

// Pure packages think: values in, values out.
var Pure = []string{
	"services/transformer/parse", "services/transformer/mapping", "services/ingest/signature", "services/netsuite-writer/plan", "services/status-publisher/plan", "services/notifier/digest",
	"services/internal/woo", "contracts/money", "contracts/subject", "contracts/event", "contracts/fault",
	"services/status-publisher/stock",
}

var impure = []string{"os", "net", "io/fs", "log", "log/slog", "math/rand", "math/rand/v2", "net/http", "os/exec", "syscall"}

func pureStaysPure(from, to string) string {
	if !slices.Contains(Pure, from) {
		return ""
	}
	target, is := ours(to)
	switch {
	case slices.Contains(impure, to):
		return "a pure package does no input or output"
	case is && !slices.Contains(Pure, target) && !in(target, "contracts", "schemas"):
		return "a pure package imports contracts and pure packages only"
	default:
		return ""
	}
}

// serverAtOnePlace: nats-server is linked by embednats alone.
func serverAtOnePlace(from, to string) string {
	if in(to, "github.com/nats-io/nats-server/v2") && !in(from, "services/host/embednats") {
		return "nats-server is linked by services/host/embednats alone"
	}
	if target, _ := ours(to); in(target, "services/host/embednats") && !in(from, "tools", "services/internal/natstest") {
		return "the embedded server is for tools and tests"
	}
	return ""
}

func fiberAtTheEdge(from, to string) string {
	if in(to, "github.com/gofiber/fiber/v2") && !in(from, "services/ingest", "services/console", "services/host", "tools") {
		return "fiber lives in ingest, console, the host's health endpoint and the tools"
	}
	return ""
}

func oneJSON(from, to string) string {
	if (in(to, "encoding/json") || in(to, "github.com/goccy/go-json")) && !in(from, "contracts/codec", "tools") {
		return "contracts/codec is the only JSON seam"
	}
	return ""
}

// doublesApart: a double that shares the client's types cannot find the client's mistakes.
func doublesApart(from, to string) string {
	target, is := ours(to)
	if is && in(from, "tools/netsuitesim", "tools/shopsim") && !in(target, "tools/netsuitesim", "tools/shopsim") {
		return "a double shares nothing with the clients it tests"
	}
	return ""
}

// Violations lists every forbidden import as "from → to: why".
func Violations(packages []Package) []string {
	var list []string
	for _, p := range packages {
		for _, to := range p.Imports {
			for _, rule := range Rules {
				if why := rule(p.name(), to); why != "" {
					list = append(list, fmt.Sprintf("%s → %s: %s", p.name(), strings.TrimPrefix(to, root), why))
				}
			}
		}
	}
	return list
}
