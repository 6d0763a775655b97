package woo

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/capture"
	"github.com/orderstream/orderstream/contracts/codec"
)

// A scalar of any type reads as its text, digits and all; anything else is an error.
func TestText(t *testing.T) {
	for document, want := range map[string]Text{
		`""`: "", `"36"`: "36", `36`: "36", `0`: "0", `null`: "", `true`: "true", `false`: "false", `10.23963125`: "10.23963125", `-4.50`: "-4.50", `1E3`: "1E3",
		`"a\"b\\c\/d"`: `a"b\c/d`, `"\u00e9\ud83d\ude00"`: "é😀", `"é\r\n"`: "é\r\n", `12345678901234567890.10`: "12345678901234567890.10",
	} {
		got, err := codec.Decode[Text]([]byte(document))
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", document, got, err, want)
		}
	}
	for _, document := range []string{`{}`, `[]`, `[1]`, `{"a":1}`, `"a`, ``, `tru`} {
		if got, err := codec.Decode[Text]([]byte(document)); err == nil || got != "" {
			t.Errorf("%s: %q, %v, want an error", document, got, err)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[Text]time.Time{
		"":                    {},
		"2026-11-23T03:10:33": time.Date(2026, 11, 23, 3, 10, 33, 0, time.UTC),
		"2024-02-29T00:00:00": time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseTime(text); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []Text{"2026-11-23", "2026-11-23 03:10:33", "2026-02-30T00:00:00", "yesterday", "2026-11-23T03:10:33Z", "2026-11-23T03:10:33+01:00"} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}

// A REST error is told from an object, whatever its data; an order with a field named code is none.
func TestParseProblem(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":"woocommerce_rest_cannot_create_order_refund","message":"Invalid refund amount.","data":500}`: "woocommerce_rest_cannot_create_order_refund",
		`{"code":"rest_invalid_param","message":"m","data":{"status":400,"params":{}}}`:                        "rest_invalid_param",
		`{"code":"internal_server_error","message":"m"}`:                                                       "internal_server_error",
		`{"id":36,"status":"processing"}`:                                                                      "", `{"code":"summer","id":7}`: "", `{"code":7}`: "", `[{"code":"rest_x"}]`: "", `[]`: "", `<html>`: "", `{"code":"rest_`: "", ``: "",
	} {
		got, is := ParseProblem([]byte(body))
		if is != (want != "") || is && got.Code != want {
			t.Errorf("%s: %+v, %v, want %q", body, got, is, want)
		}
	}
}

// Every captured order keeps what it says; the shapes that wobble are read as they stand.
func TestCapturedOrders(t *testing.T) {
	all, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	orders := 0
	for _, c := range all {
		if c.Get("X-WC-Webhook-Resource") != "order" || !strings.Contains(string(c.Body), `"status"`) || !c.Valid {
			continue
		}
		if _, is := ParseProblem(c.Body); is {
			continue
		}
		order, err := codec.Decode[Order](c.Body)
		if err != nil || order.ID == "" || order.Currency == "" || order.Total == "" || order.ModifiedGMT == "" {
			t.Errorf("%s: %v, order %q", c.Name, err, order.ID)
		}
		orders++
	}
	if orders < 60 {
		t.Errorf("%d orders, want the captures", orders)
	}
}

func TestFieldsOfACapturedOrder(t *testing.T) {
	all, err := capture.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name != "order.created-simple" {
			continue
		}
		o, err := codec.Decode[Order](c.Body)
		if err != nil {
			t.Fatal(err)
		}
		got := []Text{o.ID, o.Number, o.Status, o.Total, o.TotalTax, o.ShippingTotal, o.CustomerID, o.ModifiedGMT, o.Lines[0].SKU, o.Lines[0].Total, Text(o.Lines[0].Quantity), o.Billing.City}
		want := []Text{"36", "36", "processing", "28.14", "2.20", "5.95", "0", "2026-11-23T03:10:33", "TEE-001", "19.99", "1", "San Francisco"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		return
	}
	t.Error("no such capture")
}
