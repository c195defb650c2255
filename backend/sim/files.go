package sim

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"bridgehead/backend"
)

var errNotExist = fs.ErrNotExist

// files is the file system: one flat table of nodes by their real path.
type files struct {
	nodes    map[string]*node
	locks    map[string]*process
	full     bool     // no space left
	readOnly []string // directories mounted read-only
}

type node struct {
	dir  bool
	link string // target of a symbolic link
	file backend.File
}

func (m *Machine) makeFiles() {
	fsys := &m.files
	fsys.nodes = map[string]*node{"/": {dir: true, file: backend.File{Mode: 0o755}}}
	fsys.locks = map[string]*process{}
	for _, d := range append([]string{"/etc/network", "/run/network", "/run/lock", "/tmp", "/var/lib", "/proc", "/etc/systemd/system"}, m.spec.Dirs...) {
		must(fsys.mkdirs(d, 0o755))
	}
	if m.spec.Bonding {
		must(fsys.mkdirs("/sys/module/bonding", 0o755))
	}
	for name, f := range m.spec.Files {
		must(fsys.mkdirs(path.Dir(name), 0o755))
		f.Exists = true
		if f.Mode == 0 {
			f.Mode = 0o644
		}
		if f.ModTime.IsZero() {
			f.ModTime = epoch.Add(-24 * time.Hour)
		}
		if f.Link != "" {
			fsys.nodes[name] = &node{link: f.Link}
			continue
		}
		fsys.nodes[name] = &node{file: f}
	}
}

// resolve follows symbolic links; with last, also at the end of the path.
func (f *files) resolve(name string, last bool) (string, error) {
	if !path.IsAbs(name) {
		return "", fmt.Errorf("%w: the path must be absolute", syscall.EINVAL)
	}
	done, rest := "/", path.Clean(name)[1:]
	for links := 0; rest != ""; {
		var elem string
		elem, rest, _ = strings.Cut(rest, "/")
		next := path.Join(done, elem)
		n := f.nodes[next]
		if n == nil || n.link == "" || rest == "" && !last {
			done = next
			continue
		}
		if links++; links > 40 {
			return "", syscall.ELOOP
		}
		if path.IsAbs(n.link) {
			done = "/"
		}
		rest = strings.TrimPrefix(path.Clean(n.link+"/"+rest), "/")
	}
	return done, nil
}

func (f *files) mkdirs(name string, mode uint32) error {
	if n := f.nodes[name]; n != nil {
		if n.dir {
			return nil
		}
		return syscall.ENOTDIR
	}
	if err := f.mkdirs(path.Dir(name), mode); err != nil {
		return err
	}
	f.nodes[name] = &node{dir: true, file: backend.File{Mode: mode}}
	return nil
}

// own says whether a path is in Bridgehead's own directory, which is private, and
// the only place where directories are moved and removed whole.
func own(name string) bool {
	return name == backend.StateDir || strings.HasPrefix(name, backend.StateDir+"/")
}

func dirMode(name string) uint32 {
	if own(name) {
		return 0o700
	}
	return 0o755
}

// room says why n bytes cannot be written at a real path.
func (f *files) room(real string, n int) error {
	for _, dir := range f.readOnly {
		if real == dir || strings.HasPrefix(real, strings.TrimSuffix(dir, "/")+"/") {
			return syscall.EROFS
		}
	}
	if f.full && n > 0 && !strings.HasPrefix(real, "/run/") && !strings.HasPrefix(real, "/proc/") {
		return syscall.ENOSPC
	}
	return nil
}

func (f *files) read(name string) (backend.File, error) {
	var out backend.File
	link, err := f.resolve(name, false)
	if err != nil {
		return out, err
	}
	if n := f.nodes[link]; n != nil {
		out.Link = n.link
	}
	real, err := f.resolve(name, true)
	if err != nil {
		return out, err
	}
	n := f.nodes[real]
	switch {
	case n == nil:
		return out, nil
	case n.dir:
		return out, syscall.EISDIR
	}
	link = out.Link
	out = n.file
	out.Exists, out.Link, out.Data = true, link, append([]byte{}, n.file.Data...)
	return out, nil
}

func (f *files) write(name string, file backend.File, now time.Time) error {
	real, err := f.resolve(name, true)
	if err != nil {
		return err
	}
	n := f.nodes[real]
	if n != nil && n.dir {
		return syscall.EISDIR
	}
	if !file.Exists {
		if err := f.room(real, 0); n != nil && err != nil {
			return err
		}
		delete(f.nodes, real)
		return nil
	}
	if err := f.room(real, len(file.Data)+1); err != nil {
		return err
	}
	if err := f.mkdirs(path.Dir(real), dirMode(real)); err != nil {
		return err
	}
	file.Data, file.Link, file.Mode = slices.Clone(file.Data), "", file.Mode&0o7777
	if file.ModTime.IsZero() {
		file.ModTime = now
	}
	f.nodes[real] = &node{file: file}
	return nil
}

func (f *files) append(name string, data []byte, now time.Time) error {
	real, err := f.resolve(name, true)
	if err != nil {
		return err
	}
	if err := f.room(real, len(data)); err != nil {
		return err
	}
	if err := f.mkdirs(path.Dir(real), 0o700); err != nil {
		return err
	}
	n := f.nodes[real]
	if n == nil {
		n = &node{file: backend.File{Exists: true, Mode: 0o600}}
		f.nodes[real] = n
	}
	if n.dir {
		return syscall.EISDIR
	}
	n.file.Data, n.file.ModTime = append(slices.Clip(n.file.Data), data...), now
	return nil
}

func (f *files) glob(pattern string) ([]string, error) {
	if !path.IsAbs(pattern) {
		return nil, syscall.EINVAL
	}
	if _, err := path.Match(pattern, "/"); err != nil {
		return nil, err
	}
	var out []string
	for name := range f.nodes {
		if ok, _ := path.Match(pattern, name); ok {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out, nil
}

// below moves every node at or below from through change; a nil change removes it.
func (f *files) below(from string, change func(string) string) bool {
	moved := map[string]*node{}
	for name, n := range f.nodes {
		if name == from || strings.HasPrefix(name, from+"/") {
			moved[name] = n
			delete(f.nodes, name)
		}
	}
	if change != nil {
		for name, n := range moved {
			f.nodes[change(name)] = n
		}
	}
	return len(moved) > 0
}

// entry is the name of a thing of Bridgehead's own.
func (f *files) entry(name string) (string, error) {
	real, err := f.resolve(name, false)
	if err != nil {
		return "", err
	}
	if real == backend.StateDir || !own(real) {
		return "", fmt.Errorf("it is not below %s", backend.StateDir)
	}
	return real, nil
}

func (f *files) rename(from, to string) error {
	a, err := f.entry(from)
	if err != nil {
		return err
	}
	b, err := f.entry(to)
	if err != nil {
		return err
	}
	if f.nodes[a] == nil {
		return errNotExist
	}
	for name := range f.nodes {
		if strings.HasPrefix(name, b+"/") {
			return syscall.ENOTEMPTY
		}
	}
	if err := f.room(b, 0); err != nil {
		return err
	}
	if err := f.mkdirs(path.Dir(b), 0o700); err != nil {
		return err
	}
	delete(f.nodes, b)
	f.below(a, func(name string) string { return b + strings.TrimPrefix(name, a) })
	return nil
}

func (f *files) unlock(p *process) {
	for name, holder := range f.locks {
		if holder == p {
			delete(f.locks, name)
		}
	}
}
