package doorlog

import (
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk watches the room left and holds a ballast file back: when the disk is full all the same, its bytes
// let the store finish what it has begun while new records are refused.
type disk struct {
	options Options
	wrapped vfs.FS
	ballast string
	free    atomic.Uint64
	full    atomic.Bool
	mu      sync.Mutex
	checked time.Time
}

const (
	ballastSize = 16 << 20
	checkEvery  = 500 * time.Millisecond
)

func newDisk(options Options) (*disk, error) {
	d := &disk{options: options, ballast: path.Join(options.Dir, "ballast")}
	d.wrapped = vfs.OnDiskFull(options.FS, d.onFull)
	if err := options.FS.MkdirAll(options.Dir, 0o755); err != nil {
		return nil, err
	}
	d.check()
	if free, ok := d.room(); !ok {
		return nil, fmt.Errorf("%w: %d bytes free on the disk, want %d", ErrFull, free, options.MinFree)
	}
	if options.MinFree > 0 {
		return d, d.lay()
	}
	return d, nil
}

func (d *disk) fs() vfs.FS { return d.wrapped }

// lay writes the ballast, really occupying its bytes.
func (d *disk) lay() error {
	file, err := d.options.FS.Create(d.ballast, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("ballast: %w", err)
	}
	defer file.Close()
	chunk := make([]byte, 1<<20)
	for range ballastSize / len(chunk) {
		if _, err := file.Write(chunk); err != nil {
			return fmt.Errorf("ballast: %w", err)
		}
	}
	return file.Sync()
}

func (d *disk) onFull() {
	d.full.Store(true)
	d.options.Log.Error("disk full: the door log gives up its ballast and refuses deliveries")
	_ = d.options.FS.Remove(d.ballast)
}

// room tells whether the disk has the room asked for; free is the last figure measured.
func (d *disk) room() (free uint64, ok bool) {
	d.check()
	free = d.free.Load()
	return free, !d.full.Load() && free >= d.options.MinFree
}

func (d *disk) low() bool { return d.free.Load() < d.options.WarnFree }

func (d *disk) check() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.checked) < checkEvery {
		return
	}
	d.checked = time.Now()
	usage, err := d.options.FS.GetDiskUsage(d.options.Dir)
	if err != nil {
		d.free.Store(^uint64(0)) // a file system that cannot tell sets no bound
		return
	}
	d.free.Store(usage.AvailBytes)
	if d.full.Load() && usage.AvailBytes > d.options.MinFree+2*ballastSize && d.lay() == nil {
		d.full.Store(false)
	}
}

func (d *disk) close() { _ = d.options.FS.Remove(d.ballast) }
