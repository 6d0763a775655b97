package e2e

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/subject"
	"github.com/orderstream/orderstream/contracts/topology"
	"github.com/orderstream/orderstream/services/operate"
	"github.com/orderstream/orderstream/services/operate/replay"
	"github.com/orderstream/orderstream/services/transformer/mapping"
	"github.com/orderstream/orderstream/tools/e2e/world"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// four are the orders of the worlds of this file: 36, 42, 46 and 39 of store main.
var four = []string{"order.created-simple", "order.created-registered", "order.created-cod", "order.created-coupon"}

// withOrders runs a world in which the four orders are synced.
func withOrders(t *testing.T) world.World {
	t.Helper()
	w := world.Start(t, demo.Options{Mute: true, Adjust: world.Unwatched})
	w.Load(world.Captures(t))
	for _, name := range four {
		w.Post(changed(t, name))
	}
	w.Settle()
	return w
}

// actsOf lists the acts of a word in the audit stream, oldest first.
func actsOf(t *testing.T, w world.World, word string) (list []event.AuditActedV1) {
	t.Helper()
	consumer, err := w.JS.OrderedConsumer(t.Context(), topology.Audit, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject.Audit(word)}})
	if err != nil {
		t.Fatal(err)
	}
	for range consumer.CachedInfo().NumPending {
		m, err := consumer.Next()
		if err != nil {
			t.Fatal(err)
		}
		act, err := codec.Decode[event.AuditActedV1](m.Data())
		if err != nil {
			t.Fatal(err)
		}
		if act.By == "" || act.ID == "" || act.Time.IsZero() {
			t.Errorf("act %+v: want to know who and when", act)
		}
		list = append(list, act)
	}
	return list
}

// lastIn is how much a stream has ever held.
func lastIn(t *testing.T, w world.World, name string) uint64 {
	t.Helper()
	stream, err := w.JS.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// rows reads the rows of a page's tables by the heading before them, cell by cell. A page that is not well-formed fails.
func rows(t *testing.T, file string) map[string][][]string {
	t.Helper()
	page, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	tables, heading := map[string][][]string{}, ""
	text := (*string)(nil)
	reader := xml.NewDecoder(page)
	reader.Strict, reader.AutoClose, reader.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := reader.Token()
		if errors.Is(err, io.EOF) {
			return tables
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			switch list := tables[heading]; token.Name.Local {
			case "h2":
				heading, text = "", &heading
			case "tr":
				tables[heading] = append(list, nil)
			case "td", "th":
				row := append(list[len(list)-1], "")
				list[len(list)-1], text = row, &row[len(row)-1]
			}
		case xml.EndElement:
			if slices.Contains([]string{"h2", "td", "th"}, token.Name.Local) {
				text = nil
			}
		case xml.CharData:
			if text != nil {
				*text += string(token)
			}
		}
	}
}

