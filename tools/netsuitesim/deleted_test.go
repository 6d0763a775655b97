package netsuitesim_test

import (
	"net/http"
	"testing"

	"github.com/orderstream/orderstream/tools/netsuitesim"
)

// What is deleted stands in SuiteQL's DeletedRecord alone, unless the role may not see that.
func TestDeletedRecordsAreRemembered(t *testing.T) {
	const asked = "SELECT d.recordid AS id, d.type AS type FROM DeletedRecord d"
	a := open(t)
	id := a.must("POST", "record/v1/salesOrder", minimal)
	a.do("DELETE", "record/v1/salesOrder/"+id, "")
	if got := a.rows(asked); len(got) != 1 || got[0]["id"] != id || got[0]["type"] != "Sales Order" {
		t.Errorf("deleted records %v, want order %s", got, id)
	}
	if got := a.do("GET", "record/v1/deletedRecord", ""); got.status != http.StatusNotFound {
		t.Errorf("the record API answers %d, want 404", got.status)
	}
	blind := with(t, func(s *netsuitesim.Switches) { s.NoDeletedRecords = true })
	if got := blind.query(asked); got.status != http.StatusBadRequest {
		t.Errorf("without the permission %d", got.status)
	}
}
