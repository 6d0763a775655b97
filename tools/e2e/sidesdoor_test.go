package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orderstream/orderstream/services/reconciler"
	"github.com/orderstream/orderstream/tools/netsuitesim"
	"github.com/orderstream/orderstream/tools/orderstream/demo"
)

// Both sides, as doors name them.
const (
	sideShop     = "shop"
	sideNetSuite = "netsuite"
)

// door stands before a double for one life of a unit.
type door struct {
	*httptest.Server
	unit  *unit
	side  string
	proxy *httputil.ReverseProxy

	mu   sync.Mutex
	shut bool
}

func (u *unit) door(side, to string) *door {
	target, err := url.Parse(to)
	if err != nil {
		u.sides.t.Fatal(err)
	}
	d := &door{unit: u, side: side}
	// The double checks signatures by the host that was asked.
	d.proxy = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	d.Server = httptest.NewServer(d)
	u.sides.t.Cleanup(d.Close)
	return d
}

func (d *door) close() {
	d.mu.Lock()
	d.shut = true
	d.mu.Unlock()
}

func (d *door) isShut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shut
}

// ServeHTTP passes a request on. The unit dies behind the write that is its last.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if d.isShut() {
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if d.side == sideShop && r.Method == http.MethodGet && d.unit.of.Name == reconciler.Unit.Name {
		d.unit.sides.saw(orderIn(r.URL.Path))
	}
	if r.Method == http.MethodGet || strings.Contains(r.URL.Path, "/query/") || strings.Contains(r.URL.Path, "/oauth2/") {
		d.proxy.ServeHTTP(w, r)
		return
	}
	d.write(w, r, body)
}

func (d *door) write(w http.ResponseWriter, r *http.Request, body []byte) {
	answer := httptest.NewRecorder()
	d.proxy.ServeHTTP(answer, r)
	if answer.Code < 300 {
		if list, is := stockIn(r, body); is && d.side == sideShop {
			d.unit.sides.stocked(list)
		} else {
			d.unit.sides.did(deedsOf(d.side, r, body)...)
		}
		if d.unit.last() {
			d.unit.die()
			panic(http.ErrAbortHandler)
		}
	}
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// last counts a write and tells whether it is the last.
func (u *unit) last() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fatal == 0 {
		return false
	}
	u.fatal--
	return u.fatal == 0
}

// postOffice takes what both doubles send and hands it on when it is told to.
type postOffice struct {
	*httptest.Server
	sides *sides

	mu      sync.Mutex
	letters []letter
}

// letter is a webhook or a notice as it was sent.
type letter struct {
	to     string // path at the door of ingest
	header http.Header
	body   []byte
}

// notices stands for what NetSuite's letters are about: they name a record, not its order.
const notices = ""

// about names the order that a letter tells of.
func (l letter) about() string {
	var body struct{ ID json.Number }
	if !strings.HasPrefix(l.header.Get("X-WC-Webhook-Topic"), "order.") || json.Unmarshal(l.body, &body) != nil {
		return notices
	}
	return path.Base(l.to) + "/" + body.ID.String()
}

func newPostOffice(s *sides) *postOffice {
	p := &postOffice{sides: s}
	p.Server = httptest.NewServer(p)
	s.t.Cleanup(p.Close)
	for store, to := range s.Facts.Webhooks {
		if err := s.Shop.SetDeliveryURL(store, p.URL+strings.TrimPrefix(to, s.Facts.Ingest)); err != nil {
			s.t.Fatal(err)
		}
	}
	p.pushes(true)
	return p
}

// pushes switches NetSuite's script on or off.
func (p *postOffice) pushes(on bool) {
	p.sides.t.Helper()
	push := netsuitesim.Push{Secret: demo.PushSecret}
	if on {
		push.URL = p.URL + strings.TrimPrefix(p.sides.Facts.Account.PushURL, p.sides.Facts.Ingest)
	}
	if err := p.sides.NetSuite.SetPush(push); err != nil {
		p.sides.t.Fatal(err)
	}
}

func (p *postOffice) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters = append(p.letters, letter{r.URL.Path, r.Header.Clone(), body})
}

// take empties the office.
func (p *postOffice) take() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	letters := p.letters
	p.letters = nil
	return letters
}

