package digest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const window = 5 * time.Minute

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func unknownSKU(sku string) Cause {
	return Cause{Origin: Failure, Name: "write", Code: "sku-unknown", Store: "main", Field: "item.sku", Value: sku}
}

var forged = Cause{Origin: Alert, Name: "signature", Code: "signature-mismatch", Store: "main"}

// story drives a digest by hand; minutes count from noon.
type story struct {
	digest *Digest
	told   []string
}

func (s *story) tell(minute int, notices ...Notice) {
	for _, n := range notices {
		s.told = append(s.told, fmt.Sprintf("%d: %s %s %s count=%d open=%d ids=%s key=%s", minute, n.Part, n.Code, n.Value, n.Count, n.Open, strings.Join(n.IDs, ","), n.Key))
	}
}

func at(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }

func (s *story) add(minute int, cause Cause, id string, position uint64, count int) Fate {
	n, fate := s.digest.Add(Occurrence{Cause: cause, ID: id, Position: position, Count: count, At: at(minute)}, at(minute))
	if fate == Told {
		s.tell(minute, n)
	}
	return fate
}

func (s *story) resolve(minute int, id string, position uint64, dismissed bool) {
	if n, over := s.digest.Resolve(Resolution{ID: id, Position: position, At: at(minute), Dismissed: dismissed}, at(minute)); over {
		s.tell(minute, n)
	}
}

func (s *story) due(minute int) (quiet int) {
	notices, silent := s.digest.Due(at(minute))
	s.tell(minute, notices...)
	return len(silent)
}

