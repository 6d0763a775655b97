package doorlog

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// breaker stands between pebble and the disk. What an I/O error of the write-ahead log or the manifest
// leaves on a disk is unknown, so pebble ends the process, or panics with its locks held and hangs whoever
// comes next. Neither may happen here: the first such error trips the breaker, which marks the log as
// failed and from then on changes nothing on the disk while telling pebble that all is well. Nobody is
// misled by that: the log is failed before pebble hears of the write, and a failed log confirms nothing.
//
// Tables are another matter. Flushes and compactions survive their errors and are tried again; their
// errors pass, paced.
type breaker struct {
	vfs.FS
	tripped atomic.Bool
	onTrip  func(error)  // returns once the log has failed
	sick    atomic.Int64 // when a background job last failed, Unix nanoseconds
	quit    <-chan struct{}
}

// retryPause keeps a flush that cannot succeed from spinning.
const retryPause = 100 * time.Millisecond

var errTripped = errors.New("the door log has failed; its disk is left as it is")

// vital passes an operation on whose failure pebble does not survive.
func (b *breaker) vital(operation, name string, do func() error) error {
	if b.tripped.Load() {
		return nil
	}
	if err := do(); err != nil {
		// Invariant 1: the log fails first. Were writes swallowed before that, one could be confirmed.
		b.onTrip(fmt.Errorf("%s %s: %w", operation, name, err))
		b.tripped.Store(true)
	}
	return nil
}

func isTable(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob")
}

// Create makes a file; one that may not be made is a hole that swallows what is written.
func (b *breaker) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return b.file("create", name, func() (vfs.File, error) { return b.FS.Create(name, category) })
}

// ReuseForWrite renames a file and opens it for writing.
func (b *breaker) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return b.file("reuse", newname, func() (vfs.File, error) { return b.FS.ReuseForWrite(oldname, newname, category) })
}

// OpenReadWrite opens a file for writing.
func (b *breaker) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	return b.file("open", name, func() (vfs.File, error) { return b.FS.OpenReadWrite(name, category, options...) })
}

// OpenDir opens a directory, whose entries are made durable through it.
func (b *breaker) OpenDir(name string) (vfs.File, error) {
	f, err := b.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &breakerFile{File: f, breaker: b, name: name}, nil
}

func (b *breaker) file(operation, name string, make func() (vfs.File, error)) (vfs.File, error) {
	if isTable(name) {
		return b.table(name, make)
	}
	var file vfs.File = hole{}
	_ = b.vital(operation, name, func() error {
		made, err := make()
		if err == nil {
			file = &breakerFile{File: made, breaker: b, name: name}
		}
		return err
	})
	return file, nil
}

func (b *breaker) table(name string, make func() (vfs.File, error)) (vfs.File, error) {
	b.pace()
	if b.tripped.Load() {
		return nil, errTripped
	}
	file, err := make()
	if err != nil {
		return nil, err
	}
	return &breakerFile{File: file, breaker: b, name: name, table: true}, nil
}

// pace waits if a background job has just failed.
func (b *breaker) pace() {
	if time.Since(time.Unix(0, b.sick.Load())) > retryPause {
		return
	}
	timer := time.NewTimer(retryPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.quit:
	}
}

// Rename renames a file.
func (b *breaker) Rename(oldname, newname string) error {
	return b.vital("rename", oldname, func() error { return b.FS.Rename(oldname, newname) })
}

// Link links a file.
func (b *breaker) Link(oldname, newname string) error {
	return b.vital("link", oldname, func() error { return b.FS.Link(oldname, newname) })
}

// Remove removes a file, unless the log has failed. Pebble bears its errors.
func (b *breaker) Remove(name string) error {
	if b.tripped.Load() {
		return nil
	}
	return b.FS.Remove(name)
}

// RemoveAll removes a tree, unless the log has failed.
func (b *breaker) RemoveAll(name string) error {
	if b.tripped.Load() {
		return nil
	}
	return b.FS.RemoveAll(name)
}

// Unwrap gives the file system behind.
func (b *breaker) Unwrap() vfs.FS { return b.FS }

type breakerFile struct {
	vfs.File
	breaker *breaker
	name    string
	table   bool
}

// guard passes an operation that changes the disk.
func (f *breakerFile) guard(operation string, do func() error) error {
	if !f.table {
		return f.breaker.vital(operation, f.name, do)
	}
	if f.breaker.tripped.Load() {
		return errTripped
	}
	return do()
}

// Write writes p.
func (f *breakerFile) Write(p []byte) (int, error) {
	err := f.guard("write", func() error {
		_, err := f.File.Write(p)
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteAt writes p at offset.
func (f *breakerFile) WriteAt(p []byte, offset int64) (int, error) {
	err := f.guard("write", func() error {
		_, err := f.File.WriteAt(p, offset)
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close releases the file, also when the log has failed. A rotation of the write-ahead log does not survive
// an error of it: pebble panics there with a lock it does not hold, which no recover catches.
func (f *breakerFile) Close() error {
	err := f.File.Close()
	if err == nil || f.table {
		return err
	}
	return f.breaker.vital("close", f.name, func() error { return err })
}

// Sync makes the file durable.
func (f *breakerFile) Sync() error { return f.guard("sync", f.File.Sync) }

// SyncData makes the file's data durable.
func (f *breakerFile) SyncData() error { return f.guard("sync", f.File.SyncData) }

// SyncTo begins to make the first length bytes durable.
func (f *breakerFile) SyncTo(length int64) (full bool, err error) {
	err = f.guard("sync", func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// hole is the file of a failed log: it takes everything and keeps nothing.
type hole struct{}

func (hole) Close() error                           { return nil }
func (hole) Read([]byte) (int, error)               { return 0, errTripped }
func (hole) ReadAt([]byte, int64) (int, error)      { return 0, errTripped }
func (hole) Write(p []byte) (int, error)            { return len(p), nil }
func (hole) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (hole) Preallocate(int64, int64) error         { return nil }
func (hole) Stat() (vfs.FileInfo, error)            { return holeInfo{}, nil }
func (hole) Sync() error                            { return nil }
func (hole) SyncTo(int64) (bool, error)             { return false, nil }
func (hole) SyncData() error                        { return nil }
func (hole) Prefetch(int64, int64) error            { return nil }
func (hole) Fd() uintptr                            { return vfs.InvalidFd }

type holeInfo struct{}

func (holeInfo) Name() string           { return "" }
func (holeInfo) Size() int64            { return 0 }
func (holeInfo) Mode() os.FileMode      { return 0 }
func (holeInfo) ModTime() time.Time     { return time.Time{} }
func (holeInfo) IsDir() bool            { return false }
func (holeInfo) Sys() any               { return nil }
func (holeInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
