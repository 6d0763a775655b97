package doorlog

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A record that left the asides is gone, and no start takes it for lost: neither before its cut is on the disk nor after.
func TestTakeBack(t *testing.T) {
	for name, cut := range map[string]uint64{"before the cut": 1, "behind the cut": 4} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: "log", FS: vfs.NewMem()}
			l := mustOpen(t, o)
			for n := range uint64(5) {
				mustAppend(t, l, payload(n, 100))
			}
			for _, sequence := range []uint64{2, 3} {
				if err := l.SetAside(sequence, "refused"); err != nil {
					t.Fatal(err)
				}
			}
			mustCut(t, l, cut)
			if err := l.Drop(2); err != nil {
				t.Fatal(err)
			}
			for _, sequence := range []uint64{1, 2, 5, 99} {
				if err := l.Drop(sequence); !errors.Is(err, ErrNotAside) {
					t.Errorf("drop %d: %v, want ErrNotAside", sequence, err)
				}
			}
			for range 3 {
				list, err := l.Aside()
				if err != nil || len(list) != 1 || list[0].Sequence != 3 || !list[0].Whole || l.Stats().Aside != 1 {
					t.Fatalf("aside %+v, %d, %v", list, l.Stats().Aside, err)
				}
				mustClose(t, l)
				l = mustOpen(t, o)
			}
			mustClose(t, l)
		})
	}
}

func TestNextAside(t *testing.T) {
	l := mustOpen(t, Options{Dir: "log", FS: vfs.NewMem()})
	defer mustClose(t, l)
	for n := range uint64(4) {
		mustAppend(t, l, payload(n, 100))
		if err := l.SetAside(n+1, "refused"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Drop(3); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for after := uint64(0); ; {
		aside, found, err := l.NextAside(after)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			break
		}
		got = append(got, aside.Sequence)
		after = aside.Sequence
	}
	if len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 4 {
		t.Errorf("%v, want 1 2 4", got)
	}
}
