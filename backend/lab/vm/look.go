package vm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// Look copies files and directories off the disk of a guest that has lost power, as it is now in the
// replay, to below dir. The file system's own journal is recovered on a copy first, as a boot would.
func (w *Writes) Look(ctx context.Context, dir string, paths ...string) error {
	disk := filepath.Join(dir, "disk")
	defer os.Remove(disk)
	if err := run(ctx, "cp", "--sparse=always", w.disk.Name(), disk); err != nil {
		return err
	}
	// 1: errors were corrected; a file system that needs a human is 4 and up (e2fsck(8)).
	out, err := exec.CommandContext(ctx, "e2fsck", "-p", disk).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return fmt.Errorf("the file system is damaged: %w\n%s", err, out)
	}
	for _, p := range paths {
		to := filepath.Join(dir, filepath.Dir(p))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if err := run(ctx, "debugfs", "-R", fmt.Sprintf("rdump %s %s", p, to), disk); err != nil {
			return err
		}
	}
	return nil
}

// Files returns the regular files and symbolic links below dir, with what they hold.
func Files(dir string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		var data []byte
		if e.Type()&fs.ModeSymlink != 0 {
			var to string
			to, err = os.Readlink(path)
			data = []byte(to)
		} else {
			data, err = os.ReadFile(path)
		}
		out[path[len(dir):]] = string(data)
		return err
	})
	return out, err
}
