//go:build !race

package world

// Raced tells whether the race detector runs, under which all takes four times as long.
const Raced = false
