package ingest

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/orderstream/orderstream/services/internal/telemetry"
)

// Every answer is counted by door, store or account, and status; names that anybody may choose are not.
func TestAnswersAreCounted(t *testing.T) {
	providers, err := telemetry.Start(t.Context(), telemetry.Options{Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = providers.Shutdown(t.Context()) }()
	d := openPush(t)
	for n := range 3 {
		d.order(n + 1)
	}
	body := []byte(`{"id":1}`)
	d.send(http.MethodPost, path, body, map[string]string{"X-WC-Webhook-Signature": "forged"})
	d.send(http.MethodPost, "/webhooks/woocommerce/made-up", body, nil)
	d.send(http.MethodPost, pushPath, body, nil)
	d.head("POST " + path + " HTTP/1.1\r\nHost: shop\r\nContent-Length: 99999999\r\n\r\n")
	answer := httptest.NewRecorder()
	providers.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := regexp.MustCompile(`otel_scope[a-z_]*="[^"]*",?`).ReplaceAllString(answer.Body.String(), "")
	text = strings.ReplaceAll(text, ",}", "}")
	for _, line := range []string{
		`orderstream_door_answers_total{answer="200",door="shop",key="main"} 3`,
		`orderstream_door_answers_total{answer="401",door="shop",key="main"} 1`,
		`orderstream_door_answers_total{answer="404",door="shop",key=""} 1`,
		`orderstream_door_answers_total{answer="401",door="netsuite",key="ns"} 1`,
		`orderstream_door_answers_total{answer="413",door="",key=""} 1`,
		`orderstream_door_answer_time_seconds_count{answer="200",door="shop",key="main"} 3`,
		`orderstream_door_log_state{} 0`,
	} {
		if !strings.Contains(text, line) && !strings.Contains(text, strings.Replace(line, "{}", "", 1)) {
			t.Errorf("no %s in\n%s", line, regexp.MustCompile(`(?m)^[^o#].*\n|^#.*\n`).ReplaceAllString(text, ""))
		}
	}
	if strings.Contains(text, "made-up") {
		t.Error("a made-up store has a series of its own")
	}
}
