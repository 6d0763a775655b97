package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCut(t *testing.T) {
	limits := map[string]Limit{"phone": {Length: 4}, "custbody_note": {Length: 5, Bytes: true}, "description": {Length: 3}, "externalid": {Length: 2}}
	for name, c := range map[string]struct {
		body, want string
		fields     []string
	}{
		"nothing is too long":            {`{"phone":"1234","memo":"whatever"}`, `{"phone":"1234","memo":"whatever"}`, nil},
		"characters":                     {`{"phone":"äöüßx"}`, `{"phone":"äöüß"}`, []string{"phone"}},
		"bytes, never half a character":  {`{"custbody_note":"äöü"}`, `{"custbody_note":"äö"}`, []string{"custbody_note"}},
		"in lines, named once":           {`{"item":{"items":[{"description":"abcd"},{"description":"abc"},{"description":"xyzz"}]}}`, `{"item":{"items":[{"description":"abc"},{"description":"abc"},{"description":"xyz"}]}}`, []string{"description"}},
		"whatever the case of the name":  {`{"Phone":"12345"}`, `{"Phone":"1234"}`, []string{"Phone"}},
		"identity is never cut":          {`{"externalId":"abc"}`, `{"externalId":"abc"}`, nil},
		"numbers, flags and null":        {`{"phone":12345,"description":null,"x":true,"y":{}}`, `{"phone":12345,"description":null,"x":true,"y":{}}`, nil},
		"exact numbers stay as they are": {`{"phone":"12345","rate":0.33333333333333331}`, `{"phone":"1234","rate":0.33333333333333331}`, []string{"phone"}},
	} {
		got, fields, err := Cut([]byte(c.body), limits)
		if err != nil || string(got) != c.want || !cmp.Equal(fields, c.fields) {
			t.Errorf("%s: %s, %v, %v\nwant %s, %v", name, got, fields, err, c.want, c.fields)
		}
	}
	if _, _, err := Cut([]byte(`[`+strings.Repeat("1", 3)), limits); err == nil {
		t.Error("a body that is no object: want an error")
	}
}
