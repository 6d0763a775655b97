package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/contracts/codec"
)

// EnvPrefix begins every overriding variable: ORDERSTREAM_NATS_URL is nats.url, two underscores stand for
// one inside a name, or for a dash: ORDERSTREAM_INGEST_BODY__LIMIT is ingest.body_limit. The schema says what type
// the text is.
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
	schema, err := compiled()
	if err != nil {
		return Config{}, err
	}
	overlay(tree, schema, environ)
	file, wrong, err := judged(schema, tree)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	plain, err := codec.Encode(file)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	config, err := codec.Decode[Config](plain)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", errors.Join(joined(wrong), err))
	}
	config.Fill()
	return config, joined(append(wrong, news(config.mistakes(), wrong)...))
}

// judged gives the file without what the schema finds wrong, and those mistakes.
func judged(schema *jsonschema.Schema, tree map[string]any) (file any, wrong []mistake, err error) {
	plain, err := codec.Encode(tree)
	if err != nil {
		return nil, nil, err
	}
	if file, err = jsonschema.UnmarshalJSON(strings.NewReader(string(plain))); err != nil {
		return nil, nil, err
	}
	if wrong, err = validate(schema, file); err != nil {
		return nil, nil, err
	}
	for _, m := range wrong {
		prune(file, m.path)
	}
	return file, wrong, nil
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
		or(&account.Late, Duration(15*time.Minute)) // Oracle's limit of a request, subsect_1559222360
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
	if b.GiftCards == nil {
		b.GiftCards = []string{"gift-card", "pw-gift-card"}
	}
	or(&b.Notes, "private")
	or(&b.Tracking, "auto")
	for _, owner := range []*string{&b.Owner.Status, &b.Owner.Tracking, &b.Owner.Stock} {
		or(owner, ByNetSuite)
	}
	or(&b.Owner.Refunds, ByBoth)
	or(&b.Owner.Customer, ByShop)
	or(&b.Owner.Payment, ByShop)
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