func TestStories(t *testing.T) {
	tee, mug := unknownSKU("TEE"), unknownSKU("MUG")
	for name, c := range map[string]struct {
		act  func(s *story)
		want []string
	}{
		"one cause is one message, repeats are one summary": {func(s *story) {
			s.add(0, tee, "w.1", 1, 0)
			s.add(1, tee, "w.2", 2, 0)
			s.add(2, tee, "w.3", 3, 0)
			s.due(4)
			s.due(5)
		}, []string{
			"0: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_1_first",
			"5: repeat sku-unknown TEE count=2 open=3 ids=w.2,w.3 key=notice_failure_2_repeat",
		}},
		"two causes are two messages": {func(s *story) {
			s.add(0, tee, "w.1", 1, 0)
			s.add(0, mug, "w.2", 2, 0)
		}, []string{
			"0: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_1_first",
			"0: first sku-unknown MUG count=1 open=1 ids=w.2 key=notice_failure_2_first",
		}},
		"after a quiet window the next is a first again": {func(s *story) {
			s.add(0, forged, "", 1, 3)
			s.due(5)
			s.add(6, forged, "", 2, 1)
		}, []string{
			"0: first signature-mismatch  count=3 open=0 ids= key=notice_alert_1_first",
			"6: first signature-mismatch  count=1 open=0 ids= key=notice_alert_2_first",
		}},
		"a summary begins a window of its own": {func(s *story) {
			s.add(0, forged, "", 1, 1)
			s.add(1, forged, "", 2, 40)
			s.due(5)
			s.add(6, forged, "", 3, 2)
			s.add(7, forged, "", 4, 5)
			s.due(9)
			s.due(10)
		}, []string{
			"0: first signature-mismatch  count=1 open=0 ids= key=notice_alert_1_first",
			"5: repeat signature-mismatch  count=40 open=0 ids= key=notice_alert_2_repeat",
			"10: repeat signature-mismatch  count=7 open=0 ids= key=notice_alert_3_repeat",
		}},
		"what was resolved leaves the summary": {func(s *story) {
			s.add(0, tee, "w.1", 1, 0)
			s.add(1, tee, "w.2", 2, 0)
			s.add(1, tee, "w.3", 3, 0)
			s.resolve(2, "w.2", 4, false)
			s.due(5)
		}, []string{
			"0: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_1_first",
			"5: repeat sku-unknown TEE count=1 open=2 ids=w.3 key=notice_failure_2_repeat",
		}},
		"the last resolved failure is told once its window is over": {func(s *story) {
			s.add(0, tee, "w.1", 1, 0)
			s.resolve(1, "w.1", 2, false)
			s.due(5)
			s.due(10)
		}, []string{
			"0: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_1_first",
			"5: recovered sku-unknown TEE count=0 open=0 ids= key=notice_failure_2_recovered",
		}},
		"outside a window the end is told at once": {func(s *story) {
			s.add(0, tee, "w.1", 1, 0)
			s.add(0, tee, "w.2", 2, 0)
			s.due(5)
			s.due(10)
			s.resolve(60, "w.1", 3, false)
			s.resolve(61, "w.2", 4, false)
		}, []string{
			"0: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_1_first",
			"5: repeat sku-unknown TEE count=1 open=2 ids=w.2 key=notice_failure_2_repeat",
			"61: recovered sku-unknown TEE count=0 open=0 ids= key=notice_failure_4_recovered",
		}},
		"a cause that comes and goes is one message a window": {func(s *story) {
			position := uint64(0)
			for minute := range 15 {
				position += 2
				s.add(minute, tee, "w.1", position, 0)
				s.resolve(minute, "w.1", position+1, false)
				s.due(minute)
			}
		}, []string{
			"0: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_2_first",
			"5: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_12_first",
			"10: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_22_first",
		}},
		"who dismissed the last one knows": {func(s *story) {
			s.add(0, tee, "w.1", 1, 0)
			s.resolve(1, "w.1", 2, true)
			s.due(5)
			s.resolve(9, "w.1", 3, false)
		}, []string{"0: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_1_first"}},
		"an end of which nobody was told the beginning is none": {func(s *story) {
			s.resolve(0, "w.1", 1, false)
			s.due(5)
		}, nil},
		"a failure told before the restart ends like any other": {func(s *story) {
			s.digest.Recall(Occurrence{Cause: tee, ID: "w.1", Position: 7, At: noon})
			s.resolve(1, "w.1", 8, false)
		}, []string{"1: recovered sku-unknown TEE count=0 open=0 ids= key=notice_failure_8_recovered"}},
		"a state older than the known one changes nothing": {func(s *story) {
			s.add(0, tee, "w.1", 9, 0)
			s.resolve(1, "w.1", 8, false)
			if fate := s.add(1, tee, "w.1", 7, 0); fate != Stale {
				s.told = append(s.told, fmt.Sprint("fate ", fate))
			}
			s.due(5)
		}, []string{"0: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_9_first"}},
		"a failure that changes its cause leaves the old one": {func(s *story) {
			s.add(0, tee, "w.1", 1, 0)
			s.add(1, mug, "w.1", 2, 0)
			s.add(2, tee, "w.2", 3, 0)
			s.due(5)
		}, []string{
			"0: first sku-unknown TEE count=1 open=1 ids=w.1 key=notice_failure_1_first",
			"1: first sku-unknown MUG count=1 open=1 ids=w.1 key=notice_failure_2_first",
			"5: repeat sku-unknown TEE count=1 open=1 ids=w.2 key=notice_failure_3_repeat",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &story{digest: New(window)}
			c.act(s)
			if diff := cmp.Diff(c.want, s.told); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A summary names at most twenty failures and counts them all.
func TestSummaryNamesSome(t *testing.T) {
	d := New(window)
	for n := range 101 {
		d.Add(Occurrence{Cause: unknownSKU("TEE"), ID: fmt.Sprintf("w.%03d", n), Position: uint64(n + 1), At: noon}, noon)
	}
	notices, _ := d.Due(noon.Add(window))
	if len(notices) != 1 || notices[0].Count != 100 || notices[0].Open != 101 || len(notices[0].IDs) != 20 || notices[0].IDs[0] != "w.001" {
		t.Errorf("%+v", notices)
	}
}

// Nothing is kept for good: once everything is resolved and told, the digest is empty.
func TestNothingIsKept(t *testing.T) {
	d := New(window)
	for n := range 50 {
		d.Add(Occurrence{Cause: unknownSKU(fmt.Sprint(n % 3)), ID: fmt.Sprint(n), Position: uint64(n + 1), At: noon}, noon)
	}
	for n := range 50 {
		d.Resolve(Resolution{ID: fmt.Sprint(n), Position: uint64(100 + n), At: noon}, noon)
	}
	for n := range 4 {
		d.Due(noon.Add(time.Duration(n+1) * window))
	}
	if len(d.groups)+len(d.failures)+len(d.open)+len(d.known) != 0 {
		t.Errorf("%d groups, %d failures, %d open, %d known", len(d.groups), len(d.failures), len(d.open), len(d.known))
	}
	if next, open := d.Next(); open {
		t.Errorf("a window ends at %v", next)
	}
}

// For any history: a cause is told at most once a window, no alert is lost from the counts, and a cause that is told
// to be over has no open failure.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, now := New(window), noon
		last := map[Cause]time.Time{}
		raised, told := 0, 0
		state := map[string]Cause{} // open failures
		var position uint64
		hear := func(n Notice) {
			if before, again := last[n.Cause]; again && now.Sub(before) < window {
				t.Fatalf("%s %q is told at %v and at %v", n.Code, n.Value, before, now)
			}
			last[n.Cause] = now
			if n.Origin == Alert {
				told += n.Count
			}
			if n.Part == Recovered && slices.Contains(slices.Collect(maps.Values(state)), n.Cause) {
				t.Fatalf("%q is told to be over and is not", n.Value)
			}
		}
		due := func() {
			notices, _ := d.Due(now)
			for _, n := range notices {
				hear(n)
			}
		}
		for range rapid.IntRange(0, 120).Draw(t, "acts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
			due()
			position++
			id := fmt.Sprint("w.", rapid.IntRange(0, 5).Draw(t, "failure"))
			switch rapid.IntRange(0, 2).Draw(t, "act") {
			case 0:
				cause := unknownSKU(fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "sku")))
				state[id] = cause
				if n, fate := d.Add(Occurrence{Cause: cause, ID: id, Position: position, At: now}, now); fate == Told {
					hear(n)
				}
			case 1:
				delete(state, id)
				if n, over := d.Resolve(Resolution{ID: id, Position: position, At: now, Dismissed: rapid.Bool().Draw(t, "dismissed")}, now); over {
					hear(n)
				}
			default:
				count := rapid.IntRange(1, 9).Draw(t, "count")
				raised += count
				if n, fate := d.Add(Occurrence{Cause: forged, Position: position, Count: count, At: now}, now); fate == Told {
					hear(n)
				}
			}
		}
		now = now.Add(window)
		due()
		if told != raised {
			t.Fatalf("%d alerts are told of %d", told, raised)
		}
		open := map[Cause]int{}
		for _, cause := range state {
			open[cause]++
		}
		if diff := cmp.Diff(open, d.open); diff != "" {
			t.Fatalf("open failures (-want +got):\n%s", diff)
		}
	})
}
