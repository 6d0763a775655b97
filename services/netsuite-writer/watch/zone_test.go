package watch

import (
	"testing"
	"time"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func TestZoneIsLearntFromOneRecord(t *testing.T) {
	const unknown = time.Duration(-1)
	cases := []struct {
		name, local, after, until string
		want                      time.Duration
	}{
		{"west", "2026-11-20 10:00:30", "2026-11-20T15:00:00Z", "2026-11-20T15:05:00Z", -5 * time.Hour},
		{"UTC", "2026-11-20 15:00:30", "2026-11-20T15:00:00Z", "2026-11-20T15:05:00Z", 0},
		{"half an hour", "2026-11-20 20:33:00", "2026-11-20T15:00:00Z", "2026-11-20T15:05:00Z", 5*time.Hour + 30*time.Minute},
		{"three quarters", "2026-11-20 20:48:00", "2026-11-20T15:00:00Z", "2026-11-20T15:05:00Z", 5*time.Hour + 45*time.Minute},
		{"the next day", "2026-11-21 00:00:10", "2026-11-20T14:59:55Z", "2026-11-20T15:00:15Z", 9 * time.Hour},
		{"a save that took a minute", "2026-11-20 09:59:00", "2026-11-20T15:00:00Z", "2026-11-20T15:00:15Z", -5 * time.Hour},
		{"too long a pause to tell", "2026-11-20 10:00:30", "2026-11-20T14:50:00Z", "2026-11-20T15:16:00Z", unknown},
		{"no zone fits", "2026-11-20 10:07:30", "2026-11-20T15:00:00Z", "2026-11-20T15:00:01Z", unknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			local, err := parseStamp(c.local)
			if err != nil {
				t.Fatal(err)
			}
			got := zone{}.learn(local, at(t, c.after), at(t, c.until))
			if want := (zone{c.want, true}); c.want != unknown && got != want || c.want == unknown && got.Known {
				t.Errorf("learnt %+v, want %s", got, c.want)
			}
		})
	}
}

// Where the account's zone is not known yet, nobody can tell whether a record was read within the second of its change: the
// next poll reads it once more.
func TestAChangeOfUnknownTimeIsReadAgain(t *testing.T) {
	p, f, now := &source{seen: map[string]sighting{}}, found{id: "7", modified: "2026-11-20 10:00:30"}, at(t, "2026-11-20T15:00:31Z")
	p.saw(f, now, time.Time{})
	if now = now.Add(15 * time.Second); p.current(f, now) {
		t.Error("it is not read again")
	}
	p.saw(f, now, time.Time{})
	if now = now.Add(15 * time.Second); !p.current(f, now) {
		t.Error("it is read a third time")
	}
}

func TestNamesOfExternalIDs(t *testing.T) {
	names := namesOf([]string{"main", "main-2", "eu"})
	for externalID, want := range map[string]name{
		"wc-so-main-36": {"main", "36"}, "WC-SO-MAIN-36": {"main", "36"}, "wc-so-main-2-36": {"main-2", "36"}, "wc-cr-main-36-9": {"main", "36"},
		"wc-cr-main-36-9-2": {"main", "36"}, "wc-cm-main-2-36-9-3": {"main-2", "36"},
		"wc-cd-eu-7-paypal-1": {"eu", "7"}, "wc-so-other-36": {}, "wc-cust-main-36": {}, "so-main-36": {}, "": {}, "wc-so-main-": {}, "wc-so-mainx-1": {},
	} {
		if got, ours := names.of(externalID); got != want && ours || ours != (want != name{}) {
			t.Errorf("%q: %+v %t, want %+v", externalID, got, ours, want)
		}
	}
}
