package journal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, path string) (*Journal, []string) {
	t.Helper()
	j, lines, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	var got []string
	for _, l := range lines {
		got = append(got, string(l))
	}
	return j, got
}

func add(t *testing.T, j *Journal, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if err := j.Append([]byte(l)); err != nil {
			t.Fatal(err)
		}
	}
}

// The first journal is left open, as by a process that was killed.
func TestLinesSurviveWithoutClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "j")
	j, _ := open(t, path)
	add(t, j, "one", "two")
	_, got := open(t, path)
	if diff := cmp.Diff([]string{"one", "two"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestHalfLineIsCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	if err := os.WriteFile(path, []byte("one\ntwo\nthr"), 0o644); err != nil {
		t.Fatal(err)
	}
	j, got := open(t, path)
	if diff := cmp.Diff([]string{"one", "two"}, got); diff != "" {
		t.Error(diff)
	}
	add(t, j, "four")
	_, got = open(t, path)
	if diff := cmp.Diff([]string{"one", "two", "four"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRewriteReplacesAndGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _ := open(t, path)
	add(t, j, "one", "two")
	if err := j.Rewrite([][]byte{[]byte("sum")}); err != nil {
		t.Fatal(err)
	}
	add(t, j, "three")
	_, got := open(t, path)
	if diff := cmp.Diff([]string{"sum", "three"}, got); diff != "" {
		t.Error(diff)
	}
}
