package packages

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// scratch is a root of its own for the real apt-get and dpkg, with a package
// source in a directory. Nothing of the machine's own packages is touched: APT_CONFIG
// and DPKG_ADMINDIR, which both programs honour, point into it.
type scratch struct{ root, source string }

func newScratch(t *testing.T) scratch {
	s := scratch{t.TempDir(), t.TempDir()}
	for _, dir := range []string{"etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log/apt", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(s.root, dir), 0o755))
	}
	must(t, os.Chmod(filepath.Dir(s.root), 0o755)) // apt reads as user _apt
	s.write(t, filepath.Join(s.root, "var/lib/dpkg/status"), "")
	s.write(t, filepath.Join(s.root, "etc/apt/sources.list"), "deb [trusted=yes] file:"+s.source+" ./\n")
	s.write(t, filepath.Join(s.source, "Packages"), "")
	conf := filepath.Join(s.root, "etc/apt/apt.conf")
	s.write(t, conf, fmt.Sprintf(`Dir %q; Dir::State::status %q; Dir::Etc::parts "/nowhere"; Dir::Etc::main "/nowhere"; Dir::Bin::dpkg "/usr/bin/dpkg";
DPkg::Options { "--root=%[1]s"; "--force-not-root"; "--force-bad-path"; };
DPkg::Pre-Install-Pkgs ""; DPkg::Post-Invoke ""; APT::Sandbox::User "root"; APT::Update::Post-Invoke "";
APT::Architecture "amd64"; Acquire::Languages "none"; DPkg::Use-Pty "0"; Acquire::Retries "0";
`, s.root, filepath.Join(s.root, "var/lib/dpkg/status")))
	t.Setenv("APT_CONFIG", conf)
	t.Setenv("DPKG_ADMINDIR", filepath.Join(s.root, "var/lib/dpkg"))
	return s
}

func (s scratch) write(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(name, []byte(text), 0o644))
}

// offer puts a package into the source, with extra control fields.
func (s scratch) offer(t *testing.T, pkg, version string, control string, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, "DEBIAN"), 0o755))
	head := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Example <root@example.org>\nDescription: example\n%s", pkg, version, control)
	s.write(t, filepath.Join(dir, "DEBIAN/control"), head)
	for name, text := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	deb := pkg + "_" + version + ".deb"
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", dir, filepath.Join(s.source, deb)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(s.source, deb))
	must(t, err)
	list, err := os.ReadFile(filepath.Join(s.source, "Packages"))
	must(t, err)
	s.write(t, filepath.Join(s.source, "Packages"), fmt.Sprintf("%s%sFilename: ./%s\nSize: %d\nSHA256: %x\n\n", list, head, deb, len(data), sha256.Sum256(data)))
}

func TestInstallFromARealSource(t *testing.T) {
	s := newScratch(t)
	s.offer(t, "openvswitch-example", "3.1.0-2", "Depends: libexample\nRecommends: recommended\n", map[string]string{"DEBIAN/conffiles": "/etc/example.conf\n", "etc/example.conf": "default\n"})
	s.offer(t, "libexample", "1:2.0", "", nil)
	s.offer(t, "recommended", "1", "", nil)

	before, err := New().Installed(t.Context(), "openvswitch-example", "libexample")
	must(t, err)
	if len(before) != 0 {
		t.Fatalf("installed already: %v", before)
	}
	// apt has never seen the source: Install has to update by itself.
	must(t, os.MkdirAll(filepath.Join(s.root, "etc"), 0o755))
	s.write(t, filepath.Join(s.root, "etc/example.conf"), "mine\n")
	var progress []string
	must(t, New().Install(t.Context(), []string{"openvswitch-example"}, func(line string) { progress = append(progress, line) }))

	got, err := New().Installed(t.Context(), "openvswitch-example", "libexample", "recommended", "no-such-package")
	must(t, err)
	if want := map[string]string{"openvswitch-example": "3.1.0-2", "libexample": "1:2.0"}; !reflect.DeepEqual(got, want) {
		t.Errorf("installed %v, want %v", got, want)
	}
	if conf, _ := os.ReadFile(filepath.Join(s.root, "etc/example.conf")); string(conf) != "mine\n" {
		t.Errorf("the operator's configuration file now holds %q", conf)
	}
	for _, want := range []string{"apt-get update", "Unpacking openvswitch-example", "Setting up openvswitch-example"} {
		if !slices.ContainsFunc(progress, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("no line of progress says %q:\n%s", want, strings.Join(progress, "\n"))
		}
	}
	must(t, New().Install(t.Context(), []string{"openvswitch-example"}, func(string) {})) // again changes nothing
}

