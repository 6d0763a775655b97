package netsuitesim

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// suiteQL answers queries from a SQLite database in memory. It opens the
// database with the first query and brings it up to date with the records that
// changed before each query, so that writes do not pay for queries that nobody
// asks.
type suiteQL struct {
	store  *store
	mu     sync.Mutex
	db     *sql.DB // nil before the first query
	tables map[string]*table
	known  map[place]bool // records with rows
}

func newSuiteQL(st *store) *suiteQL {
	return &suiteQL{store: st, tables: map[string]*table{}, known: map[place]bool{}}
}

func (e *suiteQL) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.db == nil {
		return nil
	}
	return e.db.Close()
}

// open makes the database ready; the caller holds the lock.
func (e *suiteQL) open() error {
	if e.db != nil {
		return nil
	}
	if err := registerFunctions(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	e.db = db
	if err := e.create(); err != nil {
		e.db = nil
		return errors.Join(err, db.Close())
	}
	return nil
}

func (e *suiteQL) create() error {
	for name, words := range tables {
		if items := e.store.cfg.Switches.ItemPrices; name == "pricing" && items || name == "itemprice" && !items {
			continue // the account has the other one
		}
		if name == strings.ToLower(deletedRecord) && e.store.cfg.Switches.NoDeletedRecords {
			continue // the role lacks the permission
		}
		e.tables[name] = newTable(name, words, customColumns(name, e.store.cfg.CustomFields))
		if _, err := e.db.Exec(e.tables[name].create()); err != nil {
			return err
		}
	}
	for _, statement := range slices.Concat(indexes, views, []string{`INSERT INTO dual VALUES (0, 'X')`}) {
		if _, err := e.db.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// reset brings store and tables back to the seed; no query sees half of it.
func (e *suiteQL) reset() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.store.reset(); err != nil {
		return err
	}
	clear(e.known)
	for name := range e.tables {
		if name == "dual" {
			continue
		}
		if _, err := e.db.Exec(fmt.Sprintf("DELETE FROM %q", name)); err != nil {
			return fmt.Errorf("query engine: %w", err)
		}
	}
	return nil
}

// fresh is a changed record with its rows, none if it was deleted.
type fresh struct {
	at   place
	rows []row
}

// takeChanges collects what changed since the last query.
func (st *store) takeChanges() []fresh {
	st.mu.Lock()
	defer st.mu.Unlock()
	t := &tx{store: st}
	out := make([]fresh, 0, len(st.changed))
	for at, r := range st.changed {
		f := fresh{at: at}
		if r != nil {
			f.rows = t.rowsOf(r)
		}
		out = append(out, f)
	}
	clear(st.changed)
	slices.SortFunc(out, func(a, b fresh) int {
		return cmp.Or(cmp.Compare(a.at.group, b.at.group), cmp.Compare(a.at.id, b.at.id))
	})
	return out
}

// tablesOf are the tables whose rows a group's records own.
func tablesOf(g group) []string {
	switch g {
	case transactions:
		return []string{"transaction", "transactionline", "previoustransactionlinelink", "trackingnumber", "trackingnumbermap"}
	case entities:
		return []string{"customer"}
	case items:
		return []string{"item", "shipitem", "aggregateitemlocation", "pricing", "itemprice"}
	}
	return []string{strings.ToLower(string(g))}
}

// refresh writes the changes; the caller holds the engine's lock.
func (e *suiteQL) refresh() error {
	if err := e.open(); err != nil {
		return err
	}
	changes := e.store.takeChanges()
	if len(changes) == 0 {
		return nil
	}
	t, err := e.db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback() }() // no effect after a commit
	inserts := map[string]*sql.Stmt{}
	for _, c := range changes {
		if err := e.replace(t, inserts, c); err != nil {
			return err
		}
	}
	return t.Commit()
}

func (e *suiteQL) replace(t *sql.Tx, inserts map[string]*sql.Stmt, c fresh) error {
	if e.known[c.at] {
		for _, name := range tablesOf(c.at.group) {
			if e.tables[name] == nil {
				continue
			}
			if _, err := t.Exec(fmt.Sprintf("DELETE FROM %q WHERE owner__ = ?", name), c.at.id); err != nil {
				return err
			}
		}
	}
	e.known[c.at] = len(c.rows) > 0
	for _, r := range c.rows {
		table := e.tables[r.table]
		if table == nil {
			continue // a set-up list that SuiteQL does not show
		}
		if inserts[r.table] == nil {
			statement, err := t.Prepare(table.insert()) //nolint:sqlclosecheck // it ends with its transaction
			if err != nil {
				return err
			}
			inserts[r.table] = statement
		}
		if _, err := inserts[r.table].Exec(table.values(c.at.id, r.values)...); err != nil {
			return fmt.Errorf("table %s: %w", r.table, err)
		}
	}
	return nil
}

// values orders a row's values by column.
func (t *table) values(owner int64, v map[string]any) []any {
	out := make([]any, len(t.columns))
	out[0] = owner
	for i, column := range t.columns[1:] {
		if value := v[column]; value != "" {
			out[i+1] = value // Oracle knows no empty text
		}
	}
	return out
}

// suiteql answers the query service.
func (s *Server) suiteql(r *http.Request) reply {
	if r.Method != http.MethodPost {
		return wrongMethod(r.Method).reply()
	}
	if !slices.ContainsFunc(strings.Split(r.Header.Get("Prefer"), ","), func(p string) bool { return strings.TrimSpace(p) == "transient" }) {
		return (&problem{status: http.StatusBadRequest, code: "INVALID_HEADER", detail: "The required request header 'Prefer' is missing or its value is not 'transient'."}).reply()
	}
	span, err := readSpan(r.URL.Query())
	if err != nil {
		return refusal(err)
	}
	q, params, err := readQuery(r)
	if err != nil {
		return refusal(err)
	}
	answer := s.selected(r, q, params, span)
	for _, m := range tableName.FindAllStringSubmatch(q, -1) {
		answer.tables = append(answer.tables, m[1])
	}
	return answer
}

// tableName finds the tables of a statement.
var tableName = regexp.MustCompile(`(?i)\b(?:FROM|JOIN)\s+(\w+)`)

// selected runs a statement.
func (s *Server) selected(r *http.Request, q string, params []any, span span) reply {
	found, err := s.sql.run(r.Context(), q, params, span)
	if err != nil {
		return refusal(err)
	}
	if s.cfg.Switches.OrderByLosesRows && span.limit <= 10 && orderBy.MatchString(q) {
		found.items = []map[string]any{}
	}
	return jsonReply(http.StatusOK, collection, map[string]any{
		"links": self("http://" + r.Host + r.URL.RequestURI()), "items": found.items, "count": len(found.items),
		"offset": span.offset, "totalResults": found.total, "hasMore": span.offset+len(found.items) < found.total,
	})
}

var orderBy = regexp.MustCompile(`(?i)\border\s+by\b`)

// readQuery reads {"q":"…","params":["…"]}.
func readQuery(r *http.Request) (string, []any, error) {
	raw, err := readBody(r)
	if err != nil {
		return "", nil, err
	}
	q, ok := raw["q"].(string)
	if !ok || strings.TrimSpace(q) == "" {
		return "", nil, invalidParameter("q", "Missing or empty query parameter 'q'.")
	}
	list, ok := raw["params"].([]any)
	if raw["params"] != nil && !ok {
		return "", nil, invalidParameter("params", "The parameter 'params' must be an array.")
	}
	params := make([]any, 0, len(list))
	for _, value := range list {
		switch v := value.(type) {
		case string:
			params = append(params, v)
		case json.Number:
			params = append(params, v.String())
		default:
			return "", nil, invalidParameter("params", "The values of 'params' must be strings.")
		}
	}
	return q, params, nil
}

// found is one page of a query.
type found struct {
	items []map[string]any
	total int
}

// run answers one query. Totals are counted apart only when the page may not
// be all.
func (e *suiteQL) run(ctx context.Context, q string, params []any, at span) (found, error) {
	t, err := translate(q)
	if err != nil {
		return found{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.refresh(); err != nil {
		return found{}, fmt.Errorf("query engine: %w", err)
	}
	statement := t.sql()
	if t.window {
		statement = "SELECT * FROM (" + statement + ")"
	}
	page, err := e.rows(ctx, fmt.Sprintf("%s LIMIT %d OFFSET %d", statement, at.limit, at.offset), params)
	if err != nil {
		return found{}, unprocessed(err, t)
	}
	out := found{items: page, total: len(page)}
	if at.offset > 0 || len(page) == at.limit {
		if err := e.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM ("+t.sql()+")", params...).Scan(&out.total); err != nil {
			return found{}, unprocessed(err, t)
		}
	}
	return out, nil
}

func (e *suiteQL) rows(ctx context.Context, statement string, params []any) ([]map[string]any, error) {
	rows, err := e.db.QueryContext(ctx, statement, params...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	out := []map[string]any{}
	cells := make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, item(columns, cells, e.store.cfg.Switches.NullColumnsShown))
	}
	return out, rows.Err()
}

var plainColumn = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$#]*$`)

// item shows a row: lower-case keys, every value a string, nulls left out
// unless shown,
// dates in the account's display format.
func item(columns []*sql.ColumnType, cells []any, nulls bool) map[string]any {
	out := map[string]any{"links": []fields{}}
	for i, c := range columns {
		name := strings.ToLower(c.Name())
		switch {
		case strings.HasSuffix(name, "__df") || strings.HasSuffix(name, "__cf") || strings.HasSuffix(name, "__"):
			continue
		case !plainColumn.MatchString(name):
			name = fmt.Sprintf("expr%d", i+1)
		}
		if cells[i] == nil {
			if nulls {
				out[name] = nil
			}
			continue
		}
		text := cell(cells[i])
		if c.DatabaseTypeName() == "TEXTDATE" {
			if at, err := time.Parse(stampLayout, text); err == nil {
				text = at.Format("1/2/2006")
			}
		}
		out[name] = text
	}
	return out
}

var (
	noColumn = regexp.MustCompile(`no such column: ([^ ]+)`)
	noTable  = regexp.MustCompile(`no such table: ([^ ]+)`)
)

// unprocessed words an engine's error the way SuiteQL does.
func unprocessed(err error, t *translation) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if m := noColumn.FindStringSubmatch(err.Error()); m != nil {
		return badFilter("Unknown identifier '%s'. Available identifiers are: {%s}.", m[1], t.sources())
	}
	if m := noTable.FindStringSubmatch(err.Error()); m != nil {
		return badFilter("Record '%s' was not found.", m[1])
	}
	return badFilter("Invalid or unsupported search. %s", err.Error())
}

// sources are the tables of a statement as "alias=table".
func (t *translation) sources() string {
	var names []string
	for i, token := range t.in {
		if word := strings.ToUpper(token); (word == "FROM" || word == "JOIN") && i+1 < len(t.in) {
			name := strings.ToLower(t.in[i+1])
			names = append(names, name+"="+name)
		}
	}
	return strings.Join(names, ", ")
}
