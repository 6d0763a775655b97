package suitetalk

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/orderstream/orderstream/contracts/fault"
)

// ByExternalID names a record in an address by its externalId, in place of the internal id.
func ByExternalID(externalID string) string { return "eid:" + externalID }

// addressable refuses an externalId that an address cannot carry: "|" is read as a list, others are not found (Oracle's
// help, section_156334828635).
func addressable(path string) error {
	_, rest, is := strings.Cut(path, "/eid:")
	if !is {
		return nil
	}
	id, _, _ := strings.Cut(rest, "/")
	bad := strings.IndexFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
	if bad >= 0 || id == "" {
		return fault.New(fault.NetSuiteRefused, "want letters, digits, \"_\" and \"-\"", fault.Field("externalId", id))
	}
	return nil
}

func recordPath(record, id string) string { return "/record/v1/" + record + "/" + id }

// replacing asks that the named sublists ("item", not "items") are replaced as a whole: a repeated write then never
// doubles a line.
func replacing(sublists []string) url.Values {
	if len(sublists) == 0 {
		return nil
	}
	return url.Values{"replace": {strings.Join(sublists, ",")}}
}

// strictNames makes NetSuite refuse unknown property names, which it drops in silence by default.
func strictNames() map[string]string {
	return map[string]string{"X-NetSuite-PropertyNameValidation": "Error"}
}

// Upsert creates or updates the record of an externalId and replaces the named sublists: 204 or 201 with its Location.
func Upsert(record, externalID string, body []byte, replace ...string) Request {
	return Request{
		Method: http.MethodPut, Path: recordPath(record, ByExternalID(externalID)), Query: replacing(replace), Header: strictNames(), Body: body, Purpose: "upsert " + record,
	}
}

// Patch changes the fields of body and the lines it names by key; null clears a field. Lines without a key are appended,
// unless their sublist is replaced. id is an internal id or ByExternalID.
func Patch(record, id string, body []byte, replace ...string) Request {
	return Request{Method: http.MethodPatch, Path: recordPath(record, id), Query: replacing(replace), Header: strictNames(), Body: body, Purpose: "change " + record}
}

// Transform makes a record of another type out of one, e.g. an invoice of a sales order; body overrides fields in the
// schema of the new record, nil takes everything over; of a sublist that is replaced only the lines that body names. The
// Location is the new record's. It is no upsert: repeat it only after a look that the new record's externalId is absent.
func Transform(record, id, into string, body []byte, replace ...string) Request {
	if len(body) == 0 {
		body = []byte("{}")
	}
	return Request{
		Method: http.MethodPost, Path: recordPath(record, id) + "/!transform/" + into, Query: replacing(replace), Header: strictNames(), Body: body, Purpose: "make " + into + " of " + record,
	}
}

// Get reads a record with its sublists and subrecords. NetSuite loads it in edit mode, with locks and scripts: prefer
// SuiteQL.
func Get(record, id string) Request {
	return Request{Method: http.MethodGet, Path: recordPath(record, id), Query: url.Values{"expandSubResources": {"true"}}, Purpose: "read " + record}
}

// Delete removes a record: 204 without a Location.
func Delete(record, id string) Request {
	return Request{Method: http.MethodDelete, Path: recordPath(record, id), Purpose: "delete " + record}
}
