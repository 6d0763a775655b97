package world

import (
	"maps"
	"slices"
	"testing"
)

// sampled is one of so many rows that the race detector sees.
const sampled = 5

// Rows gives a table of answers, settings or mistakes that all take the same ways through the code: the whole of it, and under
// the race detector every fifth row, in the order of their names.
func Rows[T any](t testing.TB, table map[string]T) map[string]T {
	t.Helper()
	names := slices.Sorted(maps.Keys(table))
	played := map[string]T{}
	for _, name := range Sample(t, names) {
		played[name] = table[name]
	}
	return played
}

// Sample gives a list as Rows gives a table.
func Sample[T any](t testing.TB, list []T) []T {
	t.Helper()
	if !Raced {
		return list
	}
	var played []T
	for i := 0; i < len(list); i += sampled {
		played = append(played, list[i])
	}
	t.Logf("the race detector sees %d of %d", len(played), len(list))
	return played
}
