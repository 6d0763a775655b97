package netsuitewriter

import (
	"fmt"
	"testing"
)

// A write costs the same however many orders were written in the last minutes.
func BenchmarkTouch(b *testing.B) {
	for _, known := range []int{100, 50_000} {
		b.Run(fmt.Sprint(known), func(b *testing.B) {
			t := touched{by: map[string]touch{}}
			for i := range known {
				name := fmt.Sprint("sync.ns.main.", i)
				t.mark(name, uint64(i))
				t.told(name)
			}
			for b.Loop() {
				t.mark("sync.ns.main.1", 1)
				t.told("sync.ns.main.1")
			}
		})
	}
}
