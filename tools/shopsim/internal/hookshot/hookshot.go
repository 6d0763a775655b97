// Package hookshot sends webhooks as a WooCommerce store does, byte for byte:
// the order, casing and values of the headers are those of captured deliveries
// (WordPress' HTTP client over cURL). It writes HTTP/1.1 itself because no HTTP
// client keeps the order of headers.
package hookshot

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Shop is what all deliveries of one store say about it.
type Shop struct {
	Version   string // WooCommerce's, "11.0.1"
	WordPress string // "7.1"
	Source    string // home URL with trailing slash
}

func (s Shop) userAgent() string {
	return fmt.Sprintf("WooCommerce/%s Hookshot (WordPress/%s)", s.Version, s.WordPress)
}

// Delivery is one signed webhook.
type Delivery struct {
	Shop       Shop
	Topic      string // "order.created"
	Secret     string // as typed by the merchant, entities included
	WebhookID  int64
	DeliveryID string
	Body       []byte
}

// Request renders the delivery as the bytes that go over the wire.
func (d Delivery) Request(target *url.URL) []byte {
	resource, event, _ := strings.Cut(d.Topic, ".")
	return request(target, d.Shop, []string{
		"Content-Type: application/json",
		"X-WC-Webhook-Source: " + d.Shop.Source,
		"X-WC-Webhook-Topic: " + d.Topic,
		"X-WC-Webhook-Resource: " + resource,
		"X-WC-Webhook-Event: " + event,
		"X-WC-Webhook-Signature: " + Sign(d.Body, d.Secret),
		"X-WC-Webhook-ID: " + strconv.FormatInt(d.WebhookID, 10),
		"X-WC-Webhook-Delivery-ID: " + d.DeliveryID,
		"Connection: close",
		"Content-Length: " + strconv.Itoa(len(d.Body)),
	}, d.Body)
}

// Ping is the unsigned form post a store sends when a webhook is created.
type Ping struct {
	Shop      Shop
	WebhookID int64
}

// Request renders the ping as the bytes that go over the wire.
func (p Ping) Request(target *url.URL) []byte {
	body := []byte("webhook_id=" + strconv.FormatInt(p.WebhookID, 10))
	return request(target, p.Shop, []string{
		"Connection: close",
		"Content-Length: " + strconv.Itoa(len(body)),
		"Content-Type: application/x-www-form-urlencoded",
	}, body)
}

func request(target *url.URL, shop Shop, headers []string, body []byte) []byte {
	lines := append([]string{
		"POST " + target.RequestURI() + " HTTP/1.1",
		"Host: " + target.Host,
		"User-Agent: " + shop.userAgent(),
		"Accept: */*",
		"Accept-Encoding: deflate, gzip, br, zstd",
	}, headers...)
	return append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), body...)
}

// decodeEntities undoes the entities WordPress' wp_specialchars_decode knows
// with ENT_QUOTES, one level deep.
var decodeEntities = strings.NewReplacer(
	"&amp;", "&", "&#038;", "&", "&#38;", "&", "&#x26;", "&",
	"&lt;", "<", "&#060;", "<", "&gt;", ">", "&#062;", ">",
	"&quot;", `"`, "&#034;", `"`, "&#x22;", `"`, "&#039;", "'", "&#x27;", "'",
)

// Sign is the signature of a body: base64 of its HMAC-SHA256 under the secret
// after its HTML entities are decoded, which the store does before signing.
func Sign(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(decodeEntities.Replace(secret)))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Send writes a request to its target over a connection of its own and gives
// the status of the answer. Redirects are not followed. The context bounds the
// whole exchange.
func Send(ctx context.Context, target *url.URL, trust *tls.Config, req []byte) (status int, err error) {
	conn, err := dial(ctx, target, trust)
	if err != nil {
		return 0, fmt.Errorf("deliver to %s: %w", target.Redacted(), err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	status, err = exchange(conn, req)
	if err != nil {
		return 0, fmt.Errorf("deliver to %s: %w", target.Redacted(), err)
	}
	return status, nil
}

func exchange(conn net.Conn, req []byte) (int, error) {
	// A receiver may answer and close before it has read everything (413): its
	// answer counts, so the error of the write matters only without one.
	_, wrote := conn.Write(req)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		if wrote != nil {
			return 0, wrote
		}
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, nil
}

func dial(ctx context.Context, target *url.URL, trust *tls.Config) (net.Conn, error) {
	port, secure := target.Port(), target.Scheme == "https"
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[secure]
	}
	addr := net.JoinHostPort(target.Hostname(), port)
	if secure {
		return (&tls.Dialer{Config: trust}).DialContext(ctx, "tcp", addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}