func TestInstallFailures(t *testing.T) {
	s := newScratch(t)
	s.offer(t, "old", "1", "", nil)
	s.offer(t, "newcomer", "1", "Conflicts: old\n", nil)
	s.offer(t, "needy", "1", "Depends: nothing-has-this\n", nil)
	s.offer(t, "failing", "1", "", map[string]string{"DEBIAN/postinst": "#!/no/such/shell\n"})
	must(t, New().Install(t.Context(), []string{"old"}, func(string) {}))
	for _, c := range []struct{ pkg, why, do string }{
		{"no-such-package", "Unable to locate package no-such-package", "apt knows no such package, also after apt-get update"},
		{"newcomer", "Packages need to be removed but remove is disabled", "decide that by hand with apt-get install newcomer"},
		{"needy", "held broken packages", "see what stands in the way with apt-get install --no-install-recommends needy"},
		{"failing", "dpkg returned an error code (1)", "see /var/log/apt/term.log"},
		{"old-", `"old-" is no name of a package`, ""},
		{"--purge", `"--purge" is no name of a package`, ""},
	} {
		err := New().Install(t.Context(), []string{c.pkg}, func(string) {})
		if err == nil || !strings.Contains(err.Error(), c.why) || !strings.Contains(err.Error(), c.do) {
			t.Errorf("%s: %v", c.pkg, err)
		}
	}
	got, err := New().Installed(t.Context(), "old", "failing", "newcomer")
	must(t, err)
	if want := map[string]string{"old": "1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("installed and configured: %v, want %v", got, want)
	}
}

func TestServerOutOfReach(t *testing.T) {
	s := newScratch(t)
	s.write(t, filepath.Join(s.root, "etc/apt/sources.list"), "deb [trusted=yes] http://127.0.0.1:1/debian ./\n")
	err := New().Install(t.Context(), []string{"openvswitch-switch"}, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "Unable to locate package openvswitch-switch; the package server is out of reach: check network, DNS and proxy") {
		t.Errorf("%v", err)
	}
}

func TestStaleListsAreRenewed(t *testing.T) {
	if !stale([]string{"E: Failed to fetch http://deb.debian.org/x.deb  404  Not Found [IP: 192.0.2.1 80]"}) || stale([]string{"E: Could not get lock /var/lib/dpkg/lock-frontend."}) {
		t.Error("only a missing package, or one that has gone from the server, calls for an update")
	}
}

// Who stops Install before a line of which Changes says so, has changed nothing.
func TestChangesIsSaidBeforeAnythingChanges(t *testing.T) {
	s := newScratch(t)
	s.offer(t, "example", "1", "", nil)
	changes := false
	must(t, New().Install(t.Context(), []string{"example"}, func(line string) {
		if changes = changes || Changes(line); changes {
			return
		}
		if _, err := os.Stat(filepath.Join(s.root, "var/lib/dpkg/info/example.list")); err == nil {
			t.Errorf("example is there already at %q", line)
		}
	}))
	if !changes {
		t.Error("no line says that something changes")
	}
}

func TestLockHeldByAnother(t *testing.T) {
	s := newScratch(t)
	s.offer(t, "example", "1", "", nil)
	must(t, New().Install(t.Context(), []string{"example"}, func(string) {}))
	lock, err := os.OpenFile(filepath.Join(s.root, "var/lib/dpkg/lock-frontend"), os.O_RDWR|os.O_CREATE, 0o640)
	must(t, err)
	defer lock.Close()
	must(t, unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	s.offer(t, "another", "1", "", nil)

	// It waits for the lock, as told, and is called off.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	waiting := false
	err = New().Install(ctx, []string{"another"}, func(line string) {
		if strings.Contains(line, "Waiting for cache lock") {
			waiting = true
			cancel()
		}
	})
	if !waiting || !errors.Is(err, context.Canceled) {
		t.Errorf("waiting %v, then %v", waiting, err)
	}
	// With no time to wait, it says who is in the way.
	said, err := get(t.Context(), func(string) {}, "install", "-y", "-o", "DPkg::Lock::Timeout=0", "another")
	if err == nil || !strings.Contains(advice(said, nil), "another package program is at work") {
		t.Errorf("%v: %q", err, said)
	}
}

func TestNoPackageSystem(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := New().Installed(t.Context(), "bash"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := New().Install(t.Context(), []string{"bash"}, func(string) {}); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// A daemon that a package starts keeps the output open for ever.
func TestInstallDoesNotWaitForDaemons(t *testing.T) {
	bin := t.TempDir()
	must(t, os.WriteFile(filepath.Join(bin, "apt-get"), []byte("#!/bin/sh\nprintf 'one\\rtwo\\nthree'\n/bin/sleep 600 & echo $! >"+bin+"/pid\n"), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Cleanup(func() {
		var pid int
		data, _ := os.ReadFile(filepath.Join(bin, "pid"))
		if fmt.Sscan(string(data), &pid); pid > 1 {
			unix.Kill(pid, unix.SIGKILL)
		}
	})
	var got []string
	start := time.Now()
	must(t, New().Install(t.Context(), []string{"example"}, func(line string) { got = append(got, line) }))
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("came back after %v", d)
	}
	if want := []string{"one", "two", "three"}; !slices.Equal(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
