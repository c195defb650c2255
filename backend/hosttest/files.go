// Package hosttest says in tests what every host promises, the real one and the
// simulated one alike. Each takes one part of a host and a place of its own on it.
package hosttest

import (
	"errors"
	"path"
	"reflect"
	"testing"
	"time"

	"bridgehead/backend"
)

// Files checks f in dir, an empty or absent directory below /var/lib/bridgehead, by the process self.
func Files(t *testing.T, f backend.Files, dir string, self int) {
	t.Run("what is written is read back exactly", func(t *testing.T) {
		name := path.Join(dir, "exact/interfaces")
		for _, want := range []backend.File{
			{Exists: true, Data: []byte("auto lo\n"), Mode: 0o644, ModTime: time.Unix(1400000000, 123456789)},
			{Exists: true, Data: []byte("auto lo\nauto eth0\n"), Mode: 0o6750, UID: 1234, GID: 4321, ModTime: time.Unix(1, 0)},
			{Exists: true, Data: []byte{}, Mode: 0o400, UID: 7, ModTime: time.Unix(1500000000, 0)},
		} {
			must(t, f.Write(name, want))
			if got := read(t, f, name); !sameFile(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		}
	})
	t.Run("a removed file does not exist, and may be removed again", func(t *testing.T) {
		name := path.Join(dir, "gone")
		must(t, f.Write(name, backend.File{Exists: true, Data: []byte("x"), Mode: 0o644}))
		for range 2 {
			must(t, f.Write(name, backend.File{}))
			if got := read(t, f, name); got.Exists || got.Data != nil {
				t.Errorf("still there: %+v", got)
			}
		}
	})
	t.Run("data belongs to who read it", func(t *testing.T) {
		name := path.Join(dir, "mine")
		data := []byte("abc")
		must(t, f.Write(name, backend.File{Exists: true, Data: data, Mode: 0o644}))
		data[0] = 'X'
		read(t, f, name).Data[1] = 'X'
		if got := string(read(t, f, name).Data); got != "abc" {
			t.Errorf("the file changed to %q without a Write", got)
		}
	})
	t.Run("records are appended to a private file", func(t *testing.T) {
		name := path.Join(dir, "current/journal.jsonl")
		must(t, f.Append(name, []byte("one\n")))
		must(t, f.Append(name, []byte("two\n")))
		got := read(t, f, name)
		if string(got.Data) != "one\ntwo\n" || got.Mode != 0o600 {
			t.Errorf("got %q, mode %o", got.Data, got.Mode)
		}
	})
	t.Run("glob returns the names that exist, sorted", func(t *testing.T) {
		for _, n := range []string{"g/b.conf", "g/a.conf", "g/c.txt", "h/a.conf"} {
			must(t, f.Write(path.Join(dir, n), backend.File{Exists: true, Mode: 0o644}))
		}
		for pattern, want := range map[string][]string{
			"g/*.conf": {"g/a.conf", "g/b.conf"},
			"?/a.conf": {"g/a.conf", "h/a.conf"},
			"g/c.txt":  {"g/c.txt"},
			"g/d.txt":  nil,
			"i/*":      nil,
		} {
			got, err := f.Glob(path.Join(dir, pattern))
			must(t, err)
			for i := range want {
				want[i] = path.Join(dir, want[i])
			}
			if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %q, want %q", pattern, got, want)
			}
		}
		if _, err := f.Glob(path.Join(dir, "[")); err == nil {
			t.Error("a malformed pattern is an error")
		}
	})
	t.Run("a lock is held once, until it is released", func(t *testing.T) {
		name := path.Join(dir, "lock")
		release, err := f.Lock(name)
		must(t, err)
		if _, err := f.Lock(name); !errors.Is(err, backend.ErrLocked) {
			t.Errorf("a second Lock: %v, want ErrLocked", err)
		}
		other, err := f.Lock(name + "2")
		must(t, err)
		other()
		if pid, err := f.Holder(name); err != nil || pid != self {
			t.Errorf("it is held by process %d, not %d: %v", pid, self, err)
		}
		release()
		if pid, err := f.Holder(name); err != nil || pid != 0 {
			t.Errorf("once released, it is held by process %d: %v", pid, err)
		}
		release, err = f.Lock(name)
		must(t, err)
		release()
	})
	t.Run("directories are moved and removed whole", func(t *testing.T) {
		from, to := path.Join(dir, "run"), path.Join(dir, "history/2026")
		must(t, f.Write(path.Join(from, "before/etc/network/interfaces"), backend.File{Exists: true, Data: []byte("x"), Mode: 0o600}))
		must(t, f.Rename(from, to))
		if read(t, f, path.Join(from, "before/etc/network/interfaces")).Exists {
			t.Error("still under the old name")
		}
		if got := read(t, f, path.Join(to, "before/etc/network/interfaces")); string(got.Data) != "x" {
			t.Errorf("under the new name: %+v", got)
		}
		if err := f.Rename(from, to); err == nil {
			t.Error("to move what is not there is an error")
		}
		for range 2 {
			must(t, f.RemoveAll(to))
			if read(t, f, path.Join(to, "before/etc/network/interfaces")).Exists {
				t.Error("still there")
			}
		}
	})
	t.Run("only what is Bridgehead's own is removed or moved", func(t *testing.T) {
		keep := path.Join(dir, "keep")
		must(t, f.Write(keep, backend.File{Exists: true, Mode: 0o600}))
		for _, name := range []string{"/", "/etc/network", "/var/lib", "/var/lib/bridgehead", "/var/lib/bridgehead/", "/var/lib/bridgehead-other/x", dir + "/../../bridgehead", "/var/lib/bridgehead/../x", "keep"} {
			if f.RemoveAll(name) == nil {
				t.Errorf("RemoveAll(%q) was allowed", name)
			}
			if f.Rename(name, path.Join(dir, "moved")) == nil || f.Rename(keep, name) == nil {
				t.Errorf("Rename from or to %q was allowed", name)
			}
		}
		if !read(t, f, keep).Exists {
			t.Error("the file itself went")
		}
	})
}

func sameFile(a, b backend.File) bool {
	return a.Exists == b.Exists && string(a.Data) == string(b.Data) && a.Mode == b.Mode &&
		a.UID == b.UID && a.GID == b.GID && a.ModTime.Equal(b.ModTime) && a.Link == b.Link
}

func read(t *testing.T, f backend.Files, name string) backend.File {
	t.Helper()
	got, err := f.Read(name)
	must(t, err)
	return got
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
