package oauth1

import (
	"maps"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The request of RFC 5849 section 3.4.1.1 as far as one-legged requests allow:
// the base string is spelled out by hand.
var request = map[string]string{
	"b5": "=%3D", "a3": "2 q", "c@": "", "a2": "r b",
	"oauth_consumer_key": "9djdj82h48djs9d2", "oauth_timestamp": "137131201", "oauth_nonce": "7d8f3e4a",
	"oauth_signature_method": "HMAC-SHA1",
}

func TestBaseStringFollowsTheRFC(t *testing.T) {
	want := "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26b5%3D%253D%25253D%26c%2540%3D%26" +
		"oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201"
	got := baseString("post", "http://example.com/request", request)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The expected values come from openssl dgst over the base string above, with
// the key "kd94hf93k423kf44&".
func TestSignatures(t *testing.T) {
	for method, want := range map[string]string{"HMAC-SHA1": sha1Signature, "HMAC-SHA256": sha256Signature} {
		params := maps.Clone(request)
		params["oauth_signature_method"] = method
		params["oauth_signature"] = "is not signed"
		got, err := Sign("POST", "http://example.com/request", params, "kd94hf93k423kf44")
		if got != want || err != nil {
			t.Errorf("%s: %q, err %v; want %q", method, got, err, want)
		}
	}
	if _, err := Sign("GET", "http://x/", map[string]string{"oauth_signature_method": "PLAINTEXT"}, "s"); err == nil {
		t.Error("PLAINTEXT is accepted")
	}
}

func TestHeaderIsRead(t *testing.T) {
	got := Header(`OAuth realm="x", oauth_consumer_key="ck%20a", oauth_nonce=n1`, url.PathUnescape)
	if diff := cmp.Diff(map[string]string{"oauth_consumer_key": "ck a", "oauth_nonce": "n1"}, got); diff != "" {
		t.Error(diff)
	}
	if got := Header("Basic abc", url.PathUnescape); got != nil {
		t.Errorf("a Basic header gives %v", got)
	}
}

const (
	sha1Signature   = "uMSbFkxY8q/eYjO4t4455XTxiFA="
	sha256Signature = "S2vOmGwv3oxlmjNuqMkSa0lT5msr5kv+VZYhJXytvoY="
)
