package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/tools/netsuitesim"
)

func (w *watched) pollStock() {
	w.t.Helper()
	if err := w.watcher.PollStock(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// count has a person count the tees in Austin.
func (w *watched) count(onHand, available int) {
	w.t.Helper()
	counted := netsuitesim.Stock{SKU: "TEE-001", Location: "2", OnHand: json.Number(fmt.Sprint(onHand)), Available: json.Number(fmt.Sprint(available))}
	if _, err := w.sim.SetStock(counted); err != nil {
		w.t.Fatal(err)
	}
}

// figures lists what was told of the tees after the first changes.
func (w *watched) figures(after int) (list []event.NetSuiteChangedV1) {
	w.t.Helper()
	for _, e := range w.changes()[after:] {
		if e.Stock != nil && e.Stock.Name == "TEE-001" {
			list = append(list, e)
		}
	}
	return list
}

// stocktaking has every item told, and finds nothing new right after it.
func (w *watched) stocktaking() int {
	w.t.Helper()
	w.order("wc-so-main-1")
	w.poll() // learns the zone
	w.pollStock()
	items := map[string]event.NetSuiteChangedV1{}
	all := w.changes()
	for _, e := range all {
		if e.Kind == event.ChangeInventory {
			items[e.Stock.Name] = e
		}
	}
	if tee := items["TEE-001"]; len(items) < 10 || tee.Store != "" || len(tee.Stock.Locations) != 4 || tee.Stock.Locations[0].Available.String() != "298" || !items["INACTIVE-001"].Stock.Inactive {
		w.t.Fatalf("%d items; TEE-001: %+v", len(items), tee.Stock)
	}
	w.pollStock()
	if again := len(w.changes()); again != len(all) {
		w.t.Fatalf("%d changes after a second look, want %d", again, len(all))
	}
	w.at(w.clock().Add(3 * time.Minute))
	w.pollStock() // what was read right after the account was made is settled now
	return len(w.changes())
}

// disturb is what happens to a watcher while clocks change.
type disturb struct {
	name          string
	restart, rest int // minutes from the moment at which a new process begins, at which none polls for half an hour; 0: never
}

// Every item is told once with all its locations; then whatever changes is told with its time in UTC, in the hours that
// come twice too, whatever befalls the watcher then. What was read right after its change is confirmed once, and no
// figure is of the future.
func TestWatchFollowsStock(t *testing.T) {
	zones := []struct {
		zone, moment string        // moment in UTC
		apart        time.Duration // of the zone in which literals are read
		same         string        // the count whose text is that of the count before: only its reading dates it
	}{
		{"Asia/Tokyo", "2026-11-20T15:00:00Z", 17 * time.Hour, ""},
		{"America/New_York", "2026-11-01T06:00:00Z", 0, ""},
		{"America/New_York", "2026-11-01T06:00:00Z", -19 * time.Hour, ""},
		{"America/New_York", "2026-03-08T07:00:00Z", 5 * time.Hour, ""},
		{"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 0, "15:00:00"},
		{"Australia/Lord_Howe", "2026-10-03T15:30:00Z", 11 * time.Hour, ""},
	}
	for _, z := range zones {
		for _, d := range []disturb{{name: "quiet"}, {name: "restart", restart: 10}, {name: "pause", rest: 10}} {
			t.Run(fmt.Sprint(z.zone, " ", z.moment[:7], " ", z.apart, " ", d.name), func(t *testing.T) {
				moment, err := time.Parse(time.RFC3339, z.moment)
				if err != nil {
					t.Fatal(err)
				}
				w := startWatched(t, z.zone, moment.Add(-2*time.Hour))
				w.literals = z.apart
				w.countThrough(moment, d, z.same)
			})
		}
	}
}

// countThrough counts every half hour and polls every five minutes, from two hours before the moment to two after it.
func (w *watched) countThrough(moment time.Time, d disturb, same string) {
	w.t.Helper()
	before := w.stocktaking()
	var want []string
	for minute := -110; minute <= 130; minute += 5 {
		w.at(moment.Add(time.Duration(minute) * time.Minute))
		if minute == d.restart && d.restart != 0 {
			w.restart()
		}
		if minute%30 == 0 {
			w.count(500+minute, minute-200)
			dated := w.clock()
			if dated.Format(time.TimeOnly) == same {
				dated = dated.Add(time.Second)
			}
			want = append(want, fmt.Sprintf("298 of 300, %d of %d at %s", minute-200, 500+minute, dated.Format(time.TimeOnly)))
		}
		if d.rest != 0 && minute >= d.rest && minute < d.rest+30 {
			w.act("POST", "salesOrder", `{"entity":{"externalId":"WOO-GUEST"},"item":{"items":[{"item":{"id":"101"},"quantity":1}]}}`) // life goes on
			continue
		}
		w.at(w.clock().Add(time.Second))
		w.pollStock()
	}
	w.compare(want, w.figures(before))
}

func (w *watched) compare(want []string, told []event.NetSuiteChangedV1) {
	w.t.Helper()
	var got []string
	confirmed, wanted, undated := map[string]int{}, map[string]int{}, map[string]bool{}
	for _, e := range told {
		l := e.Stock.Locations
		text := fmt.Sprintf("%s of %s, %s of %s at %s", l[0].Available, l[0].OnHand, l[1].Available, l[1].OnHand, e.ModifiedAt.Format(time.TimeOnly))
		late := e.Time.Sub(e.ModifiedAt)
		undated[text] = undated[text] || late == 0 // its text is that of the count before
		if confirmed[text]++; confirmed[text] == 1 {
			got, wanted[text] = append(got, text), 2
			if late >= 2*time.Minute { // no later save can be of that second
				wanted[text] = 1
			}
		}
		if e.ModifiedAt.After(e.Time) || e.Time.After(w.clock()) {
			w.t.Errorf("%s: changed at %s, read at %s, it is %s", text, e.ModifiedAt, e.Time, w.clock())
		}
		if confirmed[text] == 2 && late < 2*time.Minute {
			w.t.Errorf("%s is confirmed by a reading %s after the change", text, late)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("stock told (-want +got):\n%s", diff)
	}
	for text, times := range confirmed {
		if times != wanted[text] && (!undated[text] || times > 2) {
			w.t.Errorf("%s is told %d times, want %d", text, times, wanted[text])
		}
	}
}

// A second change within a second is found by the next poll, though NetSuite writes the same time.
func TestSecondCountOfASecondIsTold(t *testing.T) {
	w := startWatched(t, "UTC", november)
	before := w.stocktaking()
	w.count(510, 10)
	w.pollStock()
	w.count(520, 20)
	w.at(w.clock().Add(15 * time.Second))
	w.pollStock()
	w.at(w.clock().Add(15 * time.Second))
	w.pollStock()
	var got []string
	for _, e := range w.figures(before) {
		got = append(got, e.Stock.Locations[1].Available.String())
	}
	if diff := cmp.Diff([]string{"10", "20"}, got); diff != "" {
		t.Errorf("available, as told (-want +got):\n%s", diff)
	}
}
