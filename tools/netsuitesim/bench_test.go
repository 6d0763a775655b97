package netsuitesim_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// BenchmarkUpsert writes fresh orders of five lines with tax details to a
// double that keeps its state on disk, through HTTP on the loopback.
func BenchmarkUpsert(b *testing.B) {
	sim, token := benchmarked(b)
	var parts, rows []string
	for i := range 5 {
		parts = append(parts, fmt.Sprintf(`%s,"quantity":2,"rate":10,"amount":20,%s,"taxDetailsReference":"l%d","custcol_wc_line_id":"%d"`, tee, own, i, i))
		rows = append(rows, detail(fmt.Sprintf(`"l%d"`, i), "11", "20", "7.25", "1.45"))
	}
	body := orderBody(overridden(rows...)+`,"orderStatus":"B","billingAddress":{"addr1":"1 Main St","country":"US"}`, parts...)
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			path := fmt.Sprintf("%s/services/rest/record/v1/salesOrder/eid:wc-so-%d?replace=item", sim.URL(), n.Add(1))
			req, err := http.NewRequest("PUT", path, strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", token)
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			if _ = res.Body.Close(); res.StatusCode != http.StatusNoContent {
				b.Errorf("status %d", res.StatusCode)
			}
		}
	})
}

func benchmarked(b *testing.B) (*netsuitesim.Server, string) {
	b.Helper()
	a := openFor(b, func(c *netsuitesim.Config) { c.Dir, c.ConcurrencyLimit = b.TempDir(), -1 })
	return a.sim, "Bearer " + a.token
}

// BenchmarkVerify reads 50 orders back in one query, each time after one of
// them changed, with 2,000 orders in the account.
func BenchmarkVerify(b *testing.B) {
	a := openFor(b, func(c *netsuitesim.Config) { c.ConcurrencyLimit = -1 })
	for i := range 2000 {
		a.must("PUT", fmt.Sprintf("record/v1/salesOrder/eid:o-%d", i), minimal)
	}
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("'o-%d'", i*40))
	}
	q := `SELECT t.id, t.externalid, t.status, t.foreigntotal, COUNT(tl.id) AS n FROM transaction t JOIN transactionline tl ON tl.transaction = t.id
		WHERE LOWER(t.externalid) IN (` + strings.Join(names, ",") + `) AND tl.mainline = 'F' GROUP BY t.id, t.externalid, t.status, t.foreigntotal`
	a.rows(q)
	b.ResetTimer()
	for range b.N {
		a.must("PUT", "record/v1/salesOrder/eid:o-40?replace=item", minimal)
		if got := len(a.rows(q)); got != 50 {
			b.Fatalf("%d rows", got)
		}
	}
}
