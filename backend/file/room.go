package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Room says why n more bytes could not be written beside path, nil where they
// could. It asks the file system first, then tries: quotas, immutable
// directories and reserved blocks show only so. Nothing stays behind.
func (d disk) Room(path string, n int) error {
	real, err := d.resolve(path, followLink)
	if err != nil {
		return failed("write beside", path, err)
	}
	dir, err := nearestDir(filepath.Dir(real))
	if err != nil {
		return failed("write beside", path, err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return failed("write beside", path, err)
	}
	free := st.Bavail * uint64(st.Bsize)
	switch {
	case st.Flags&unix.ST_RDONLY != 0:
		return failed("write beside", path, unix.EROFS)
	case st.Blocks != 0 && free < uint64(n):
		return failed("write beside", path, fmt.Errorf("%w (%d bytes free, %d needed)", unix.ENOSPC, free, n))
	case st.Files != 0 && st.Ffree == 0:
		return failed("write beside", path, fmt.Errorf("%w (no inodes left)", unix.ENOSPC))
	}
	return failed("write beside", path, try(dir, n))
}

// try writes n bytes to a file that never gets a lasting name.
func try(dir string, n int) error {
	f, err := os.CreateTemp(dir, ".bridgehead-room-")
	if err != nil {
		return err
	}
	defer f.Close()
	defer os.Remove(f.Name())
	if n == 0 {
		return nil
	}
	for { // Debian 12's kernel lets a signal interrupt it in memory, and Go's scheduler sends such on a busy machine
		if err = unix.Fallocate(int(f.Fd()), 0, 0, int64(n)); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if errors.Is(err, unix.EOPNOTSUPP) { // a file system without fallocate(2): NFS, ZFS
		_, err = f.Write(make([]byte, n))
	}
	return err
}

// nearestDir is dir, or the closest directory above it that exists.
func nearestDir(dir string) (string, error) {
	for {
		st, err := os.Stat(dir)
		switch {
		case err == nil && st.IsDir():
			return dir, nil
		case err == nil:
			return "", unix.ENOTDIR
		case !absent(err) || dir == filepath.Dir(dir):
			return "", err
		}
		dir = filepath.Dir(dir)
	}
}
