package suitetalk

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/orderstream/orderstream/contracts/codec"
	"github.com/orderstream/orderstream/contracts/event"
	"github.com/orderstream/orderstream/contracts/fault"
)

// Row is one row of SuiteQL: lower-case column names, text values; a null column is absent.
type Row map[string]string

const pageRows = 1000

// Query runs SuiteQL and reads every page. The query needs a unique ORDER BY when it may span pages.
func (c *Client) Query(ctx context.Context, purpose, q string) ([]Row, []event.Call, error) {
	body, err := codec.Encode(map[string]string{"q": q})
	if err != nil {
		return nil, nil, err
	}
	var rows []Row
	var calls []event.Call
	for offset := 0; ; offset += pageRows {
		answer, err := c.Do(ctx, Request{
			Method: http.MethodPost, Path: "/query/v1/suiteql", Body: body, Purpose: purpose, Header: map[string]string{"Prefer": "transient"},
			Query: url.Values{"limit": {fmt.Sprint(pageRows)}, "offset": {fmt.Sprint(offset)}},
		})
		calls = append(calls, answer.Call)
		if err != nil {
			return nil, calls, err
		}
		page, err := codec.Decode[struct {
			HasMore bool                   `json:"hasMore"`
			Items   []map[string]codec.Raw `json:"items"`
		}](answer.Body)
		if err != nil {
			return nil, calls, fault.New(fault.NetSuiteAnswerUnusable, "want a page of SuiteQL rows", fault.Because(err))
		}
		for _, item := range page.Items {
			rows = append(rows, rowOf(item))
		}
		if !page.HasMore {
			return rows, calls, nil
		}
	}
}

func rowOf(item map[string]codec.Raw) Row {
	row := Row{}
	for name, raw := range item {
		// Whether a null column is shown as null or left out differs: both mean that there is no value.
		if text, err := codec.Decode[*string](raw); err == nil && text != nil {
			row[strings.ToLower(name)] = *text
		}
	}
	return row
}

// Quote writes a text as a SuiteQL literal.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// In writes a list of literals for IN (…); at most 1,000.
func In(keys []string) string {
	quoted := make([]string, len(keys))
	for i, key := range keys {
		quoted[i] = Quote(key)
	}
	return strings.Join(quoted, ", ")
}
