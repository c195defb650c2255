// Package virtinst runs virt-install(1) and looks for what it needs: the real backend.Guests.
package virtinst

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/process"
	"bridgehead/backend/virt"
)

// New returns what makes guests on this host; v is its libvirt.
func New(v *virt.Libvirt) backend.Guests { return guests{v, "/usr/share/osinfo"} }

type guests struct {
	virt   *virt.Libvirt
	osinfo string
}

// Look implements backend.Guests. A libvirt that does not answer has no storage pools.
func (g guests) Look(ctx context.Context, paths ...string) (backend.GuestRoom, error) {
	r := backend.GuestRoom{CPUs: runtime.NumCPU(), Systems: systems(g.osinfo)}
	if _, err := exec.LookPath("virt-install"); err != nil {
		r.Missing = "it is not installed"
	}
	r.Pools, _ = g.virt.Pools(ctx)
	r.MemoryMiB, r.FreeMiB = memory()
	user, err := runsAs("/etc/libvirt/qemu.conf")
	if err != nil {
		return r, fmt.Errorf("cannot look as whom QEMU runs: %w", err)
	}
	r.User = user.name
	for _, p := range paths {
		place, err := look(p, user)
		if err != nil {
			return r, fmt.Errorf("cannot look at %s: %w", p, err)
		}
		r.Places = append(r.Places, place)
	}
	return r, ctx.Err()
}

var shortID = regexp.MustCompile(`<short-id>([^<]+)</short-id>`)

// systems are the short ids in osinfo's database (libosinfo, "os" below its directory).
func systems(dir string) (ids []string) {
	_ = filepath.WalkDir(filepath.Join(dir, "os"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".xml" {
			return nil // without a database virt-install takes any
		}
		text, _ := os.ReadFile(path)
		for _, m := range shortID.FindAllSubmatch(text, -1) {
			ids = append(ids, string(m[1]))
		}
		return nil
	})
	if len(ids) == 0 {
		return nil
	}
	ids = append(ids, "generic") // virt-install's own
	slices.Sort(ids)
	return slices.Compact(ids)
}

// memory is MemTotal and MemAvailable of proc(5), in MiB; 0 where it cannot be read.
func memory() (total, free int) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), ":")
		var kib int
		fmt.Sscan(value, &kib)
		switch key {
		case "MemTotal":
			total = kib / 1024
		case "MemAvailable":
			free = kib / 1024
		}
	}
	return total, free
}

// Install implements backend.Guests.
func (g guests) Install(ctx context.Context, disk string, args []string, line func(string)) error {
	if err := makeDir(filepath.Dir(disk)); err != nil {
		return fmt.Errorf("cannot make the directory of the disk: %w", err)
	}
	said, err := process.Tell(ctx, line, nil, append([]string{"virt-install"}, args...)...)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("virt-install was stopped: %w", ctx.Err())
	case err != nil && len(said) > 0:
		return fmt.Errorf("virt-install says: %s", telling(said))
	}
	return err
}

// makeDir makes dir and what is missing above it so that QEMU's user may enter it, whatever the umask.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDir(filepath.Dir(dir)); err == nil {
			err = os.Mkdir(dir, 0o755)
		}
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return os.Chmod(dir, 0o755)
}

// telling is what of virt-install's output says why: its lines ERROR, else the last one.
func telling(said []string) string {
	for i, l := range said {
		if rest, found := strings.CutPrefix(l, "ERROR"); found {
			text := strings.TrimSpace(rest)
			if i+1 < len(said) && !strings.HasPrefix(said[i+1], "Domain installation does not appear") {
				text += "; " + said[i+1]
			}
			return text
		}
	}
	return said[len(said)-1]
}

// Remove implements backend.Guests. The VM goes first: what it uses cannot be taken from it.
func (g guests) Remove(ctx context.Context, m backend.Made) error {
	if m.UUID != "" {
		if err := g.virt.RemoveDomain(ctx, m.UUID); err != nil {
			return err
		}
	}
	var errs []error
	for _, p := range m.Pools {
		errs = append(errs, g.virt.RemovePool(ctx, p))
	}
	if m.Disk != "" {
		if err := os.Remove(m.Disk); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("cannot remove the disk: %w", err))
		}
	}
	for _, d := range slices.Backward(m.Dirs) {
		if err := os.Remove(d); err != nil && !errors.Is(err, fs.ErrNotExist) { // only an empty one goes
			errs = append(errs, fmt.Errorf("cannot remove the directory: %w", err))
		}
	}
	return errors.Join(errs...)
}
