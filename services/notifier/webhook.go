package notifier

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/fault"
	"github.com/orderstream/orderstream/services/internal/config"
	"github.com/orderstream/orderstream/services/notifier/digest"
)

// webhook posts a notice as JSON, signed per Standard Webhooks (standardwebhooks.com, symmetric v1): HMAC-SHA256
// over "<id>.<timestamp>.<body>".
type webhook struct {
	url    string
	key    []byte
	client *http.Client
	clock  func() time.Time
}

// newWebhook reports both mistakes of a channel at once.
func newWebhook(path string, c config.Channel) (*webhook, error) {
	address, err := secretOf(path+".url", c.URL)
	// The address may hold a token: neither it nor the parser's complaint is repeated.
	if err == nil && !isAddress(address) {
		err = wrong(path+".url", c.URL.String(), "want the reference of an http or https address", nil)
	}
	secret, unread := secretOf(path+".secret", c.Secret)
	key, odd := keyOf(secret)
	if unread == nil && odd != nil {
		unread = wrong(path+".secret", c.Secret.String(), "want base64 behind whsec_", nil)
	}
	if err := errors.Join(err, unread); err != nil {
		return nil, err
	}
	// A redirect would carry the signed body to where nobody meant it to go.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &webhook{url: address, key: key, client: client, clock: time.Now}, nil
}

func isAddress(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && parsed.Host != "" && (parsed.Scheme == "https" || parsed.Scheme == "http")
}

// keyOf reads a signing secret: base64 behind "whsec_", any other text as it stands.
func keyOf(secret string) ([]byte, error) {
	encoded, prefixed := strings.CutPrefix(secret, "whsec_")
	if !prefixed {
		return []byte(secret), nil
	}
	return base64.StdEncoding.DecodeString(encoded)
}

func (w *webhook) send(ctx context.Context, n digest.Notice) error {
	payload, err := codec.Encode(bodyOf(n))
	if err != nil {
		return fault.New(fault.ChannelRefused, "a notice must be JSON", fault.Because(err))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(payload))
	if err != nil {
		return fault.New(fault.ChannelRefused, "want an http or https address")
	}
	timestamp := strconv.FormatInt(w.clock().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Orderstream")
	request.Header.Set("webhook-id", n.Key)
	request.Header.Set("webhook-timestamp", timestamp)
	request.Header.Set("webhook-signature", "v1,"+w.sign(n.Key, timestamp, payload))
	response, err := w.client.Do(request)
	if err != nil {
		return fault.New(fault.ChannelUnavailable, "the webhook must answer", fault.Because(withoutURL(err)))
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // keeps the connection usable
	return judge(response)
}

func (w *webhook) sign(id, timestamp string, payload []byte) string {
	mac := hmac.New(sha256.New, w.key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(payload)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// withoutURL drops the address, which may hold a token.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// judge: 2xx is told; 3xx and 4xx are refusals, save those that ask for patience (408, 425, 429).
func judge(response *http.Response) error {
	status := response.StatusCode
	answer := fault.Field("status", strconv.Itoa(status))
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return fault.New(fault.ChannelUnavailable, "want 2xx", answer, fault.After(retryAfter(response.Header, time.Now())))
	default:
		return fault.New(fault.ChannelRefused, "want 2xx", answer)
	}
}

// maxAfter bounds how long one answer can silence a channel.
const maxAfter = 5 * time.Minute

// retryAfter reads both forms of the header (RFC 9110, 10.2.3): seconds or a date.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 16); err == nil {
		return min(time.Duration(seconds)*time.Second, maxAfter)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxAfter)
}
