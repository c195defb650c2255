package vm

import (
	"context"
	"path/filepath"
)

// Snapshot is a guest that was saved while it ran.
type Snapshot struct {
	Dir string
}

func (s Snapshot) disk() string  { return filepath.Join(s.Dir, "disk.qcow2") }
func (s Snapshot) state() string { return filepath.Join(s.Dir, "state") }

// Save writes the guest's memory and devices below dir, which must be there, and ends the
// machine. Its disk, which must be dir/disk.qcow2, stays as it is.
func (m *Machine) Save(ctx context.Context, dir string) (Snapshot, error) {
	defer m.PowerCut()
	s := Snapshot{dir}
	for _, c := range []struct {
		name string
		args any
	}{
		{"migrate-set-parameters", map[string]any{"max-bandwidth": int64(4) << 30}},
		{"stop", nil},
		{"migrate", map[string]any{"uri": "exec:cat > " + s.state()}},
	} {
		if _, err := m.QMP(c.name, c.args); err != nil {
			return s, err
		}
	}
	return s, m.await(ctx, "query-migrate", "setup", "active", "device")
}

// Overlay makes a disk at path that reads what backing has and keeps what is written to itself.
func Overlay(ctx context.Context, path, backing, format string) error {
	return run(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", format, "-b", backing, path)
}

// Fresh makes a disk at path for a guest that was never booted.
func (i Image) Fresh(ctx context.Context, path string) error {
	return Overlay(ctx, path, i.disk(), "raw")
}

// Restore goes on with a saved guest in dir, on a disk of its own.
func Restore(ctx context.Context, img Image, s Snapshot, dir, writeLog string) (*Machine, error) {
	disk := filepath.Join(dir, "disk.qcow2")
	if err := Overlay(ctx, disk, s.disk(), "qcow2"); err != nil {
		return nil, err
	}
	return Start(ctx, Spec{Image: img, Dir: dir, Disk: disk, State: s.state(), WriteLog: writeLog})
}
