package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-json"
	"go.yaml.in/yaml/v3"

	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/shopsim"
)

// AccountID is the NetSuite account of the double; Account is its key in the configuration.
const (
	AccountID = "1234567_SB1"
	Account   = "demo"
)

// Facts is demo.json: what any other client of the doubles and services needs.
type Facts struct {
	Ingest   string            `json:"ingest"` // base URLs
	Health   string            `json:"health"`
	NetSuite string            `json:"netsuite"`
	Shop     string            `json:"shop"`
	NATS     string            `json:"nats"`
	Webhooks map[string]string `json:"webhooks"` // by store
	Stores   []StoreFacts      `json:"stores"`
	Account  AccountFacts      `json:"account"`
	Config   string            `json:"config"` // path of orderstream.yaml
}

// StoreFacts are the keys of one store.
type StoreFacts struct {
	Key            string `json:"key"`
	URL            string `json:"url"`
	WebhookSecret  string `json:"webhook_secret"`
	ConsumerKey    string `json:"consumer_key"`
	ConsumerSecret string `json:"consumer_secret"`
}

// AccountFacts are the keys of the NetSuite double.
type AccountFacts struct {
	AccountID     string `json:"account_id"`
	ClientID      string `json:"client_id"`
	CertificateID string `json:"certificate_id"`
	PrivateKey    string `json:"private_key"` // path
	TBA           TBA    `json:"tba"`
	PushURL       string `json:"push_url"` // where the account's script posts its notices
	PushSecret    string `json:"push_secret"`
}

// TBA are the OAuth 1.0a keys of the NetSuite double.
type TBA struct {
	ConsumerKey    string `json:"consumer_key"`
	ConsumerSecret string `json:"consumer_secret"`
	TokenID        string `json:"token_id"`
	TokenSecret    string `json:"token_secret"`
}

// keys are made once and kept: the doubles remember their records, so they must remember who may ask.
type keys struct {
	ClientID      string `json:"client_id"`
	CertificateID string `json:"certificate_id"`
	PublicKey     string `json:"public_key"`
	TBA           TBA    `json:"tba"`
}

func privateKeyFile(dir string) string { return filepath.Join(dir, "secrets", "netsuite.pem") }

func loadKeys(dir string) (keys, error) {
	path := filepath.Join(dir, "secrets", "netsuite.json")
	data, err := os.ReadFile(path)
	if err == nil {
		var k keys
		return k, json.Unmarshal(data, &k)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return keys{}, fmt.Errorf("demo keys: %w", err)
	}
	made, err := netsuitesim.GenerateCredentials()
	if err != nil {
		return keys{}, err
	}
	k := keys{made.ClientID, made.CertificateID, string(made.PublicKeyPEM), TBA{"demo-consumer", "demo-consumer-secret", "demo-token", "demo-token-secret"}}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return keys{}, err
	}
	if err := os.WriteFile(privateKeyFile(dir), made.PrivateKeyPEM, 0o600); err != nil {
		return keys{}, err
	}
	return k, writeJSON(path, k)
}

// writeConfig writes orderstream.yaml as an operator would and reads it back the ordinary way.
func writeConfig(o Options, k keys, netsuite string, shop *shopsim.Server) (host.Config, error) {
	stores := map[string]any{}
	for _, key := range o.Stores {
		secret := map[string]string{"webhook": Secret, "ck": "ck_" + key, "cs": "cs_" + key}
		files := map[string]string{}
		for name, value := range secret {
			path := filepath.Join(o.Dir, "secrets", key+"-"+name)
			if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
				return host.Config{}, err
			}
			files[name] = "file:" + path
		}
		stores[key] = map[string]any{
			"url": strings.TrimSuffix(shop.StoreURL(key), "/"), "webhook_secrets": []string{files["webhook"]}, "consumer_key": files["ck"], "consumer_secret": files["cs"],
			"account": Account, "mapping": "default", "time_zone": "America/New_York",
		}
	}
	push := filepath.Join(o.Dir, "secrets", "netsuite-push")
	if err := os.WriteFile(push, []byte(PushSecret), 0o600); err != nil {
		return host.Config{}, err
	}
	follows := "off"
	if o.Stock {
		follows = "on"
	}
	file := map[string]any{
		"nats":   map[string]any{"durability": "proven"},
		"ingest": map[string]any{"listen": o.Ingest, "door_log": map[string]any{"dir": filepath.Join(o.Dir, "door-log")}},
		"stores": stores,
		"accounts": map[string]any{Account: map[string]any{
			"account_id": AccountID, "url": netsuite, "client_id": k.ClientID, "certificate_id": k.CertificateID,
			"private_key": "file:" + privateKeyFile(o.Dir), "concurrency": slots(o),
			"push_secrets": []string{"file:" + push}, "watch": map[string]string{"stock": follows},
		}},
		"channels": map[string]any{"terminal": map[string]any{"kind": "log"}},
	}
	if o.Mapping != "" {
		file["mappings"] = map[string]any{"default": map[string]any{"file": o.Mapping}}
	}
	if o.Health != "" {
		file["health"] = map[string]any{"listen": o.Health}
	}
	data, err := yaml.Marshal(file)
	if err != nil {
		return host.Config{}, err
	}
	path := configFile(o.Dir)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return host.Config{}, err
	}
	return host.Load(path, os.Environ())
}

func configFile(dir string) string { return filepath.Join(dir, "orderstream.yaml") }

func facts(o Options, k keys, d *Demo, addresses map[string]string) Facts {
	f := Facts{
		Ingest: "http://" + addresses["ingest"], NetSuite: d.NetSuite.URL(), Shop: d.Shop.URL(), NATS: d.NATS.URL(), Config: configFile(o.Dir),
		Webhooks: map[string]string{},
		Account:  AccountFacts{AccountID, k.ClientID, k.CertificateID, privateKeyFile(o.Dir), k.TBA, "", PushSecret},
	}
	f.Account.PushURL = f.Ingest + "/webhooks/netsuite/" + Account
	if health := addresses["health"]; health != "" {
		f.Health = "http://" + health
	}
	for _, key := range o.Stores {
		f.Webhooks[key] = f.Ingest + "/webhooks/woocommerce/" + key
		f.Stores = append(f.Stores, StoreFacts{key, d.Shop.StoreURL(key), Secret, "ck_" + key, "cs_" + key})
	}
	return f
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}
