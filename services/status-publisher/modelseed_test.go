package statuspublisher

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// BACK_INTERLEAVINGS asks for more interleavings than a plain run of the tests makes.
func interleavings() int {
	if n, err := strconv.Atoi(os.Getenv("BACK_INTERLEAVINGS")); err == nil && n > 0 {
		return n
	}
	return 400
}

// BACK_SEED chooses which ones; it is printed by every run.
func seedOf(t *testing.T) uint64 {
	text := os.Getenv("BACK_SEED")
	if text == "" {
		return uint64(time.Now().UnixNano())
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("BACK_SEED: %v", err)
	}
	return n
}

// seeds gives every call of rapid.Check a seed of its own, made from one.
type seeds struct {
	mu    sync.Mutex
	first uint64
	fixed bool // by -rapid.seed, which a failure prints
}

func newSeeds(t *testing.T) *seeds {
	s := &seeds{first: seedOf(t), fixed: flag.Lookup("rapid.seed").Value.String() != "0"}
	if !s.fixed {
		t.Logf("BACK_SEED=%d BACK_INTERLEAVINGS=%d", s.first, interleavings())
	}
	return s
}

// check is rapid.Check with the seed of a call. rapid reads its flag when it begins, and other shards begin too: the lock
// is held until the first interleaving runs.
func (s *seeds) check(t *testing.T, shard, played int, play func(*rapid.T)) {
	s.mu.Lock()
	begun := sync.OnceFunc(s.mu.Unlock)
	defer begun()
	if !s.fixed {
		own := rand.New(rand.NewPCG(s.first, uint64(shard)<<32|uint64(played))).Uint64() | 1 // 0 stands for any
		if err := flag.Set("rapid.seed", strconv.FormatUint(own, 10)); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) { begun(); play(t) })
}
