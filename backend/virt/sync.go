package virt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"bridgehead/backend/file"
)

// Sync implements backend.Virt. libvirt renames definitions into place, and puts and removes autostart links, but
// leaves it to the kernel when their directories are written to disk. Sync waits for that; it needs no daemon.
// Where there is no libvirt there is nothing to do.
func (v *Libvirt) Sync(ctx context.Context) error {
	root := filepath.Join(v.opts.Config, "qemu")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && (d.IsDir() || d.Type().IsRegular()) {
			err = file.SyncDir(path)
		}
		if errors.Is(err, fs.ErrNotExist) { // gone meanwhile: its directory comes after it or is synced already
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot write libvirt's definitions in %s to disk: %w", root, err)
	}
	return nil
}
