package rest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
)

func TestShops(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) config.Secret {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.SecretOf("file:" + path)
	}
	good := config.Store{URL: "https://shop.example/", ConsumerKey: file("key", key+"\n"), ConsumerSecret: file("secret", secret+"\n"), Concurrency: 3}
	mute := config.Store{URL: "https://mute.example"}
	shops, err := Shops(map[string]config.Store{"main": good, "mute": mute})
	if err != nil || len(shops) != 1 || shops["main"] == nil {
		t.Fatalf("%v, %v, want a client of the one store with a key", shops, err)
	}
	if o := shops["main"].options; o.ConsumerKey != key || o.ConsumerSecret != secret || cap(shops["main"].slots) != 3 || shops["main"].base != "https://shop.example/wp-json/wc/v3" {
		t.Errorf("client of %s with %d slots", shops["main"].base, cap(shops["main"].slots))
	}

	noFile, noSecret := good, good
	noFile.ConsumerKey = config.SecretOf("file:" + filepath.Join(dir, "nothing"))
	noSecret.ConsumerSecret = config.Secret{}
	_, err = Shops(map[string]config.Store{"a": noFile, "b": noSecret, "main": good})
	if fault.CodeOf(err) != fault.ConfigurationWrong {
		t.Fatalf("%v, want %s", err, fault.ConfigurationWrong)
	}
	for _, word := range []string{"stores.a.consumer_key", "stores.b.consumer_"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%v, want every mistake at once, %s too", err, word)
		}
	}
	if strings.Contains(err.Error(), key) || strings.Contains(err.Error(), secret) {
		t.Errorf("a secret is told in %v", err)
	}
}

// Stores of one host share its limit, the largest of theirs; others have their own.
func TestOneHost(t *testing.T) {
	clients := map[string]*Client{}
	for name, store := range map[string]Options{
		"a": {URL: "https://shop.example/a", Concurrency: 2}, "b": {URL: "https://SHOP.example/b/", Concurrency: 5}, "c": {URL: "https://shop.example:8443/", Concurrency: 3},
	} {
		clients[name] = New(store)
	}
	share(clients)
	if a, b, c := clients["a"], clients["b"], clients["c"]; a.slots != b.slots || cap(a.slots) != 5 || c.slots == a.slots || cap(c.slots) != 3 {
		t.Errorf("slots: a %d, b %d, c %d", cap(a.slots), cap(b.slots), cap(c.slots))
	}
}
