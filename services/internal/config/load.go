package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/schemas"
)

// EnvPrefix begins every overriding variable: ORDERSTREAM_NATS_URL is nats.url, two underscores stand for
// one inside a name: ORDERSTREAM_INGEST_BODY__LIMIT is ingest.body_limit.
const EnvPrefix = "ORDERSTREAM_"

// Load reads a file and the environment (as os.Environ gives it).
func Load(path string, environ []string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return Parse(data, environ)
}

// Parse reads the YAML of a file, lays the environment over it, checks and decodes it. The error joins one
// line per mistake: path, value, rule.
func Parse(data []byte, environ []string) (Config, error) {
	var tree map[string]any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	if tree == nil {
		tree = map[string]any{}
	}
	overlay(tree, environ)
	plain, err := codec.Encode(tree)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	if err := checkSchema(plain); err != nil {
		return Config{}, err
	}
	config, err := codec.Decode[Config](plain)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	config.Fill()
	return config, config.Check()
}

func overlay(tree map[string]any, environ []string) {
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours || rest == "" {
			continue
		}
		const mark = "\x00"
		path := strings.Split(strings.ReplaceAll(strings.ToLower(rest), "__", mark), "_")
		for i := range path {
			path[i] = strings.ReplaceAll(path[i], mark, "_")
		}
		set(tree, path, value)
	}
}

func set(tree map[string]any, path []string, value string) {
	for _, name := range path[:len(path)-1] {
		next, ok := tree[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[name] = next
		}
		tree = next
	}
	tree[path[len(path)-1]] = scalar(value)
}

// scalar reads a variable's text as the YAML scalar it looks like.
func scalar(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if strings.HasPrefix(text, "[") {
		var list []any
		if yaml.Unmarshal([]byte(text), &list) == nil {
			return list
		}
	}
	return text
}

const schemaFile = "config/v1/orderstream.json"

