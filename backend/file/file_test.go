package file_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bridgehead/backend"
	"bridgehead/backend/file"
	"bridgehead/backend/hosttest"
)

func TestMain(m *testing.M) {
	if name := os.Getenv("BRIDGEHEAD_TEST_LOCK"); name != "" {
		if _, err := file.New("/").Lock(name); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		runtime.GC() // the lock must not hang on something that is collected
		fmt.Println("locked")
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestHost(t *testing.T) {
	hosttest.Files(t, file.New(t.TempDir()), "/var/lib/bridgehead/test", os.Getpid())
}

// A root in which every kind of link is to be met.
func linkedRoot(t *testing.T) string {
	root := t.TempDir()
	for _, dir := range []string{"etc/network", "data/state", "var/lib"} {
		must(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(root, "data/interfaces"), []byte("inside\n"), 0o644))
	for name, target := range map[string]string{
		"etc/network/interfaces": "/data/interfaces",            // absolute
		"etc/network/up":         "../../../../data/interfaces", // climbs over the root
		"etc/net":                "/etc/network",                // a directory
		"etc/network/loop":       "loop",
		"etc/network/nowhere":    "/data/new",
		"var/lib/bridgehead":     "/data/state",
	} {
		must(t, os.Symlink(target, filepath.Join(root, name)))
	}
	return root
}

func TestLinksStayBelowTheRoot(t *testing.T) {
	root := linkedRoot(t)
	f := file.New(root)
	for _, name := range []string{"/etc/network/interfaces", "/etc/network/up", "/etc/net/interfaces", "/../data/interfaces", "//etc/./net/../network/interfaces"} {
		got, err := f.Read(name)
		if err != nil || string(got.Data) != "inside\n" {
			t.Errorf("%s: %q, %v", name, got.Data, err)
		}
	}
	if got, _ := f.Read("/etc/network/interfaces"); got.Link != "/data/interfaces" {
		t.Errorf("Link is %q", got.Link)
	}
	if _, err := f.Read("/etc/network/loop"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link to itself: %v", err)
	}
	if _, err := f.Read("etc/passwd"); err == nil {
		t.Error("a relative path was read")
	}
	got, err := f.Glob("/etc/net/[inu]*")
	must(t, err)
	if want := []string{"/etc/net/interfaces", "/etc/net/nowhere", "/etc/net/up"}; !slices.Equal(got, want) {
		t.Errorf("Glob: %q, want %q", got, want)
	}
}

func TestWriteGoesThroughLinks(t *testing.T) {
	root := linkedRoot(t)
	f := file.New(root)
	for name, target := range map[string]string{"/etc/network/interfaces": "data/interfaces", "/etc/network/nowhere": "data/new"} {
		before, err := f.Read(name)
		must(t, err)
		if before.Link == "" {
			t.Errorf("%s: no link seen", name)
		}
		must(t, f.Write(name, backend.File{Exists: true, Data: []byte("new\n"), Mode: 0o644}))
		if data, _ := os.ReadFile(filepath.Join(root, target)); string(data) != "new\n" {
			t.Errorf("%s: the target holds %q", name, data)
		}
		must(t, f.Write(name, before)) // and back
		after, err := f.Read(name)
		must(t, err)
		if after.Exists != before.Exists || !bytes.Equal(after.Data, before.Data) || after.Link != before.Link || !after.ModTime.Equal(before.ModTime) {
			t.Errorf("%s: before %+v, after %+v", name, before, after)
		}
	}
}

func TestStateDirectoryMayBeALink(t *testing.T) {
	root := linkedRoot(t)
	f := file.New(root)
	must(t, f.Append("/var/lib/bridgehead/current/journal.jsonl", []byte("{}\n")))
	st, err := os.Stat(filepath.Join(root, "data/state/current"))
	must(t, err)
	if st.Mode().Perm() != 0o700 {
		t.Errorf("directory made with mode %v", st.Mode())
	}
	// A link in it is removed, not what it points to.
	must(t, os.Symlink("/etc", filepath.Join(root, "data/state/etc")))
	must(t, f.RemoveAll("/var/lib/bridgehead/etc"))
	if err := f.RemoveAll("/var/lib/bridgehead/etc/network"); err != nil {
		t.Errorf("what is not there: %v", err)
	}
	must(t, os.Symlink("/etc", filepath.Join(root, "data/state/etc")))
	if f.RemoveAll("/var/lib/bridgehead/etc/network") == nil {
		t.Error("removed through a link that leads out of the state directory")
	}
	must(t, f.RemoveAll("/var/lib/bridgehead/current"))
	if got, _ := f.Read("/data/interfaces"); !got.Exists {
		t.Error("something else went")
	}
}

func TestNothingTemporaryStays(t *testing.T) {
	root := t.TempDir()
	f := file.New(root)
	must(t, f.Write("/a", backend.File{Exists: true, Mode: 0o644}))
	must(t, f.Room("/a", 4096))
	must(t, os.Mkdir(filepath.Join(root, "dir"), 0o755))
	if err := f.Write("/dir", backend.File{Exists: true, Mode: 0o644}); err == nil {
		t.Error("a directory was written over")
	}
	if err := f.Write("/dir", backend.File{}); err == nil {
		t.Error("a directory was removed")
	}
	if err := f.Write("/a/b", backend.File{Exists: true}); err == nil {
		t.Error("a file served as a directory")
	}
	must(t, f.Write("/a/b", backend.File{})) // is absent already
	entries, err := os.ReadDir(root)
	must(t, err)
	if len(entries) != 2 {
		t.Errorf("left: %v", entries)
	}
}

// Writing is atomic: who reads meanwhile sees one whole version or the other.
func TestReadersSeeWholeFiles(t *testing.T) {
	f := file.New(t.TempDir())
	version := func(b byte) backend.File {
		return backend.File{Exists: true, Data: bytes.Repeat([]byte{b}, 64<<10), Mode: 0o644}
	}
	must(t, f.Write("/f", version('a')))
	done := make(chan error, 1)
	go func() {
		for i := range 50 {
			if err := f.Write("/f", version("ab"[i%2])); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		select {
		case err := <-done:
			must(t, err)
			return
		default:
		}
		got, err := f.Read("/f")
		must(t, err)
		if len(got.Data) != 64<<10 || bytes.Count(got.Data, got.Data[:1]) != len(got.Data) {
			t.Fatalf("a torn file of %d bytes", len(got.Data))
		}
	}
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	root := t.TempDir()
	must(t, unix.Mkfifo(filepath.Join(root, "fifo"), 0o600))
	must(t, os.Mkdir(filepath.Join(root, "dir"), 0o700))
	f := file.New(root)
	for _, name := range []string{"/fifo", "/dir"} {
		if _, err := f.Read(name); err == nil || !strings.HasPrefix(err.Error(), "cannot read "+name+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.Read("/dir"); !errors.Is(err, unix.EISDIR) {
		t.Errorf("a directory: %v, want EISDIR", err)
	}
	if got, err := f.Read("/dir/x/y"); err != nil || got.Exists {
		t.Errorf("an absent file: %+v, %v", got, err)
	}
}

// tmpfs mounts a small file system at dir that only this test's thread sees.
func tmpfs(t *testing.T, dir, options string, flags uintptr) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	must(t, unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS))
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("tmpfs", dir, "tmpfs", flags, options))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	tmpfs(t, root, "size=64k", 0)
	f := file.New(root)
	must(t, f.Room("/etc/network/interfaces", 16<<10))
	old := backend.File{Exists: true, Data: []byte("auto lo\n"), Mode: 0o644, ModTime: time.Unix(1, 0)}
	must(t, f.Write("/interfaces", old))
	must(t, f.Append("/journal", []byte("one\n")))

	big := bytes.Repeat([]byte("x"), 128<<10)
	for what, err := range map[string]error{
		"Room":   f.Room("/interfaces", len(big)),
		"Write":  f.Write("/interfaces", backend.File{Exists: true, Data: big, Mode: 0o644}),
		"Append": f.Append("/journal", big),
	} {
		if !errors.Is(err, unix.ENOSPC) || !strings.HasSuffix(fmt.Sprint(err), "free some space on its file system") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got, _ := f.Read("/interfaces"); string(got.Data) != "auto lo\n" || !got.ModTime.Equal(old.ModTime) {
		t.Errorf("a failed write left %+v", got)
	}
	must(t, f.Append("/journal", []byte("two\n")))
	if got, _ := f.Read("/journal"); string(got.Data) != "one\ntwo\n" {
		t.Errorf("a failed append left %q", got.Data)
	}
	entries, err := os.ReadDir(root)
	must(t, err)
	if len(entries) != 2 {
		t.Errorf("left: %v", entries)
	}
}

func TestFullOfInodes(t *testing.T) {
	root := t.TempDir()
	tmpfs(t, root, "size=1m,nr_inodes=2", 0)
	f := file.New(root)
	must(t, f.Write("/a", backend.File{Exists: true, Mode: 0o644}))
	if err := f.Room("/a", 1); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "inodes") {
		t.Errorf("Room: %v", err)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	root := t.TempDir()
	tmpfs(t, root, "size=64k", unix.MS_RDONLY)
	f := file.New(root)
	err := f.Room("/etc/network/interfaces", 1)
	if !errors.Is(err, unix.EROFS) || err.Error() != "cannot write beside /etc/network/interfaces: read-only file system; mount its file system writable" {
		t.Errorf("Room: %v", err)
	}
	if err := f.Write("/interfaces", backend.File{Exists: true}); !errors.Is(err, unix.EROFS) {
		t.Errorf("Write: %v", err)
	}
	if err := f.Append("/var/lib/bridgehead/x", nil); !errors.Is(err, unix.EROFS) {
		t.Errorf("Append: %v", err)
	}
}

func TestLockOnADiskThatBecameReadOnly(t *testing.T) {
	root := t.TempDir()
	tmpfs(t, root, "size=64k", 0)
	f := file.New(root)
	release, err := f.Lock("/lock")
	must(t, err)
	release()
	must(t, unix.Mount("", root, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	release, err = f.Lock("/lock")
	must(t, err)
	defer release()
	if _, err := f.Lock("/lock"); !errors.Is(err, backend.ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
}

func TestLockDiesWithItsProcess(t *testing.T) {
	f, name := file.New("/"), filepath.Join(t.TempDir(), "lock")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "BRIDGEHEAD_TEST_LOCK="+name)
	in, err := child.StdinPipe()
	must(t, err)
	defer in.Close()
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	line := make([]byte, 7)
	if n, _ := out.Read(line); string(line[:n]) != "locked\n" {
		t.Fatalf("the child says %q", line)
	}
	if _, err := f.Lock(name); !errors.Is(err, backend.ErrLocked) {
		t.Errorf("another process holds it, but Lock says %v", err)
	}
	if st, _ := os.Stat(name); st.Mode().Perm() != 0o600 {
		t.Errorf("lock file has mode %v", st.Mode())
	}
	must(t, child.Process.Kill())
	child.Wait()
	release, err := f.Lock(name)
	must(t, err)
	release()
}

func TestReadOnly(t *testing.T) {
	root := linkedRoot(t)
	before := names(t, root)
	f := file.ReadOnly(root)
	if got, err := f.Read("/etc/network/interfaces"); err != nil || string(got.Data) != "inside\n" {
		t.Errorf("Read: %q, %v", got.Data, err)
	}
	must(t, f.Room("/etc/network/interfaces", 1<<40))
	_, lockErr := f.Lock("/var/lib/bridgehead/lock")
	for what, err := range map[string]error{
		"Write":     f.Write("/etc/network/interfaces", backend.File{}),
		"Append":    f.Append("/data/interfaces", []byte("x")),
		"RemoveAll": f.RemoveAll("/var/lib/bridgehead/x"),
		"Rename":    f.Rename("/var/lib/bridgehead/x", "/var/lib/bridgehead/y"),
		"Lock":      lockErr,
	} {
		if !errors.Is(err, file.ErrReadOnly) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if after := names(t, root); !slices.Equal(after, before) {
		t.Errorf("the tree changed: %q", after)
	}
}

func names(t *testing.T, root string) (all []string) {
	must(t, filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		all = append(all, name)
		return err
	}))
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
