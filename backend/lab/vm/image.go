package vm

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Image is a guest that was never booted: disk, kernel and initial RAM disk. Its files
// are read only; a machine writes to an overlay.
type Image struct {
	Dir  string
	Made bool // just now; else it was there already
}

func (i Image) disk() string   { return filepath.Join(i.Dir, "root.raw") }
func (i Image) kernel() string { return filepath.Join(i.Dir, "vmlinuz") }
func (i Image) initrd() string { return filepath.Join(i.Dir, "initrd") }

// Packages are what the machine that runs guests needs installed (Debian 12).
var Packages = []string{"mmdebstrap", "qemu-system-x86", "qemu-utils", "e2fsprogs", "kmod"}

// guestPackages are what is in the image besides the essential ones.
var guestPackages = []string{
	"systemd-sysv", "udev", "dbus", "kmod", "procps", "psmisc", "iproute2", "iputils-ping", "ifupdown", "ifenslave", "ethtool",
	"openvswitch-switch", "openssh-server", "linux-image-cloud-amd64", "tiny-initramfs", "ncurses-base", "ncurses-term", "less",
}

// masked are units that only make a boot slower.
var masked = []string{
	"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
	"fstrim.timer", "systemd-binfmt.service",
}

// guestFiles are put over the installed system as they are.
//
//go:embed all:guest
var guestFiles embed.FS

//go:embed image.go initrd.go initrd/main.go
var recipe embed.FS

// Build returns the guest image for this machine's package sources, versions and QEMU; it is kept below dir, which belongs
// outside the source tree. Building takes most of a minute and root. Where a tool is missing the error says what to install.
func Build(ctx context.Context, dir string) (Image, error) {
	if err := missing(ctx); err != nil {
		return Image{}, err
	}
	key, err := imageKey(ctx)
	if err != nil {
		return Image{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Image{}, err
	}
	unlock, err := lock(filepath.Join(dir, key+".lock"))
	if err != nil {
		return Image{}, err
	}
	defer unlock()
	img := Image{Dir: filepath.Join(dir, key)}
	if _, err := os.Stat(img.Dir); err == nil {
		return img, nil
	}
	tmp, err := os.MkdirTemp(dir, key+".part-")
	if err != nil {
		return Image{}, err
	}
	defer os.RemoveAll(tmp)
	if err := (Image{Dir: tmp}).build(ctx); err != nil {
		return Image{}, fmt.Errorf("cannot build the guest image: %w", err)
	}
	img.Made = true
	return img, os.Rename(tmp, img.Dir)
}

// missing names the packages that this machine lacks.
func missing(ctx context.Context) error {
	var lacking []string
	for _, p := range Packages {
		out, _ := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${db:Status-Status}", p).Output()
		if string(out) != "installed" {
			lacking = append(lacking, p)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return fmt.Errorf("cannot make a guest without %[1]s; install: apt-get install --no-install-recommends %[1]s", strings.Join(lacking, " "))
}

// imageKey names what the image, and a saved state of a guest booted from it, depend on.
func imageKey(ctx context.Context) (string, error) {
	sum := sha256.New()
	for _, name := range []string{"image.go", "initrd.go", "initrd/main.go"} {
		data, err := recipe.ReadFile(name)
		if err != nil {
			return "", err
		}
		sum.Write(data)
	}
	if err := guestTree(func(name string, data []byte) error {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(data), data)
		return nil
	}); err != nil {
		return "", err
	}
	versions, err := exec.CommandContext(ctx, "apt-cache", append([]string{"policy"}, guestPackages...)...).Output()
	if err != nil {
		return "", fmt.Errorf("cannot run apt-cache: %w", err)
	}
	for line := range strings.Lines(string(versions)) {
		if strings.HasPrefix(line, "  Candidate:") {
			fmt.Fprint(sum, line)
		}
	}
	tools, err := exec.CommandContext(ctx, "dpkg-query", append([]string{"-W"}, Packages...)...).Output()
	if err != nil {
		return "", fmt.Errorf("cannot run dpkg-query: %w", err)
	}
	fmt.Fprintf(sum, "%s%s%s", tools, devices, kernelLine)
	return fmt.Sprintf("bookworm-%x", sum.Sum(nil)[:8]), nil
}

func (i Image) build(ctx context.Context) error {
	root := filepath.Join(i.Dir, "root")
	defer os.RemoveAll(root)
	if err := i.install(ctx, root); err != nil {
		return err
	}
	kernels, err := filepath.Glob(filepath.Join(root, "boot/vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return fmt.Errorf("the image should have one kernel, it has %d", len(kernels))
	}
	if err := os.Rename(kernels[0], i.kernel()); err != nil {
		return err
	}
	if err := buildInitrd(ctx, root, i.initrd()); err != nil {
		return err
	}
	return run(ctx, "mke2fs", "-q", "-t", "ext4", "-L", "root", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-d", root, i.disk(), "2G")
}

// install makes the guest's file tree with this machine's own package sources.
func (i Image) install(ctx context.Context, root string) error {
	sources, err := packageSources()
	if err != nil {
		return err
	}
	files := filepath.Join(i.Dir, "files")
	defer os.RemoveAll(files)
	if err := guestTree(func(name string, data []byte) error {
		path := filepath.Join(files, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, data, 0o644)
	}); err != nil {
		return err
	}
	args := []string{"--quiet", "--mode=root", "--variant=minbase", "--format=directory",
		"--aptopt=APT::Install-Recommends false", "--dpkgopt=force-unsafe-io", "--include=" + strings.Join(guestPackages, ",")}
	for _, dir := range []string{"man", "doc", "locale"} {
		args = append(args, "--dpkgopt=path-exclude=/usr/share/"+dir+"/*")
	}
	for _, hook := range []string{
		`rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*`,
		`cp -R ` + files + `/. "$1"/`,
		`mkdir -p "$1"/etc/network/interfaces.d`,
		`echo root:root | chroot "$1" chpasswd`,
		`chroot "$1" systemctl --quiet enable lab-shell.service`,
		`chroot "$1" systemctl --quiet mask ` + strings.Join(masked, " "),
	} {
		args = append(args, "--customize-hook="+hook)
	}
	return run(ctx, "mmdebstrap", append(args, append([]string{"bookworm", root}, sources...)...)...)
}

// packageSources are the files that say where this machine gets Debian's packages from.
func packageSources() ([]string, error) {
	all := []string{"/etc/apt/sources.list"}
	for _, pattern := range []string{"/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	all = slices.DeleteFunc(all, func(path string) bool {
		data, err := os.ReadFile(path)
		return err != nil || !strings.Contains(string(data), "bookworm")
	})
	if len(all) == 0 {
		return nil, errors.New("no package source of this machine is Debian 12's (bookworm)")
	}
	return all, nil
}

// guestTree calls do with each of guestFiles, by its path in the guest.
func guestTree(do func(path string, data []byte) error) error {
	var walk func(dir string) error
	walk = func(dir string) error {
		entries, err := guestFiles.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			path := dir + "/" + e.Name()
			if e.IsDir() {
				err = walk(path)
			} else {
				var data []byte
				if data, err = guestFiles.ReadFile(path); err == nil {
					err = do(strings.TrimPrefix(path, "guest"), data)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return walk("guest")
}

// run runs a command that says nothing unless it fails.
func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// lock waits for the exclusive lock on path.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	return func() { f.Close() }, err
}
