package virt

import (
	"os"
	"path/filepath"
	"testing"
)

// It asks no daemon, follows no autostart link, and finds nothing to do where there is no libvirt.
func TestSync(t *testing.T) {
	dir := t.TempDir()
	v := New(Options{Dir: dir, Config: dir})
	if err := v.Sync(t.Context()); err != nil {
		t.Errorf("without libvirt: %v", err)
	}
	autostart := filepath.Join(dir, "qemu", "networks", "autostart")
	if err := os.MkdirAll(autostart, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nowhere/default.xml", filepath.Join(autostart, "default.xml")); err != nil {
		t.Fatal(err)
	}
	if err := v.Sync(t.Context()); err != nil {
		t.Errorf("with a link that leads nowhere: %v", err)
	}
}
