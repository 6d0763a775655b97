package netsuitesim

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// disk writes records through to a SQLite file. One goroutine commits; changes
// that wait while it works share the next commit. The file has no fsync: a
// committed change survives the end of the process, not a power cut.
type disk struct {
	db      *sql.DB
	changes chan change
	stopped chan struct{}
	once    sync.Once
}

// change is one request's writes, applied together.
type change struct {
	puts       []*record
	deletes    []*record
	counters   []byte      // nil when they did not change
	wipe       bool        // forget everything first
	statements []statement // of other tables
	done       chan error
}

// statement is one write of another table.
type statement struct {
	query string
	args  []any
}

const diskSchema = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS record (grp TEXT NOT NULL, id INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (grp, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;` + jobSchema

func openDisk(dir string) (*disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	path := filepath.Join(dir, "netsuite.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(diskSchema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("state file %s: %w", path, err)
	}
	d := &disk{db: db, changes: make(chan change, 256), stopped: make(chan struct{})}
	go d.run()
	return d, nil
}

// write queues a change; the answer comes once it is committed. The caller
// holds the store's lock, which keeps the order.
func (d *disk) write(c change) <-chan error {
	c.done = make(chan error, 1)
	d.changes <- c
	return c.done
}

// close commits what is queued and closes the file; nothing may write after it.
func (d *disk) close() error {
	var err error
	d.once.Do(func() {
		close(d.changes)
		<-d.stopped
		err = d.db.Close()
	})
	return err
}

func (d *disk) run() {
	defer close(d.stopped)
	for first := range d.changes {
		batch := []change{first}
		for more := true; more && len(batch) < cap(d.changes); {
			select {
			case c, ok := <-d.changes:
				if more = ok; ok {
					batch = append(batch, c)
				}
			default:
				more = false
			}
		}
		err := d.commit(batch)
		for _, c := range batch {
			c.done <- err
		}
	}
}

func (d *disk) commit(batch []change) error {
	t, err := d.db.BeginTx(context.Background(), nil)
	if err != nil {
		return fmt.Errorf("state file: %w", err)
	}
	defer func() { _ = t.Rollback() }() // no effect after a commit
	for _, c := range batch {
		if err := c.save(t); err != nil {
			return fmt.Errorf("state file: %w", err)
		}
	}
	return t.Commit()
}

func (c change) save(t *sql.Tx) error {
	if c.wipe {
		if _, err := t.Exec(`DELETE FROM record; DELETE FROM meta; DELETE FROM job; DELETE FROM task`); err != nil {
			return err
		}
	}
	for _, r := range c.puts {
		body, err := r.fields.encode()
		if err != nil {
			return err
		}
		if _, err := t.Exec(`INSERT OR REPLACE INTO record (grp, id, kind, body) VALUES (?, ?, ?, ?)`, string(r.kind.group), r.id, r.kind.name, string(body)); err != nil {
			return err
		}
	}
	for _, r := range c.deletes {
		if _, err := t.Exec(`DELETE FROM record WHERE grp = ? AND id = ?`, string(r.kind.group), r.id); err != nil {
			return err
		}
	}
	for _, s := range c.statements {
		if _, err := t.Exec(s.query, s.args...); err != nil {
			return err
		}
	}
	if c.counters == nil {
		return nil
	}
	return putMeta(t, "counters", c.counters)
}

func putMeta(t *sql.Tx, name string, value []byte) error {
	_, err := t.Exec(`INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)`, name, string(value))
	return err
}

// load fills an empty store from the file; it reports whether there was state.
func (d *disk) load(st *store) (bool, error) {
	var counters string
	err := d.db.QueryRow(`SELECT value FROM meta WHERE name = 'counters'`).Scan(&counters)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("state file: %w", err)
	}
	if err := json.Unmarshal([]byte(counters), &st.counters); err != nil {
		return false, fmt.Errorf("state file: counters: %w", err)
	}
	rows, err := d.db.Query(`SELECT id, kind, body FROM record ORDER BY grp, id`)
	if err != nil {
		return false, fmt.Errorf("state file: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := st.restore(rows); err != nil {
			return false, fmt.Errorf("state file: %w", err)
		}
	}
	return true, rows.Err()
}

func (st *store) restore(rows *sql.Rows) error {
	var id int64
	var name, body string
	if err := rows.Scan(&id, &name, &body); err != nil {
		return err
	}
	k := st.kinds.find(name)
	if k == nil {
		return fmt.Errorf("record %d: unknown type %q", id, name)
	}
	f, err := decodeFields([]byte(body))
	if err != nil {
		return fmt.Errorf("%s %d: %w", name, id, err)
	}
	st.put(&record{kind: k, id: id, fields: f})
	return nil
}
