package virtinst

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A path is told with what is there, what it would be made in, and which directory shuts QEMU's user out.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/open/a.iso", "CD001")
	write(t, dir+"/closed/b.iso", "CD001")
	for path, mode := range map[string]os.FileMode{dir + "/closed": 0o700, dir: 0o755, filepath.Dir(dir): 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	other := user{name: "other", uid: 54321, gids: []uint32{54321}}
	for _, x := range []struct {
		path                  string
		user                  user
		exists, regular       bool
		closed, parent, noDir string
	}{
		{"/open/a.iso", other, true, true, "", "/open", ""},
		{"/closed/b.iso", other, true, true, "/closed", "/closed", ""},
		{"/closed/b.iso", user{name: "root"}, true, true, "", "/closed", ""},
		{"/closed/b.iso", user{uid: uint32(os.Getuid())}, true, true, "", "/closed", ""},
		{"/closed/x/y/z", other, false, false, "/closed", "/closed", ""},
		{"/open", other, true, false, "", "", ""},
		{"/open/a.iso/x", other, false, false, "", "/open", "/open/a.iso"},
		{"/link", other, true, false, "", "", ""},
	} {
		p, err := look(dir+x.path, x.user)
		in := func(s string) string {
			if s == "" {
				return ""
			}
			return dir + s
		}
		parent := in(x.parent)
		if parent == "" {
			parent = dir
		}
		if err != nil || p.Exists != x.exists || p.Regular != x.regular || p.Closed != in(x.closed) || p.Parent != parent || p.NoDir != in(x.noDir) || p.Room <= 0 {
			t.Errorf("%s for %s: %+v, %v", x.path, x.user.name, p, err)
		}
	}
}

func TestRunsAs(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/qemu.conf", "# user = \"root\"\nuser = \"nobody\"\n")
	if u, err := runsAs(dir + "/qemu.conf"); err != nil || u.name != "nobody" || u.uid == 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := runsAs(dir + "/none"); err != nil {
		t.Error(err)
	}
}

func TestSystems(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/os/debian.org/debian-12.xml", "<libosinfo><os><short-id>debian12</short-id></os></libosinfo>")
	write(t, dir+"/os/ubuntu.com/ubuntu.xml", "<short-id>ubuntu22.04</short-id>\n<short-id>ubuntujammy</short-id>")
	if got := systems(dir); !reflect.DeepEqual(got, []string{"debian12", "generic", "ubuntu22.04", "ubuntujammy"}) {
		t.Error(got)
	}
	if got := systems(dir + "/none"); got != nil {
		t.Errorf("without a database: %v", got)
	}
	if got := systems("/usr/share/osinfo"); !slices.Contains(got, "debian11") || !slices.Contains(got, "ubuntu22.04") {
		t.Errorf("of this machine: %d systems", len(got))
	}
}

// The reason is told, not what virt-install says about it afterwards.
func TestTelling(t *testing.T) {
	for want, said := range map[string][]string{
		"no network": {"Starting install...", "ERROR    no network", "Domain installation does not appear to have been successful."},
		"a; b":       {"ERROR    a", "b"},
		"killed":     {"x", "killed"},
	} {
		if got := telling(said); got != want {
			t.Errorf("%q of %q", got, said)
		}
	}
}

func TestMadeDirectoriesCanBeEntered(t *testing.T) {
	dir := t.TempDir() + "/a/b"
	if err := makeDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := makeDir(dir); err != nil {
		t.Error(err)
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o755 {
		t.Error(st, err)
	}
	write(t, dir+"/file", "")
	if err := makeDir(dir + "/file/c"); err == nil {
		t.Error("a directory below a file")
	}
}
