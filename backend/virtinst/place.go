package virtinst

import (
	"errors"
	"io/fs"
	"os"
	osuser "os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// user is as whom QEMU runs, with its groups.
type user struct {
	name string
	uid  uint32
	gids []uint32
}

var userLine = regexp.MustCompile(`(?m)^\s*user\s*=\s*"([^"]+)"`)

// runsAs is the user of qemu.conf, else that of Debian's packages. Where there is none of that name nobody
// can be shut out yet: it is root.
func runsAs(conf string) (user, error) {
	name := "libvirt-qemu"
	text, err := os.ReadFile(conf)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return user{}, err
	}
	if m := userLine.FindSubmatch(text); m != nil {
		name = string(m[1])
	}
	u, err := osuser.Lookup(name)
	if err != nil {
		return user{name: "root"}, nil
	}
	out := user{name: name, uid: number(u.Uid)}
	groups, _ := u.GroupIds()
	for _, g := range append(groups, u.Gid) {
		out.gids = append(out.gids, number(g))
	}
	return out, nil
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32) // of the user database
	return uint32(n)
}

// may says whether u has the right (4 read, 1 enter) on a file of this mode and owner. libvirt makes the
// disk and the ISO its own, so of those only that the directories may be entered counts.
func (u user) may(st *syscall.Stat_t, right uint32) bool {
	switch {
	case u.uid == 0:
		return true
	case st.Uid == u.uid:
		return st.Mode>>6&right == right
	case slices.Contains(u.gids, st.Gid):
		return st.Mode>>3&right == right
	}
	return st.Mode&right == right
}

// look says what is at path and around it.
func look(path string, u user) (backend.Place, error) {
	p := backend.Place{Path: path}
	st, err := os.Stat(path)
	switch {
	case err == nil:
		p.Exists, p.Regular, p.Bytes = true, st.Mode().IsRegular(), st.Size()
	case errors.Is(err, syscall.ENOTDIR):
	case !errors.Is(err, fs.ErrNotExist):
		return p, err
	case exists(path): // a link to nowhere
		p.Exists = true
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue // ends at /
		}
		if err != nil {
			return p, err
		}
		if !st.IsDir() {
			p.NoDir = dir
		}
		if p.Parent == "" && st.IsDir() {
			p.Parent = dir
		}
		if st.IsDir() && !u.may(st.Sys().(*syscall.Stat_t), 1) {
			p.Closed = dir
		}
		if dir == "/" {
			break
		}
	}
	var fsys unix.Statfs_t
	if err := unix.Statfs(p.Parent, &fsys); err != nil {
		return p, err
	}
	p.Room = int64(fsys.Bavail) * fsys.Bsize
	return p, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
