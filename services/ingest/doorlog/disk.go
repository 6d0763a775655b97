package doorlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk watches the room left and holds a ballast file back. When the disk is full all the same, the
// ballast's bytes let the store finish what it has begun while new records are refused.
type disk struct {
	fs       vfs.FS
	dir      string
	path     string // of the ballast
	size     int64  // of the ballast
	warnFree uint64
	minFree  uint64
	log      *slog.Logger

	free atomic.Uint64 // at the last look; all ones if the file system cannot tell
	full atomic.Bool   // a write met a full disk; holds until there is room again

	mu sync.Mutex // one check or one emergency at a time
}

const (
	defaultBallast = 16 << 20
	// slack is the room beyond ballast and MinFree at which a disk that was full takes records again: the
	// flushes that are under way need it.
	slack = 64 << 20
)

func newDisk(o Options) *disk {
	size := o.Ballast
	if size == 0 {
		size = defaultBallast
	}
	return &disk{
		fs: o.FS, dir: o.Dir, path: o.FS.PathJoin(o.Dir, "ballast"), size: max(size, 0),
		warnFree: o.WarnFree, minFree: o.MinFree, log: o.Log,
	}
}

// check looks at the room left, and lays the ballast again once a full disk has room for it.
func (d *disk) check() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	if !d.full.Load() || d.free.Load() < d.minFree+2*uint64(d.size)+slack {
		return
	}
	if err := d.lay(); err != nil {
		_ = d.fs.Remove(d.path)
		return
	}
	d.full.Store(false)
	d.log.Info("door log: the disk has room again, records are taken", "free", d.free.Load())
}

func (d *disk) look() {
	usage, err := d.fs.GetDiskUsage(d.dir)
	if err != nil { // it cannot tell, so it sets no bound
		usage.AvailBytes = ^uint64(0)
	}
	d.free.Store(usage.AvailBytes)
}

// room is nil while records may be written.
func (d *disk) room() error {
	if d.full.Load() {
		return fmt.Errorf("%w: no space left on the disk", ErrFull)
	}
	if free := d.free.Load(); free < d.minFree {
		return fmt.Errorf("%w: %d bytes free on the disk, want %d", ErrFull, free, d.minFree)
	}
	return nil
}

func (d *disk) low() bool { return d.free.Load() < d.warnFree }

// start looks for the first time. A disk without room for the ballast counts as full: what is in the log
// can still leave it.
func (d *disk) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
	if d.free.Load() < d.minFree {
		return
	}
	if err := d.lay(); err != nil {
		d.log.Warn("door log: no ballast, so no records are taken", "path", d.path, "error", err)
		_ = d.fs.Remove(d.path)
		d.full.Store(true)
	}
}

// lay writes the ballast if it is not there. Its bytes are random so that no file system saves them.
func (d *disk) lay() error {
	if info, err := d.fs.Stat(d.path); d.size == 0 || err == nil && info.Size() == d.size {
		return nil
	}
	file, err := d.fs.Create(d.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	noise := io.LimitReader(rand.NewChaCha8([32]byte{}), d.size)
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, noise, make([]byte, 256<<10))
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// emergency is called when a write finds the disk full; the write is tried once more when it returns.
func (d *disk) emergency() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.full.Swap(true) {
		d.log.Error("door log: the disk is full; the ballast is given up and records are refused", "dir", d.dir)
	}
	if d.size > 0 {
		_ = d.fs.Remove(d.path)
	}
}
