package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// awaitSystemd waits until systemd says that the boot is over.
func (l *Lab) awaitSystemd(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for {
		out, _ := l.Host("systemctl", "is-system-running", "--wait").CombinedOutput()
		state := strings.TrimSpace(string(out))
		switch state {
		case "running", "degraded":
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("systemd in the lab does not come up: %s\n%s", state, l.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// units are the enabled units of the machine that the host keeps; of all others it knows nothing.
func (l *Lab) units() []string {
	units := []string{"networking.service"}
	if !l.spec.NoOVS {
		units = append(units, "openvswitch-switch.service", "ovs-record-hostname.service")
	}
	if l.spec.Libvirt {
		units = append(units, "libvirtd.service", "libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket",
			"virtlogd.socket", "virtlogd-admin.socket", "virtlockd.socket", "virtlockd-admin.socket")
	}
	return units
}

// systemdRoot makes the root directory of a systemd: an overlay of the machine's whole root,
// with its own /dev, /run, /tmp, /proc and cgroup tree, and changes to it.
func (c nodeConfig) systemdRoot() error {
	root := filepath.Join(storage, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := overlay("/", filepath.Join(storage, c.Name), root); err != nil {
		return err
	}
	runtime.LockOSThread() // the cgroup namespace is the thread's, and systemd is executed from it
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("cannot make a cgroup namespace: %w", err)
	}
	for _, m := range []struct {
		kind, dst string
		flags     uintptr
		opt       string
	}{
		{"proc", "proc", 0, ""},
		{"sysfs", "sys", unix.MS_RDONLY, ""}, // so udevd stays off
		{"cgroup2", "sys/fs/cgroup", 0, ""},
		{"tmpfs", "dev", 0, "mode=0755"},
		{"tmpfs", "run", 0, "mode=0755"},
		{"tmpfs", "tmp", 0, "mode=1777"},
	} {
		if err := mount(m.kind, filepath.Join(root, m.dst), m.kind, m.flags, m.opt); err != nil {
			return err
		}
	}
	if err := c.devices(filepath.Join(root, "dev")); err != nil {
		return err
	}
	if err := guardProc(root); err != nil {
		return err
	}
	// What is bound from the machine must be found before its root goes.
	for path, from := range c.Bind {
		if err := bindFile(from, filepath.Join(root, path)); err != nil {
			return err
		}
	}
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("cannot change to the new root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	if !c.First {
		return nil
	}
	return c.stockUnits()
}

// devices are the machine's that a host needs, with terminals of its own.
func (c nodeConfig) devices(dev string) error {
	from := map[string]string{"console": c.Console}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty", "net/tun", "kvm"} {
		from[name] = filepath.Join("/dev", name)
	}
	for name, from := range from {
		if _, err := os.Stat(from); err != nil {
			continue
		}
		to := filepath.Join(dev, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := touch(to); err != nil {
			return err
		}
		if err := mount(from, to, "bind", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for _, d := range []string{"pts", "shm", "mqueue"} {
		if err := os.Mkdir(filepath.Join(dev, d), 0o755); err != nil {
			return err
		}
	}
	if err := mount("devpts", filepath.Join(dev, "pts"), "devpts", 0, "newinstance,ptmxmode=0666,mode=620,gid=5"); err != nil {
		return err
	}
	if err := mount("tmpfs", filepath.Join(dev, "shm"), "tmpfs", 0, "mode=1777"); err != nil {
		return err
	}
	for name, target := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	return nil
}

// stockUnits leaves of what is enabled on the machine the units that the host keeps, and gives it
// a machine id, for without one systemd takes the boot for an installation's first.
func (c nodeConfig) stockUnits() error {
	keep := map[string]bool{}
	for _, u := range c.Units {
		keep[u] = true
	}
	const dir = "/etc/systemd/system"
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || keep[d.Name()] && filepath.Dir(path) != dir {
			return err
		}
		return os.Remove(path)
	})
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, u := range []string{"getty.target", "console-getty.service", "systemd-resolved.service", "systemd-timesyncd.service", "systemd-logind.service"} {
		if err := os.Symlink("/dev/null", filepath.Join(dir, u)); err != nil {
			return err
		}
	}
	for _, pattern := range []string{"/etc/rc?.d/*", "/etc/machine-id"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	if err != nil {
		return err
	}
	return writeFile("/etc/machine-id", strings.ReplaceAll(string(id), "-", ""))
}

// execSystemd makes this process systemd.
func execSystemd() error {
	for _, d := range dropped {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, d.cap, 0, 0, 0); err != nil {
			return err
		}
	}
	env := []string{"container=lab", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	argv := []string{"/lib/systemd/systemd", "--system", "--log-target=journal", "--show-status=0", "--unit=multi-user.target"}
	return fmt.Errorf("cannot execute systemd: %w", unix.Exec(argv[0], argv, env))
}