// hand gives a letter to ingest. A notice that comes again is refused, a webhook is not.
func (p *postOffice) hand(l letter) error {
	request, err := http.NewRequestWithContext(p.sides.t.Context(), http.MethodPost, p.sides.Facts.Ingest+l.to, bytes.NewReader(l.body))
	if err != nil {
		return err
	}
	request.Header = l.header.Clone()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	again := response.StatusCode == http.StatusUnauthorized && strings.HasPrefix(l.to, "/webhooks/netsuite/")
	if response.StatusCode != http.StatusOK && !again {
		return fmt.Errorf("%s answered %d", l.to, response.StatusCode)
	}
	return nil
}

// deed is a write that a double has done, by the order it is about and what was written.
type deed struct {
	order, what, body string
	at                time.Time
}

func (s *sides) did(deeds ...deed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range deeds {
		d.at = time.Now()
		s.wrote = append(s.wrote, d)
	}
}

// wroteAt tells in which second an order was written last, on either side.
func (s *sides) wroteAt(order string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range slices.Backward(s.wrote) {
		if d.order == order {
			return d.at.Unix()
		}
	}
	return 0
}

// saw notes that the pipeline read an order.
func (s *sides) saw(order string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read[order] = true
}

// pathOfOrder finds store and order in the path of a store's REST API; the first store has no prefix.
var pathOfOrder = regexp.MustCompile(`^(?:/([a-z0-9]+))?/wp-json/wc[a-z-]*/v3/orders/(\d+|batch)(?:/([a-z-]+)(?:/\d+)?)?$`)

// orderIn names the order itself that a path is; "" for anything else.
func orderIn(path string) string {
	found := pathOfOrder.FindStringSubmatch(path)
	if found == nil || found[3] != "" {
		return ""
	}
	return cmp.Or(found[1], "main") + "/" + found[2]
}

// deedsOf reads a request: a batch is a deed for each of its orders.
func deedsOf(side string, r *http.Request, body []byte) []deed {
	if side == sideNetSuite {
		return []deed{netsuiteDeed(r, body)}
	}
	found := pathOfOrder.FindStringSubmatch(r.URL.Path)
	if found == nil {
		return []deed{{what: r.Method + " " + r.URL.Path, body: string(body)}}
	}
	store := cmp.Or(found[1], "main")
	if found[2] != "batch" {
		return []deed{{order: store + "/" + found[2], what: shopDeed(found[3], body), body: string(body)}}
	}
	var batch struct{ Update []json.RawMessage }
	_ = json.Unmarshal(body, &batch) // what a double has done it could read
	var list []deed
	for _, item := range batch.Update {
		var of struct{ ID json.Number }
		_ = json.Unmarshal(item, &of)
		list = append(list, deed{order: store + "/" + of.ID.String(), what: shopDeed("", item), body: string(withoutID(item))})
	}
	return list
}

// withoutID leaves a batch's item as it is written singly.
func withoutID(item []byte) []byte { return idOfItem.ReplaceAll(item, []byte("{")) }

var idOfItem = regexp.MustCompile(`^\{"id":\d+,`)

// shopDeed says what of a shop's order is written.
func shopDeed(below string, body []byte) string {
	var change struct {
		Status   string
		Customer bool                   `json:"customer_note"`
		Meta     []struct{ Key string } `json:"meta_data"`
	}
	_ = json.Unmarshal(body, &change)
	switch {
	case below == "notes" && change.Customer:
		return "mail"
	case below != "":
		return below
	case change.Status != "":
		return "status " + change.Status
	case len(change.Meta) == 1:
		return change.Meta[0].Key
	default:
		return "order"
	}
}

// externalID finds the externalId of a record of ours: in the path, else of the record itself in the body.
var externalID = regexp.MustCompile(`(?:/eid:|"externalId":")(wc-([a-z]+)-([a-z0-9]+)-([a-z0-9]+)[a-z0-9-]*)`)

// netsuiteDeed names what is written by its externalId; the body of a record that names itself stands behind it.
func netsuiteDeed(r *http.Request, body []byte) deed {
	found := externalID.FindStringSubmatch(r.URL.Path + string(body))
	if found == nil {
		return deed{what: r.Method + " " + r.URL.Path, body: string(body)}
	}
	return deed{order: found[3] + "/" + found[4], what: found[2], body: "/eid:" + found[1] + " " + string(body)}
}
