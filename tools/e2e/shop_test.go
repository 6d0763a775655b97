package e2e

import (
	"testing"

	"github.com/goccy/go-json"
)

// shopMeta gives the id of a shop's order and the values of our meta key on it.
func shopMeta(t testing.TB, raw []byte) (string, []string) {
	t.Helper()
	var order struct {
		ID   json.Number `json:"id"`
		Meta []struct {
			Key   string          `json:"key"`
			Value json.RawMessage `json:"value"`
		} `json:"meta_data"`
	}
	if err := json.Unmarshal(raw, &order); err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, m := range order.Meta {
		if m.Key != "_orderstream" {
			continue
		}
		var text string
		if err := json.Unmarshal(m.Value, &text); err != nil {
			t.Fatalf("order %s: meta value %s: %v", order.ID, m.Value, err)
		}
		values = append(values, text)
	}
	return order.ID.String(), values
}