func checkSchema(plain []byte) error {
	document, err := schemas.Files.ReadFile(schemaFile)
	if err != nil {
		return fmt.Errorf("configuration schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(string(document)))
	if err != nil {
		return fmt.Errorf("configuration schema: %w", err)
	}
	if err := compiler.AddResource(schemaFile, parsed); err != nil {
		return fmt.Errorf("configuration schema: %w", err)
	}
	schema, err := compiler.Compile(schemaFile)
	if err != nil {
		return fmt.Errorf("configuration schema: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(plain)))
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return explain(schema.Validate(value))
}

// explain turns the schema's verdict into one line per mistake.
func explain(err error) error {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	printer := message.NewPrinter(language.English)
	var problems []error
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			problems = append(problems, fmt.Errorf("%s: %s", pathOf(e.InstanceLocation), ruleOf(e.ErrorKind, printer)))
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(invalid)
	return errors.Join(problems...)
}

// ruleOf words what is wrong. A secret that someone wrote into the file is not repeated.
func ruleOf(k jsonschema.ErrorKind, printer *message.Printer) string {
	if pattern, is := k.(*kind.Pattern); is && strings.Contains(pattern.Want, "env:") {
		return `want a reference "env:NAME" or "file:/path", not the secret itself`
	}
	return k.LocalizedString(printer)
}

func pathOf(location []string) string {
	if len(location) == 0 {
		return "(top level)"
	}
	return strings.Join(location, ".")
}

// Fill sets what the file leaves out to its default.
func (c *Config) Fill() {
	or(&c.Log.Level, "info")
	or(&c.Log.Format, "json")
	or(&c.NATS.URL, "nats://127.0.0.1:4222")
	or(&c.NATS.Replicas, 1)
	or(&c.NATS.Retention, Duration(400*24*time.Hour))
	or(&c.NATS.MaxBytes, -1)
	or(&c.NATS.Durability, "proven")
	or(&c.Ingest.Listen, "127.0.0.1:8080")
	or(&c.Ingest.BodyLimit, 8<<20)
	or(&c.Ingest.MaxConnections, 4096)
	or(&c.Ingest.MaxBodies, 256<<20)
	or(&c.Ingest.Ack, "log")
	or(&c.Ingest.DoorLog.Dir, "data/door-log")
	or(&c.Ingest.DoorLog.MaxRecords, 1_000_000)
	or(&c.Ingest.DoorLog.MaxBytes, 8<<30)
	or(&c.Ingest.DoorLog.WarnFree, 2<<30)
	or(&c.Ingest.DoorLog.MinFree, 256<<20)
	or(&c.Notifier.Group, Duration(5*time.Minute))
	for _, key := range slices.Sorted(maps.Keys(c.Stores)) {
		store := c.Stores[key]
		or(&store.Mapping, "default")
		or(&store.TimeZone, "UTC")
		or(&store.WriteBack, "meta")
		or(&store.Concurrency, 4)
		store.Back.fill()
		c.Stores[key] = store
	}
	for _, key := range slices.Sorted(maps.Keys(c.Accounts)) {
		account := c.Accounts[key]
		or(&account.Timeout, Duration(60*time.Second))
		or(&account.Attempts, 5)
		or(&account.Retry.First, Duration(200*time.Millisecond))
		or(&account.Retry.Last, Duration(time.Minute))
		or(&account.Retry.Throttled, Duration(time.Second))
		or(&account.Retry.FirstProbe, Duration(100*time.Millisecond))
		or(&account.Retry.LastProbe, Duration(5*time.Second))
		or(&account.Writes, "on")
		or(&account.Batches, "auto")
		or(&account.TaxRate, "percent")
		or(&account.Watch.Poll, On)
		or(&account.Watch.Stock, "off")
		if len(account.Watch.ItemTypes) == 0 {
			account.Watch.ItemTypes = []string{"InvtPart", "Assembly"}
		}
		or(&account.Watch.Fast, Duration(15*time.Second))
		or(&account.Watch.Idle, Duration(5*time.Minute))
		or(&account.URL, "https://"+strings.ReplaceAll(strings.ToLower(account.AccountID), "_", "-")+".suitetalk.api.netsuite.com")
		c.Accounts[key] = account
	}
	if _, named := c.Mappings["default"]; !named {
		if c.Mappings == nil {
			c.Mappings = map[string]Mapping{}
		}
		c.Mappings["default"] = Mapping{File: "default"}
	}
}

func (b *Back) fill() {
	if b.Status == nil {
		b.Status = map[string]string{"C": "cancelled", "F": "completed", "G": "completed"}
	}
	or(&b.Virtual, "billed")
	or(&b.Notes, "private")
	or(&b.Tracking, "auto")
	for _, owner := range []*string{&b.Owner.Status, &b.Owner.Tracking, &b.Owner.Refunds, &b.Owner.Stock} {
		or(owner, ByNetSuite)
	}
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Check proves what the schema cannot say: references between sections, known zones, both halves of TLS.
func (c Config) Check() error {
	var problems []error
	report := func(path string, value any, rule string) {
		problems = append(problems, fmt.Errorf("%s = %q: %s", path, fmt.Sprint(value), rule))
	}
	for key, store := range c.Stores {
		if _, known := c.Accounts[store.Account]; !known {
			report("stores."+key+".account", store.Account, "want the key of a section under accounts")
		}
		if _, known := c.Mappings[store.Mapping]; !known {
			report("stores."+key+".mapping", store.Mapping, "want the key of a section under mappings")
		}
		if _, err := time.LoadLocation(store.TimeZone); err != nil {
			report("stores."+key+".time_zone", store.TimeZone, "want an IANA time zone, e.g. America/New_York")
		}
		if share := store.Stock.Share; share != nil && share.Weight > share.Total {
			report("stores."+key+".stock.share.weight", share.Weight, "want at most stock.share.total")
		}
	}
	for key, account := range c.Accounts {
		if account.Retry.First > account.Retry.Last {
			report("accounts."+key+".retry.first", account.Retry.First.Std().String(), "want at most retry.last")
		}
		if account.Retry.FirstProbe > account.Retry.LastProbe {
			report("accounts."+key+".retry.first_probe", account.Retry.FirstProbe.Std().String(), "want at most retry.last_probe")
		}
		if account.Watch.Fast > account.Watch.Idle {
			report("accounts."+key+".watch.fast", account.Watch.Fast.Std().String(), "want at most watch.idle")
		}
		checkCredentials(account, func(field, value, rule string) { report("accounts."+key+"."+field, value, rule) })
	}
	if (c.Ingest.TLSCertificate == "") != (c.Ingest.TLSKey == "") {
		report("ingest.tls_key", c.Ingest.TLSKey, "want both tls_certificate and tls_key, or neither")
	}
	if c.Ingest.MaxBodies < int64(c.Ingest.BodyLimit) {
		report("ingest.max_bodies", c.Ingest.MaxBodies, "want at least ingest.body_limit")
	}
	for _, name := range c.Notifier.Channels {
		if _, known := c.Channels[name]; !known {
			report("notifier.channels", name, "want the key of a section under channels")
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}

// checkCredentials proves that an account has exactly one way to log in, and all of it.
func checkCredentials(a Account, report func(field, value, rule string)) {
	machine := []struct{ field, value string }{{"client_id", a.ClientID}, {"certificate_id", a.Certificate}, {"private_key", a.PrivateKey.String()}}
	for _, m := range machine {
		switch {
		case a.TBA == nil && m.value == "":
			report(m.field, m.value, "want client_id, certificate_id and private_key, or tba")
		case a.TBA != nil && m.value != "":
			report(m.field, m.value, "want it without tba: an account logs in in one way")
		}
	}
	if a.TBA != nil && a.Next != nil {
		report("next.certificate_id", a.Next.ID, "want it without tba: a token has no certificate")
	}
}
