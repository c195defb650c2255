package vm

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Common to all tests: a guest that is booted, logged in on the console and has the
// program, saved to go on from.
var common struct {
	img      Image
	snapshot Snapshot
	dir      string
}

const program = "/usr/local/bin/bridgehead"

func TestMain(m *testing.M) {
	code := func() int {
		dir, err := os.MkdirTemp("", "bhvm-")
		if err == nil {
			defer os.RemoveAll(dir)
			common.dir = dir
			err = prepare(context.Background(), dir)
		}
		if err != nil {
			os.Stderr.WriteString("cannot prepare the guest: " + err.Error() + "\n")
			return 1
		}
		defer report()
		return m.Run()
	}()
	os.Exit(code)
}

// prepare makes the image and the booted guest, or finds them, and gives the guest the program.
func prepare(ctx context.Context, dir string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	if common.img, err = Build(ctx, filepath.Join(cache, "bridgehead-vm")); err != nil {
		return err
	}
	booted, err := Booted(ctx, common.img)
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "bridgehead")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "bridgehead")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	ready := filepath.Join(dir, "ready")
	if err := os.Mkdir(ready, 0o755); err != nil {
		return err
	}
	m, err := Restore(ctx, common.img, booted, ready, "")
	if err != nil {
		return err
	}
	defer m.PowerCut()
	if err := m.Install(ctx, binary, program); err != nil {
		return err
	}
	common.snapshot, err = m.Save(ctx, ready)
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