// A plan is printed, written as a page and shown again, the same each time; nothing is written anywhere, to NetSuite least.
func TestAPlanIsShownByTheCommand(t *testing.T) {
	w := withOrders(t)
	candidate := bytes.Replace(mapping.Default, []byte(`"WooCommerce order " + order.number`), []byte(`"a<b & c " + order.number`), 1)
	file, dir := fileOf(t, candidate), t.TempDir()
	before, desired := w.NetSuite.Stats().Requests, lastIn(t, w, topology.Desired)
	made := said[replay.Plan](t, w, "replay", "plan", "--mapping", file, "--html", filepath.Join(dir, "plan.html"))
	if made.Looked != 4 || made.Changed != 4 || made.Revision != mapping.Revision(candidate) || made.Cost.Writes != 4 || len(made.Groups) != 1 || made.Groups[0].Field != "sales_order.fields.memo" {
		t.Fatalf("%+v: want the memo of four orders", made)
	}
	tables := rows(t, filepath.Join(dir, "plan.html"))
	if got := tables["What changes"]; len(got) != 2 || got[1][0] != "sales_order.fields.memo" || got[1][1] != "changed" || got[1][2] != "4" || !strings.Contains(got[1][3], "a<b & c ") {
		t.Errorf("what changes: %q", got)
	}
	orders := tables["Orders and customers"]
	if len(orders) != 5 {
		t.Fatalf("orders: %q, want a head and four", orders)
	}
	lines := planned(t, w, file)
	for _, row := range orders[1:] {
		_, number, _ := strings.Cut(row[0], "/")
		if !slices.Contains(lines, row[0]) || row[2] != "update" || row[3] != row[4] || row[5] != "sales_order.fields.memo: WooCommerce order "+number+" a<b & c "+number {
			t.Errorf("row %q, planned %v", row, lines)
		}
	}
	again := said[replay.Plan](t, w, "replay", "show", made.Hash, "--html", filepath.Join(dir, "again.html"), "--changes", filepath.Join(dir, "again.ndjson"))
	made.Made = again.Made // planned thrice, kept as the last one: the hash seals what it does, not when
	if diff := cmp.Diff(fmt.Sprintf("%+v", made), fmt.Sprintf("%+v", again)); diff != "" {
		t.Errorf("shown again (-made +shown):\n%s", diff)
	}
	if diff := cmp.Diff(tables, rows(t, filepath.Join(dir, "again.html"))); diff != "" {
		t.Errorf("the page shown again (-made +shown):\n%s", diff)
	}
	changes, err := os.ReadFile(filepath.Join(dir, "again.ndjson"))
	if err != nil || bytes.Count(changes, []byte("\n")) != 4 {
		t.Errorf("%v, changes %s: want four lines", err, changes)
	}
	holds(t, w, []string{"replay", "show", made.Hash}, "replay plan "+made.Hash, "4 orders looked at: 4 change, 0 stay as they are, 0 cannot be mapped", "sales_order.fields.memo", `"a<b & c `,
		"  update         4  the open sales order is written again", "plan "+made.Hash+" is planned: 0 of 4 changes", "orderstream replay apply "+made.Hash)
	if got := tables["What applying does"]; len(got) != 2 || got[1][0] != "update" || got[1][2] != "4" {
		t.Errorf("what applying does: %q", got)
	}
	refused(t, w, "no such replay plan", "replay", "show", "0011223344556677")
	if n := w.NetSuite.Stats().Requests - before; n != 0 || lastIn(t, w, topology.Desired) != desired || lastIn(t, w, topology.Audit) != 0 {
		t.Errorf("%d requests to NetSuite, DESIRED at %d after %d, %d acts: want nothing written", n, lastIn(t, w, topology.Desired), desired, lastIn(t, w, topology.Audit))
	}
	said[replay.Progress](t, w, "replay", "apply", made.Hash)
	if stands := said[struct{ Stands replay.Progress }](t, w, "replay", "show", made.Hash).Stands; stands.State != replay.StateDone || stands.Published != 4 {
		t.Errorf("%+v: want it done", stands)
	}
	if _, out, _ := says(w, "replay", "show", made.Hash); !strings.Contains(out, "is done: 4 of 4 changes, 4 published") || strings.Contains(out, "replay apply") {
		t.Errorf("shown after it was applied:\n%s", out)
	}
}

