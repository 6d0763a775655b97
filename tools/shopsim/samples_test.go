package shopsim

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orderstream/orderstream/tools/shopsim/internal/phpjson"
)

// sampleTime is when most samples were taken.
const sampleTime = "2026-11-23T03:17:00"

// list-mod-Z holds all 31 orders of the measured store: with them loaded, each
// of these calls must be answered as the store did, to the byte.
func TestReadsAreAnsweredAsMeasured(t *testing.T) {
	at := &clock{at: utc(t, sampleTime)}
	s := measured(t, at, "list-mod-Z")
	for _, name := range []string{
		"list-mod", "list-mod-Z", "list-mod-local", "list-mod-Zlocal", "list-p2", "list-past", "list-101", "list-any", "list-bad-date",
		"list-fields", "list-include", "list-orderby-bad", "list-search", "list-trash", "bound-before", "bound-after",
		"get-missing", "put-missing", "put-bad-status", "bad-json", "note-missing", "refund-missing", "refund-toomuch",
		"stock-str", "stock-str2", "sku-none", "sku-multi",
	} {
		t.Run(name, func(t *testing.T) {
			want := sample(t, name)
			checkAnswer(t, want, rest(t, s, want.method, want.path, want.send))
		})
	}
}

func checkAnswer(t *testing.T, want exchange, got answer) {
	t.Helper()
	if got.status != want.status {
		t.Errorf("status %d, want %d", got.status, want.status)
	}
	if diff := cmp.Diff(want.header, got.header, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("headers (-measured +answered):\n%s", diff)
	}
	if diff := cmp.Diff(inMetaOrder(want.body), inMetaOrder(got.body)); diff != "" {
		t.Errorf("body (-measured +answered):\n%s", diff)
	}
}

// inMetaOrder puts the meta data of orders into the order of ids: the measured
// store itself gives them now by id, now by key.
func inMetaOrder(body []byte) string {
	v, err := phpjson.Parse(body)
	if err != nil {
		return string(body)
	}
	for _, row := range append(v.Items(), v) {
		if row.Has("meta_data") {
			sortRows(row.Get("meta_data").Items(), "id", false)
		}
	}
	return string(v.Bytes())
}

func TestKeysAreRefusedAsMeasured(t *testing.T) {
	s := measured(t, &clock{at: utc(t, sampleTime)}, "list-mod-Z")
	for name, key := range map[string][2]string{
		"bad-key": {"ck_nobody", "cs_main"}, "bad-secret": {"ck_main", "wrong"}, "ro-write": {"ck_read", "cs_read"},
	} {
		want := sample(t, name)
		checkAnswer(t, want, restAs(t, s, key[0], key[1], want.method, want.path, want.send))
	}
	if a := restAs(t, s, "ck_read", "cs_read", "GET", "/orders/45", ""); a.status != http.StatusOK {
		t.Errorf("the read key reads with status %d, want 200", a.status)
	}
}
