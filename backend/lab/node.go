package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// nodeConfig is what a node's first process is told.
type nodeConfig struct {
	Name     string // host, switch or client; names its storage too
	Hostname string
	First    bool              // first boot: the storage is new
	Clear    []string          // patterns of the machine's files that this node must not see
	Files    map[string]string // written on the first boot
	Bind     map[string]string
	Sysctls  map[string]string
	Systemd  bool
	Sysvinit bool
	Units    []string // of the enabled units, those that stay enabled
	Cgroup   string
	Steal    []string // NICs for which the kernel datapath is emulated
	Console  string   // the machine's terminal that is the node's /dev/console; "" for none
}

const (
	hostNode   = "host"
	switchNode = "switch"
	clientNode = "client"
)

// nodeMain is the first process of a node: it puts the node's files in place, says
// so on file descriptor 3 ("ok", or what went wrong), and becomes systemd once file
// descriptor 4 is closed, or waits for ever, reaping what daemons leave.
func nodeMain() error {
	unix.CloseOnExec(3)
	unix.CloseOnExec(4)
	report := os.NewFile(3, "report")
	var cfg nodeConfig
	err := json.NewDecoder(os.Stdin).Decode(&cfg)
	if err == nil {
		err = cfg.setUp()
	}
	if err != nil {
		fmt.Fprint(report, err)
		return err
	}
	fmt.Fprint(report, "ok")
	report.Close()
	if cfg.Systemd {
		if _, err := io.Copy(io.Discard, os.NewFile(4, "hold")); err != nil {
			return err
		}
		return execSystemd()
	}
	reap()
	return nil
}

func (c nodeConfig) setUp() error {
	mounts := c.mounts
	if c.Systemd {
		mounts = c.systemdRoot
	}
	if err := mounts(); err != nil {
		return err
	}
	return c.furnish()
}

// furnish gives the node its files, name and kernel settings, its root being "/".
func (c nodeConfig) furnish() error {
	if c.First {
		if err := c.writeFiles(); err != nil {
			return err
		}
	}
	if c.Sysvinit {
		if err := c.sysvinit(); err != nil {
			return err
		}
	}
	if err := unix.Sethostname([]byte(c.Hostname)); err != nil {
		return err
	}
	for _, key := range sortedKeys(c.Sysctls) {
		if err := os.WriteFile("/proc/sys/net/"+key, []byte(c.Sysctls[key]), 0o644); err != nil {
			return fmt.Errorf("cannot set net/%s: %w", key, err)
		}
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// writable are the top directories a node may change; each is an overlay of its own. What is
// not named stays the machine's: /tmp, /root, /home are where work is brought in and out.
var writable = []string{"bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "opt", "sbin", "usr", "var"}

func (c nodeConfig) mounts() error {
	for _, d := range writable {
		if fi, err := os.Lstat("/" + d); err != nil || !fi.IsDir() {
			continue // a link into /usr, or not there
		}
		if err := overlay("/"+d, filepath.Join(storage, c.Name, d), "/"+d); err != nil {
			return err
		}
	}
	for _, m := range []struct{ kind, dst, opt string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"tmpfs", "/dev/shm", "mode=1777"},
		{"tmpfs", "/run", "mode=0755"}, // hides the storage; the overlays hold on to it
	} {
		if err := mount(m.kind, m.dst, m.kind, 0, m.opt); err != nil {
			return err
		}
	}
	for _, d := range []string{"network", "openvswitch", "sshd"} {
		if err := os.Mkdir("/run/"+d, 0o755); err != nil {
			return err
		}
	}
	if err := os.Mkdir("/run/lock", 0o1777); err != nil {
		return err
	}
	if _, err := os.Stat("/dev/console"); err == nil && c.Console != "" { // /dev is the machine's: nothing new there
		if err := mount(c.Console, "/dev/console", "bind", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	if _, err := os.Stat("/dev/kvm"); err == nil { // guests are emulated: a KVM inside of a virtual machine may run none
		if err := mount("/dev/null", "/dev/kvm", "bind", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for path, from := range c.Bind {
		if err := bindFile(from, path); err != nil {
			return err
		}
	}
	return guardProc("/")
}

// overlay shows lower at dst, with all changes kept in dir.
func overlay(lower, dir, dst string) error {
	upper, work := filepath.Join(dir, "upper"), filepath.Join(dir, "work")
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return mount("overlay", dst, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work))
}

// guardProc makes /proc/sys read-only but for net, as the rest is not the node's alone, and
// gives the node a boot id of its own. root has /proc and /run mounted.
func guardProc(root string) error {
	all, net, bootID := filepath.Join(root, "proc/sys"), filepath.Join(root, "proc/sys/net"), filepath.Join(root, "proc/sys/kernel/random/boot_id")
	id, err := os.ReadFile(filepath.Join(root, "proc/sys/kernel/random/uuid"))
	if err != nil {
		return err
	}
	file := filepath.Join(root, "run/boot_id")
	if err := os.WriteFile(file, id, 0o444); err != nil {
		return err
	}
	for _, m := range []struct {
		src, dst string
		flags    uintptr
	}{
		{all, all, unix.MS_BIND}, {all, all, unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY},
		{net, net, unix.MS_BIND}, {net, net, unix.MS_BIND | unix.MS_REMOUNT},
		{file, bootID, unix.MS_BIND}, {file, bootID, unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY},
	} {
		if err := mount(m.src, m.dst, "bind", m.flags, ""); err != nil {
			return err
		}
	}
	return os.Remove(file)
}

func bindFile(from, path string) error {
	fi, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("cannot show %s in the lab: %w", from, err)
	}
	if fi.IsDir() {
		err = os.MkdirAll(path, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
		err = touch(path)
	}
	if err != nil {
		return err
	}
	if err := mount(from, path, "bind", unix.MS_BIND, ""); err != nil {
		return err
	}
	return mount(from, path, "bind", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// writeFiles takes away what the machine has and the node must not see, and writes
// the node's own files. Where a file replaces one, mode and owner stay.
func (c nodeConfig) writeFiles() error {
	for _, pattern := range c.Clear {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := os.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	for _, path := range sortedKeys(c.Files) {
		if err := writeFile(path, c.Files[path]); err != nil {
			return err
		}
	}
	if err := writeFile("/etc/hostname", c.Hostname+"\n"); err != nil {
		return err
	}
	// Without its name here libvirt waits 5 s for a name server at every start.
	hosts := fmt.Sprintf("127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n", c.Hostname)
	if _, given := c.Files["/etc/hosts"]; given {
		hosts = fmt.Sprintf("%s127.0.1.1\t%s\n", c.Files["/etc/hosts"], c.Hostname)
	}
	return writeFile("/etc/hosts", hosts)
}

// writeFile writes a file with its directories; a link that is in the way goes, so
// that nothing is written elsewhere.
func writeFile(path, content string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("cannot write %q in the lab: the path is not absolute", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if fi, err := os.Lstat(path); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// reap waits for the children that daemons leave to the first process, for ever.
func reap() {
	child := make(chan os.Signal, 1)
	signal.Notify(child, syscall.SIGCHLD)
	for range child {
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if pid <= 0 {
				break
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
