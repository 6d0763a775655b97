package codec

import (
	"strings"
	"testing"
)

type pair struct {
	A string `json:"a"`
	N Number `json:"n"`
}

func TestDecode(t *testing.T) {
	got, err := Decode[pair]([]byte(`{"a":"x","n":0.30014285714285716,"unknown":[1]}`))
	if err != nil || got.A != "x" || string(got.N) != "0.30014285714285716" {
		t.Errorf("%+v, %v: want the text of the number kept and the unknown field ignored", got, err)
	}
	for name, data := range map[string]string{
		"empty": "", "blank": " \n", "garbage behind": `{"a":"x"} y`, "two values": `{"a":"x"}{"a":"y"}`, "truncated": `{"a":"x"`, "not JSON": "<html>",
		"not UTF-8": "{\"a\":\"\xff\"}", "deep": strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), "wrong type": `{"a":1}`,
	} {
		if got, err := Decode[pair]([]byte(data)); err == nil || got != (pair{}) {
			t.Errorf("%s: %+v, %v: want an error and no value", name, got, err)
		}
	}
	if _, err := Decode[Raw]([]byte(strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth))); err != nil {
		t.Errorf("%d deep: %v, want it taken", MaxDepth, err)
	}
	if _, err := Decode[string]([]byte(`"` + strings.Repeat("[", 1000) + `"`)); err != nil {
		t.Errorf("brackets in a text are no depth: %v", err)
	}
}

func TestEncodeIsCanonical(t *testing.T) {
	got, err := Encode(map[string]any{"b": 1, "a": "<&>é", "c": []any{nil, true}})
	if want := `{"a":"<&>é","b":1,"c":[null,true]}`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

func TestHash(t *testing.T) {
	got, err := Hash("a")
	// printf '"a"' | sha256sum
	if want := "ac8d8342bbb2362d13f0a559a3621bb407011368895164b628a54f7fc33fc43c"; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

func TestCanonicalKeepsDigits(t *testing.T) {
	for text, want := range map[string]string{
		`{"b":12345678901234567890,"a":0.10}`: `{"a":0.10,"b":12345678901234567890}`, ` "<x>" `: `"<x>"`, `[1e2, null]`: `[1e2,null]`, `7`: `7`,
	} {
		if got, err := Canonical([]byte(text)); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	if got, err := Canonical([]byte(`{"a":1}x`)); err == nil {
		t.Errorf("trailing garbage gives %s", got)
	}
}
