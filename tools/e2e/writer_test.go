package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-json"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/services/host"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// outcomes gives what the writer recorded about an order, oldest first.
func outcomes(t *testing.T, w world.World, order string) []string {
	t.Helper()
	timeline, err := operate.Show(context.Background(), w.JS, "main", order)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, step := range timeline.Steps {
		if step.Stage == "write" {
			list = append(list, step.What)
		}
	}
	return list
}

func account(change func(c *host.Config)) demo.Options {
	return demo.Options{Mute: true, Adjust: change}
}

func TestWritesOnHoldAreShownAndNotSent(t *testing.T) {
	w := world.Start(t, account(func(c *host.Config) {
		a := c.Accounts[demo.Account]
		a.Writes = "hold"
		c.Accounts[demo.Account] = a
	}))
	w.Post(changed(t, "order.created-simple"))
	w.Settle()
	if got := outcomes(t, w, "36"); len(got) != 1 || got[0] != "held by rule writes-on-hold" {
		t.Errorf("outcomes %v, want one that is held", got)
	}
	if n := len(w.SalesOrders()); n != 0 {
		t.Errorf("%d sales orders, want none", n)
	}
}

func TestOrdersBeforeTheStartAreIgnoredByRule(t *testing.T) {
	w := world.Start(t, account(func(c *host.Config) {
		s := c.Stores["main"]
		s.Start = time.Date(2026, 11, 23, 3, 11, 0, 0, time.UTC)
		c.Stores["main"] = s
	}))
	w.Post(changed(t, "order.created-simple"))    // 03:10:33
	w.Post(changed(t, "order.created-variation")) // 03:11:00
	w.Settle()
	if got := outcomes(t, w, "36"); len(got) != 1 || got[0] != "skipped by rule before-start" {
		t.Errorf("order before the start: %v", got)
	}
	if _, there := w.SalesOrders()["wc-so-main-38"]; !there {
		t.Error("the order made at the start is missing")
	}
}

// An order that another connector made is adopted, never doubled; two candidates are a question for a person.
func TestAdoption(t *testing.T) {
	for candidates := range 3 {
		t.Run(fmt.Sprint(candidates, " candidates"), func(t *testing.T) {
			w := world.Start(t, account(func(c *host.Config) {
				a := c.Accounts[demo.Account]
				a.Adoption = []string{"otherrefnum"}
				c.Accounts[demo.Account] = a
			}))
			// A first order brings a customer the foreign orders can belong to.
			w.Post(changed(t, "order.created-variation"))
			w.Settle()
			for range candidates {
				foreign(t, w, "36")
			}
			w.Post(changed(t, "order.created-simple"))
			w.Settle()
			type record struct{ OtherRefNum, ExternalID string }
			var numbered []record
			for _, so := range world.Get[[]record](w, w.Facts.NetSuite+"/sim/state?type=salesOrder") {
				if so.OtherRefNum == "36" {
					numbered = append(numbered, so)
				}
			}
			switch {
			case candidates == 2:
				failure(t, w.JS, subject.Failure{Stage: "write", Store: "main", Key: "36"}, event.FailureParked)
				if len(numbered) != 2 {
					t.Errorf("%d orders numbered 36, want the two that were there", len(numbered))
				}
			case len(numbered) != 1 || numbered[0].ExternalID != "wc-so-main-36":
				t.Errorf("orders numbered 36: %+v, want one, ours", numbered)
			}
		})
	}
}

// foreign makes a sales order as another connector would: with the shop's number and no externalId.
func foreign(t *testing.T, w world.World, number string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"entity": map[string]string{"externalId": "WOO-GUEST"}, "otherRefNum": number,
		"item": map[string]any{"items": []any{map[string]any{"item": map[string]string{"id": "112"}, "quantity": 1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.Facts.NetSuite+"/services/rest/record/v1/salesOrder", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", tba(w.Facts, http.MethodPost, request.URL.String()))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("foreign order: %d", response.StatusCode)
	}
}

// tba signs a request with token-based authentication: another way in than the writer's.
func tba(facts demo.Facts, method, target string) string {
	now := time.Now()
	return oauth(netsuitesim.TBA(facts.Account.TBA), facts.Account.AccountID, method, target, nil, now, fmt.Sprint(now.UnixNano()))
}

// oauth gives the Authorization of a request (OAuth 1.0a, RFC 5849).
func oauth(k netsuitesim.TBA, account, method, target string, query url.Values, now time.Time, nonce string) string {
	parameters := map[string]string{
		"oauth_consumer_key": k.ConsumerKey, "oauth_token": k.TokenID, "oauth_signature_method": "HMAC-SHA256",
		"oauth_timestamp": fmt.Sprint(now.Unix()), "oauth_nonce": nonce, "oauth_version": "1.0",
	}
	var header []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		header = append(header, fmt.Sprintf("%s=%q", name, url.QueryEscape(parameters[name])))
	}
	for name := range query {
		parameters[name] = query.Get(name)
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		pairs = append(pairs, name+"="+url.QueryEscape(parameters[name]))
	}
	base := method + "&" + url.QueryEscape(target) + "&" + url.QueryEscape(strings.Join(pairs, "&"))
	mac := hmac.New(sha256.New, []byte(k.ConsumerSecret+"&"+k.TokenSecret))
	mac.Write([]byte(base))
	signature := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return fmt.Sprintf("OAuth realm=%q, %s, oauth_signature=%q", account, strings.Join(header, ", "), signature)
}
