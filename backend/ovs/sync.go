package ovs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Sync implements backend.Switch. ovsdb-server writes its file before it answers
// but leaves it to the kernel to write it to disk; Sync waits for that. The file is
// the one that the running ovsdb-server has open, wherever its symbolic links lead.
func (s *Switch) Sync(context.Context) error {
	open := s.openDatabases()
	if len(open) == 0 {
		path, err := filepath.EvalSymlinks(s.opts.Database)
		if err != nil {
			return fmt.Errorf("cannot find Open vSwitch's database: %w", err)
		}
		open = map[string]string{path: path}
	}
	for name, file := range open {
		for _, path := range []string{file, filepath.Dir(name)} {
			if err := fsync(path); err != nil {
				return fmt.Errorf("cannot write Open vSwitch's database %s to disk: %w", name, err)
			}
		}
	}
	return nil
}

// openDatabases returns the databases that ovsdb-server has open: their names, with
// the file descriptors below /proc that are surely them.
func (s *Switch) openDatabases() map[string]string {
	pid, err := os.ReadFile(filepath.Join(s.opts.RunDir, "ovsdb-server.pid"))
	if err != nil {
		return nil
	}
	fds, _ := filepath.Glob(filepath.Join("/proc", strings.TrimSpace(string(pid)), "fd", "*"))
	found := map[string]string{}
	for _, fd := range fds {
		name, err := os.Readlink(fd)
		if err == nil && filepath.IsAbs(name) && isDatabase(fd) {
			found[name] = fd
		}
	}
	return found
}

// isDatabase looks for the first words of an OVSDB file, of either kind (ovsdb(5)).
func isDatabase(path string) bool {
	if fi, err := os.Stat(path); err != nil || !fi.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len("OVSDB "))
	_, err = io.ReadFull(f, head)
	return err == nil && bytes.Equal(head, []byte("OVSDB "))
}

func fsync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
