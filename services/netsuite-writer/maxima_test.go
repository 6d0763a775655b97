package netsuitewriter

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/services/internal/natstest"
	"github.com/orderstream/orderstream/services/netsuite-writer/suitetalk"
)

// memoTakes is how many characters the stand-in's memo takes.
const memoTakes = 7

// forgetful is a NetSuite that refuses memos that are too long, the first ones all at once.
type forgetful struct {
	first sync.WaitGroup
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	record, err := codec.Decode[struct{ Memo string }](body)
	if err != nil || utf8.RuneCountInString(record.Memo) <= memoTakes {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	f.first.Done()
	f.first.Wait()
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"o:errorDetails":[{"detail":"The field memo contained more than the maximum number ( %d ) of characters allowed.","o:errorCode":"USER_ERROR","o:errorPath":"memo"}]}`, memoTakes)
}

// Records under way together are refused for one field before any of them can teach its maximum: each is shortened, and by
// characters, for none of them shows that a text of that length does not fit.
func TestRefusedTogetherEachIsShortened(t *testing.T) {
	t.Parallel()
	const records = 5
	netsuite := &forgetful{}
	netsuite.first.Add(records)
	server := httptest.NewServer(netsuite)
	t.Cleanup(server.Close)
	client, err := suitetalk.New(suitetalk.Options{
		URL: server.URL, Concurrency: records, Timeout: 20 * time.Second,
		Credentials: suitetalk.Credentials{TBA: &suitetalk.TBA{Account: "1", ConsumerKey: "a", ConsumerSecret: "b", TokenID: "c", TokenSecret: "d"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	known, err := openMaxima(natstest.Context(t), natstest.Start(t).JS, "ns", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range records {
		all.Go(func() {
			done, err := scribe{client, known}.send(t.Context(), "salesOrder", suitetalk.Patch("salesOrder", "7", []byte(`{"memo":"ééééééééé"}`)))
			if err != nil || len(done.calls) != 2 {
				t.Errorf("%d requests, %v, want two", len(done.calls), err)
			}
		})
	}
	all.Wait()
	if limit := known.of("salesOrder")["memo"]; limit.Length != memoTakes || limit.Bytes {
		t.Errorf("learnt %+v, want %d characters", limit, memoTakes)
	}
}
