// Package capture holds deliveries of real WooCommerce stores (8.9, 10.4 and 11.0), byte for byte with their
// headers, for tests, fuzz seeds and the doubles. All are signed with Secret; persons are made up.
package capture

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/codec"
)

// Secret signs every delivery but one, which is signed with another on purpose.
const Secret = "whsec_test"

//go:embed testdata
var files embed.FS

// Delivery is one captured request.
type Delivery struct {
	Name     string
	Store    string // last segment of the path: main, legacy, v104
	Path     string
	Header   [][2]string // as received, in order
	Body     []byte
	Received time.Time
	Valid    bool // the signature fits Secret; false for the ping too
}

// Get gives a header's value, "" where absent.
func (d Delivery) Get(name string) string {
	for _, line := range d.Header {
		if strings.EqualFold(line[0], name) {
			return line[1]
		}
	}
	return ""
}

type record struct {
	Received codec.Number `json:"received_at"`
	ISO      time.Time    `json:"received_iso"`
	Path     string       `json:"path"`
	Headers  [][2]string  `json:"headers"`
	Valid    *bool        `json:"signature_valid"`
}

// All lists every delivery in the order of arrival.
func All() ([]Delivery, error) {
	entries, err := files.ReadDir("testdata")
	if err != nil {
		return nil, err
	}
	var list []Delivery
	for _, entry := range entries {
		name, isRecord := strings.CutSuffix(entry.Name(), ".json")
		if !isRecord {
			continue
		}
		d, err := read(name)
		if err != nil {
			return nil, fmt.Errorf("capture %s: %w", name, err)
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b Delivery) int { return a.Received.Compare(b.Received) })
	return list, nil
}

func read(name string) (Delivery, error) {
	body, err := files.ReadFile("testdata/" + name + ".body")
	if err != nil {
		return Delivery{}, err
	}
	data, err := files.ReadFile("testdata/" + name + ".json")
	if err != nil {
		return Delivery{}, err
	}
	r, err := codec.Decode[record](data)
	if err != nil {
		return Delivery{}, err
	}
	return Delivery{
		Name: name, Store: path.Base(r.Path), Path: r.Path, Header: r.Headers, Body: body, Received: r.ISO.UTC(), Valid: r.Valid != nil && *r.Valid,
	}, nil
}