// misread publishes an order's event as a parser with a mistake made it.
func misread(t *testing.T, w world.World, order, note string) {
	t.Helper()
	stream, err := w.JS.Stream(t.Context(), topology.Orders)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(t.Context(), subject.OrdersOf("main", order))
	if err != nil {
		t.Fatal(err)
	}
	state, err := codec.Decode[event.OrderStateV1](raw.Data)
	if err != nil {
		t.Fatal(err)
	}
	state.CustomerNote, state.Hash, state.ID = note, "of the wrong state", "wrong"+order
	data, err := codec.Encode(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.JS.Publish(t.Context(), subject.Order{Kind: event.KindUpdated, Store: "main", Order: order}.String(), data); err != nil {
		t.Fatal(err)
	}
	w.Settle()
}

func note(w world.World, order string) string { return w.SalesOrders()["wc-so-main-"+order].Note }

// What today's parser reads otherwise is shown and changes nothing; with the hash it is published, goes its way into NetSuite
// and is an act.
func TestDeliveriesAreParsedAgainByTheCommand(t *testing.T) {
	w := withOrders(t)
	holds(t, w, []string{"replay", "parse"}, "4 orders looked at: 0 change, 4 stay as they are", "nothing has been published")
	misread(t, w, "36", "misread")
	if got := note(w, "36"); got != "misread" {
		t.Fatalf("NetSuite's note is %q, want it misread", got)
	}
	before, events := w.NetSuite.Stats().Requests, lastIn(t, w, topology.Orders)
	shown := said[replay.Reparse](t, w, "replay", "parse", "--store", "main", "--orders", "36,42")
	if shown.Looked != 2 || len(shown.Changes) != 1 || shown.Changes[0].Order != "36" || shown.Hash == "" || shown.Groups[0].Field != "customer_note" {
		t.Fatalf("%+v: want order 36 and its note", shown)
	}
	holds(t, w, []string{"replay", "parse", "--orders", "36,42"}, "2 orders looked at: 1 change, 1 stay as they are", `main/36  "misread" → `, "orderstream replay parse --apply ")
	refused(t, w, "history is not what the hash names", "replay", "parse", "--store", "main", "--orders", "36,42", "--apply", "0011223344556677")
	if n := w.NetSuite.Stats().Requests - before; n != 0 || lastIn(t, w, topology.Orders) != events || lastIn(t, w, topology.Audit) != 0 {
		t.Errorf("looking sent %d requests, published %d events and left %d acts", n, lastIn(t, w, topology.Orders)-events, lastIn(t, w, topology.Audit))
	}
	done := said[map[string]int](t, w, "replay", "parse", "--store", "main", "--orders", "36,42", "--apply", shown.Hash, "--note", "notes are read again")
	if w.Settle(); done["published"] != 1 || note(w, "36") != "" || lastIn(t, w, topology.Orders) != events+1 {
		t.Errorf("published %v, NetSuite's note is %q: want it as the shop has it", done, note(w, "36"))
	}
	list := actsOf(t, w, "replayed")
	if len(list) == 0 || list[len(list)-1].What != "parse:"+shown.Hash || list[len(list)-1].Note != "notes are read again" || list[len(list)-1].After["published"] != "1" || list[len(list)-1].After["state"] != "done" {
		t.Errorf("acts %+v", list)
	}
	refused(t, w, "history is not what the hash names", "replay", "parse", "--store", "main", "--orders", "36,42", "--apply", shown.Hash)
}

// A channel gets history by the command: a durable that is made for it, one that exists and begins anew, a subject of its own.
// Nothing else of Orderstream hears of it.
func TestAChannelIsFedByTheCommand(t *testing.T) {
	w := withOrders(t)
	events, desired := int(lastIn(t, w, topology.Orders)), lastIn(t, w, topology.Desired)
	read := func(durable string, want int) {
		t.Helper()
		consumer, err := w.JS.Consumer(t.Context(), topology.Orders, durable)
		if err != nil {
			t.Fatal(err)
		}
		for n := range want {
			m, err := consumer.Next(jetstream.FetchMaxWait(30 * time.Second))
			if err == nil {
				err = m.DoubleAck(t.Context())
			}
			if err != nil {
				t.Fatalf("event %d of %d: %v", n+1, want, err)
			}
		}
		if info, err := consumer.Info(t.Context()); err != nil || info.NumPending != 0 {
			t.Errorf("%s has more than %d events before it: %v", durable, want, err)
		}
	}
	fed := said[operate.Fed](t, w, "replay", "feed", "--to", "accounting", "--note", "a new channel")
	if !fed.Anew || int(fed.Pending) != events || fed.Filter != subject.OrderAll {
		t.Errorf("%+v: want every event", fed)
	}
	read("accounting", events)
	holds(t, w, []string{"replay", "feed", "--to", "accounting"}, "consumer accounting of ORDERS begins anew", fmt.Sprintf("%d events of order.v1.> before it", events))
	read("accounting", events)
	fed = said[operate.Fed](t, w, "replay", "feed", "--to", "later", "--since", "2100-01-01")
	if fed.Pending != 0 {
		t.Errorf("%+v: want nothing of a time to come", fed)
	}
	legacy := said[operate.Fed](t, w, "replay", "feed", "--to", "legacy", "--store", "legacy")
	if legacy.Pending != 0 || legacy.Filter != subject.OrdersIn("legacy") {
		t.Errorf("%+v: want none, of the store alone", legacy)
	}
	heard, err := w.JS.Conn().SubscribeSync("books.orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.JS.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	published := said[operate.FedSubject](t, w, "replay", "feed", "--to", "books.orders", "--store", "main")
	if published.Published != events || published.Stream != "" {
		t.Errorf("%+v: want %d events, kept nowhere", published, events)
	}
	for n := range events {
		m, err := heard.NextMsg(30 * time.Second)
		if err != nil {
			t.Fatalf("event %d of %d: %v", n+1, events, err)
		}
		if state, err := codec.Decode[event.OrderStateV1](m.Data); err != nil || state.Store != "main" || m.Header.Get(event.HeaderReplayed) == "" {
			t.Errorf("%v, %+v: want an event that says where it is from", err, m.Header)
		}
	}
	holds(t, w, []string{"replay", "feed", "--to", "books.orders"}, fmt.Sprintf("%d events of order.v1.> published to books.orders", events), "no stream keeps them")
	for to, why := range map[string]string{topology.ConsumerMap: "Orderstream's own", "order.v1.placed.main.1": "stream ORDERS is Orderstream's own", "books.*": "without wildcards"} {
		refused(t, w, why, "replay", "feed", "--to", to)
	}
	var told []string
	for _, a := range actsOf(t, w, "replayed") {
		if !slices.Contains(told, a.What) {
			told = append(told, a.What)
		}
	}
	if want := []string{"feed:accounting", "feed:later", "feed:legacy", "feed:books.orders"}; !slices.Equal(told, want) {
		t.Errorf("acts of %v, want %v", told, want)
	}
	if w.Settle(); lastIn(t, w, topology.Desired) != desired || int(lastIn(t, w, topology.Orders)) != events {
		t.Error("Orderstream hears of a feed")
	}
}

// edit changes an order in the shop, each time a minute later.
func edit(t *testing.T, w world.World, n int) {
	t.Helper()
	w.Post(changed(t, "order.created-simple", `"date_modified_gmt":"2026-11-23T03:10:33"`, fmt.Sprintf(`"date_modified_gmt":"2026-12-01T00:%02d:00"`, n), `"customer_note":""`, fmt.Sprintf(`"customer_note":"edit %d"`, n)))
	w.Settle()
}

// followed edits once more, and tells whether that came to a memo: map follows what is active a moment later.
func followed(t *testing.T, w world.World, edits *int, want string) func() bool {
	return func() bool {
		*edits++
		edit(t, w, *edits)
		return memo(w, "36") == want
	}
}

func memo(w world.World, order string) string { return w.SalesOrders()["wc-so-main-"+order].Memo }

// Revisions are published, listed, shown, compared, taken back and proven by the command, and orders are mapped with what it
// says is active.
func TestRevisionsByTheCommand(t *testing.T) {
	w := withOrders(t)
	file, first, second := fileOf(t, shorter), mapping.Revision(mapping.Default), mapping.Revision(shorter)
	before := w.NetSuite.Stats().Requests
	compared := said[struct {
		Text []string
		replay.Comparison
	}](t, w, "mapping", "diff", first[:7], file)
	if compared.Orders.Looked != 4 || len(compared.Orders.Differing) != 4 || compared.From != first || compared.To != second || compared.Mapping != "default" || !slices.Contains(compared.Text, `-     memo: '"WooCommerce order " + order.number'`) {
		t.Errorf("%+v: want the memo of four orders", compared)
	}
	holds(t, w, []string{"mapping", "diff", first, file, "--last", "2"}, `+     memo: '"Woo " + order.number'`, "mapping default, "+first+" → "+second, "the last 2 orders: 2 differ, 0 stay as they are", "customers: 0 differ, ", `"WooCommerce order `)
	if n := w.NetSuite.Stats().Requests - before; n != 0 || len(said[[]operate.Revision](t, w, "mapping", "history")) != 1 {
		t.Errorf("comparing sent %d requests, or kept a revision", n)
	}
	refused(t, w, "no such mapping revision", "mapping", "show", "ffffff")

	done := said[operate.Published](t, w, "mapping", "publish", file, "-m", "a shorter memo")
	if done.Revision != second || done.Before != first || !done.Changed {
		t.Errorf("%+v: want the file published", done)
	}
	edits := 0
	w.Until("edits are mapped with what was published", followed(t, w, &edits, "Woo 36"))
	for name, want := range map[string][]byte{first: mapping.Default, "default." + second[:6]: shorter} {
		if code, out, errs := says(w, "mapping", "show", name); code != 0 || out != string(want) {
			t.Errorf("show %s gives %d: other bytes than were published: %s", name, code, errs)
		}
		if shown := said[struct{ Document string }](t, w, "mapping", "show", name); shown.Document != string(want) {
			t.Errorf("show %s: other bytes than were published", name)
		}
	}
	holds(t, w, []string{"mapping", "publish", file, "-m", "once more"}, "revision "+second+" is active already")
	holds(t, w, []string{"mapping", "rollback", "-m", "it was better"}, "revision "+first+" is active, it was "+second)
	w.Until("edits are mapped with what was before", followed(t, w, &edits, "WooCommerce order 36"))
	if back := said[operate.Published](t, w, "mapping", "rollback", second[:8]); back.Revision != second || !back.Changed {
		t.Errorf("%+v: want the named revision", back)
	}
	refused(t, w, "no such mapping revision", "mapping", "rollback", "ffffff")
	historyOf(t, w, first, second)
	proves(t, w)
}

// historyOf wants both revisions, the second one active, with who made them so and why: in the list and in the audit stream.
func historyOf(t *testing.T, w world.World, first, second string) {
	t.Helper()
	var listed []string
	for _, r := range said[[]operate.Revision](t, w, "mapping", "history") {
		for _, a := range r.Acts {
			listed = append(listed, fmt.Sprintf("%s %v %s", r.Revision, r.Active, a.Note))
		}
	}
	want := []string{
		first + " false first revision: default", first + " false it was better",
		second + " true a shorter memo", second + " true rollback to " + second,
	}
	if !slices.Equal(listed, want) {
		t.Errorf("history %q\nwant %q", listed, want)
	}
	holds(t, w, []string{"mapping", "history"}, "default."+first, "* ", "default."+second, ": a shorter memo", "by configuration: first revision: default")
	var told []string
	for _, a := range actsOf(t, w, "published") {
		told = append(told, a.Note+": "+a.Before["revision"]+" → "+a.After["revision"])
	}
	if want := []string{"a shorter memo: " + first + " → " + second, "it was better: " + second + " → " + first, "rollback to " + second + ": " + first + " → " + second}; !slices.Equal(told, want) {
		t.Errorf("acts %q\nwant %q", told, want)
	}
}

// proves derives all of it again; a state that nobody made is found.
func proves(t *testing.T, w world.World) {
	t.Helper()
	proof := said[operate.Proof](t, w, "mapping", "prove")
	if !proof.Holds() || proof.States != 4 || proof.Past.States < 6 || len(proof.Past.Revisions) != 2 {
		t.Errorf("%+v: want four states of now and those of the past, with both revisions", proof)
	}
	holds(t, w, []string{"mapping", "prove"}, "4 desired states of orders derived again with ", "stored   "+proof.Stored, "derived  "+proof.Derived)
	forged := lastOutcome(t, w, "36")
	forged.Desired.Hash = strings.Repeat("0", 64)
	data, err := codec.Encode(forged)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.JS.PublishMsg(t.Context(), &nats.Msg{Subject: subject.Sync{Account: forged.Account, Store: "main", Order: "36"}.String(), Data: data}); err != nil {
		t.Fatal(err)
	}
	refused(t, w, "of those that outcomes name 1 of", "mapping", "prove")
	if broken := saidWith[operate.Proof](t, w, 1, "mapping", "prove"); broken.Holds() || broken.Past.Differing != 1 {
		t.Errorf("%+v: want the forged outcome found", broken)
	}
}

// A shadow is begun, watched, stopped and promoted by the command; nothing of it is written until it is promoted. What its
// rule does, the command shows.
func TestAShadowByTheCommand(t *testing.T) {
	w := withOrders(t)
	file, second := fileOf(t, shorter), mapping.Revision(shorter)
	begun := said[operate.Shadow](t, w, "mapping", "shadow", "start", file, "-m", "try it")
	if begun.Revision != second || begun.Against != mapping.Revision(mapping.Default) || begun.State != "running" {
		t.Fatalf("%+v: want it running", begun)
	}
	refused(t, w, "stop it first", "mapping", "shadow", "start", file)
	edit(t, w, 1)
	status := func() operate.Shadow {
		list := said[[]operate.Shadow](t, w, "mapping", "shadow", "status")
		if len(list) != 1 {
			t.Fatalf("%+v: want one shadow", list)
		}
		return list[0]
	}
	w.Until("the edit is counted", func() bool { return status().Looked == 1 })
	if s := status(); s.Differ() != 1 || len(s.Groups) != 1 || s.Groups[0].Field != "sales_order.fields.memo" || memo(w, "36") != "WooCommerce order 36" {
		t.Errorf("%+v, memo %q: want the memo counted, and not written", s, memo(w, "36"))
	}
	holds(t, w, []string{"mapping", "shadow", "status"}, "mapping default: shadow "+second, "is running", "1 order states: 0 the same, 1 differ", `"WooCommerce order 36" → "Woo 36"`)
	holds(t, w, []string{"mapping", "shadow", "stop", "-m", "seen enough"}, "is stopped", "seen enough")
	refused(t, w, "no shadow", "mapping", "shadow", "stop")
	refused(t, w, "no shadow", "mapping", "shadow", "promote")

	said[operate.Shadow](t, w, "mapping", "shadow", "start", second) // a revision that is kept
	done := said[operate.Published](t, w, "mapping", "shadow", "promote", "-m", "it is right")
	if done.Revision != second || !done.Changed || status().State != "promoted" {
		t.Errorf("%+v, %s: want it active", done, status().State)
	}
	edits := 1
	w.Until("edits are mapped with what was promoted", followed(t, w, &edits, "Woo 36"))

	said[operate.Shadow](t, w, "mapping", "shadow", "start", mapping.Revision(mapping.Default), "--promote-after", "1", "--expect", "sales_order.fields.memo")
	edit(t, w, edits+1)
	w.Until("its rule promotes it", func() bool { return status().State == "promoted" })
	holds(t, w, []string{"mapping", "shadow", "status"}, "is promoted", "by system: shadow promoted by its rule after 1 order states")
	said[operate.Shadow](t, w, "mapping", "shadow", "start", file, "--promote-after", "5")
	edit(t, w, edits+2)
	w.Until("its rule withdraws it", func() bool { return status().State == "withdrawn" })
	holds(t, w, []string{"mapping", "shadow", "status"}, "is withdrawn", "by system: shadow withdrawn by its rule after 1 order states: order main/36: sales_order.fields.memo differs")
	w.Until("the end is told", func() bool { return len(actsOf(t, w, "shadowed")) >= 8 })
	var told []string
	for _, a := range actsOf(t, w, "shadowed") {
		told = append(told, fmt.Sprintf("%v %s → %s", a.By == "system", a.Before["state"], a.After["state"]))
	}
	want := []string{
		"false none → running", "false running → stopped", "false stopped → running", "false running → promoted",
		"false promoted → running", "true running → promoted", "false promoted → running", "true running → withdrawn",
	}
	if !slices.Equal(told, want) {
		t.Errorf("acts %q\nwant %q", told, want)
	}
}
