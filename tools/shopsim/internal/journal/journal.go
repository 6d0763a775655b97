// Package journal keeps a list of lines in a file to which lines are only ever
// added. What Append has returned for survives the death of the process: it has
// been handed to the operating system. A line is written whole or not at all; a
// half line left by a crash is cut off when the file is opened again.
package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Journal is an open journal file. Its user serialises the calls.
type Journal struct {
	path string
	file *os.File
}

// Open reads every whole line of the file at path, creating it and its folder
// where missing, and cuts off a half line at the end.
func Open(path string) (*Journal, [][]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	whole := bytes.LastIndexByte(content, '\n') + 1
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{path: path, file: file}
	if err := j.cut(int64(whole)); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return j, lines(content[:whole]), nil
}

func (j *Journal) cut(size int64) error {
	if err := j.file.Truncate(size); err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	if _, err := j.file.Seek(size, 0); err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	return nil
}

func lines(content []byte) [][]byte {
	if len(content) == 0 {
		return nil
	}
	return bytes.Split(content[:len(content)-1], []byte{'\n'})
}

// Append adds one line, which must hold no line feed.
func (j *Journal) Append(line []byte) error {
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	return nil
}

// Rewrite replaces all lines at once: a crash leaves either the old or the new.
func (j *Journal) Rewrite(lines [][]byte) error {
	next, err := os.CreateTemp(filepath.Dir(j.path), filepath.Base(j.path)+".next-*")
	if err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	content := bytes.Join(append(lines, nil), []byte{'\n'})
	_, err = next.Write(content)
	if err = errors.Join(err, next.Sync()); err == nil {
		err = os.Rename(next.Name(), j.path)
	}
	if err != nil {
		return fmt.Errorf("journal %s: %w", j.path, errors.Join(err, next.Close(), os.Remove(next.Name())))
	}
	old := j.file
	j.file = next
	return old.Close()
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
