package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// StateDir is where Bridgehead keeps what is its own. Nothing outside it is
// ever removed or renamed as a whole.
const StateDir = backend.StateDir

// own says whether a resolved path lies below the state directory.
func (d disk) own(real string) bool {
	state, err := d.resolve(StateDir, followLink) // it may be a link to a roomier disk
	return err == nil && (real == state || below(state, real))
}

func below(dir, real string) bool { return strings.HasPrefix(real, dir+"/") }

// entry resolves the name of a thing of Bridgehead's own, which is not followed
// if it is a link.
func (d disk) entry(path string) (string, error) {
	real, err := d.resolve(path, keepLink)
	if err != nil {
		return "", err
	}
	state, err := d.resolve(StateDir, followLink)
	if err != nil {
		return "", err
	}
	if !below(state, real) {
		return "", fmt.Errorf("it is not below %s", StateDir)
	}
	return real, nil
}

// RemoveAll removes a file or directory below the state directory, and refuses
// any other. An absent one is no error.
func (d disk) RemoveAll(path string) error {
	real, err := d.entry(path)
	if err != nil {
		return failed("remove", path, err)
	}
	if err := os.RemoveAll(real); err != nil {
		return failed("remove", path, err)
	}
	if err := SyncDir(filepath.Dir(real)); err != nil && !absent(err) {
		return failed("remove", path, err)
	}
	return nil
}

// Rename moves a file or directory below the state directory, where to must
// not be a directory with something in it. Missing directories above to are made.
func (d disk) Rename(from, to string) error {
	verb := "move " + from + " to"
	a, err := d.entry(from)
	if err != nil {
		return failed(verb, to, err)
	}
	b, err := d.entry(to)
	if err != nil {
		return failed(verb, to, err)
	}
	if err := d.mkdirs(filepath.Dir(b), 0o700); err != nil {
		return failed(verb, to, err)
	}
	if err := os.Rename(a, b); err != nil {
		return failed(verb, to, err)
	}
	// The new name first: whatever is cut off here, the thing has a name.
	if err := SyncDir(filepath.Dir(b)); err != nil {
		return failed(verb, to, err)
	}
	return failed(verb, to, SyncDir(filepath.Dir(a)))
}

// Lock takes the lock that path names, by flock(2) on a file that stays: to
// remove it would let two processes hold two files of one name.
func (d disk) Lock(path string) (release func(), err error) {
	real, err := d.resolve(path, followLink)
	if err != nil {
		return nil, failed("lock", path, err)
	}
	if err := d.mkdirs(filepath.Dir(real), 0o700); err != nil {
		return nil, failed("lock", path, err)
	}
	// A bare descriptor: an os.File that nobody refers to would be closed, and the lock
	// gone with it. Close-on-exec: no child inherits it.
	fd, err := unix.Open(real, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EROFS) { // a disk that became read-only must not keep a rollback from beginning
		fd, err = unix.Open(real, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, failed("lock", path, err)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, backend.ErrLocked
		}
		return nil, failed("lock", path, err)
	}
	return sync.OnceFunc(func() { unix.Close(fd) }), nil
}

// Holder looks through the open files of all processes: the kernel says beside each which locks it has (proc(5), fdinfo).
// /proc/locks would be quicker but names disks as stat(2) does not (btrfs).
func (d disk) Holder(path string) (int, error) {
	real, err := d.resolve(path, followLink)
	if err != nil {
		return 0, failed("look who holds", path, err)
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if name, err := os.Readlink(fd); err != nil || name != real {
			continue
		}
		info, _ := os.ReadFile(strings.Replace(fd, "/fd/", "/fdinfo/", 1))
		for line := range strings.Lines(string(info)) { // "lock:	1: FLOCK  ADVISORY  WRITE 733 fe:01:1835 0 EOF"
			if f := strings.Fields(line); len(f) > 5 && f[0] == "lock:" && f[2] == "FLOCK" {
				return strconv.Atoi(f[5])
			}
		}
	}
	return 0, nil
}
