package vm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Booted returns a guest that has just booted, with root logged in on the console. It is kept
// beside the image; the first time takes a boot.
func Booted(ctx context.Context, img Image) (Snapshot, error) {
	unlock, err := lock(filepath.Join(img.Dir, "booted.lock"))
	if err != nil {
		return Snapshot{}, err
	}
	defer unlock()
	s := Snapshot{filepath.Join(img.Dir, "booted")}
	if _, err := os.Stat(s.Dir); err == nil {
		return s, nil
	}
	tmp, err := os.MkdirTemp("", "bhvm-boot-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(tmp)
	part := s.Dir + ".part"
	if err := errors.Join(os.RemoveAll(part), os.Mkdir(part, 0o755)); err != nil {
		return s, err
	}
	saved := Snapshot{part}
	if err := img.Fresh(ctx, saved.disk()); err != nil {
		return s, err
	}
	peer, err := NewPeer(tmp)
	if err != nil {
		return s, err
	}
	defer peer.Close()
	m, err := Start(ctx, Spec{Image: img, Dir: tmp, Disk: saved.disk()})
	if err != nil {
		return s, err
	}
	defer m.PowerCut()
	if err := errors.Join(m.ShellUp(), m.Login()); err != nil {
		return s, err
	}
	if _, err := m.Sh("systemctl is-system-running --wait; sync; echo 3 > /proc/sys/vm/drop_caches"); err != nil {
		return s, err
	}
	if _, err := m.Save(ctx, part); err != nil {
		return s, err
	}
	return s, os.Rename(part, s.Dir)
}
