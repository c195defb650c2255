// Package file reads and changes the files of the real host: atomically,
// durably, and with owner, mode and modification time exact, so that a file that
// is put back is the file that was there.
package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
)

// disk is backend.Files on a real file system, below root.
type disk struct{ root string }

// New returns the files below root, "/" for those of the host itself. Symbolic
// links are followed as if root were "/": none of them leads out of it.
func New(root string) backend.Files { return disk{filepath.Clean(root)} }

// Read returns the file with its metadata. A link that leads nowhere does not
// exist, and has its Link. What is no regular file is an error.
func (d disk) Read(path string) (backend.File, error) {
	var f backend.File
	link, err := d.resolve(path, keepLink)
	if err != nil {
		return f, failed("read", path, err)
	}
	if target, err := os.Readlink(link); err == nil {
		f.Link = target
	}
	real, err := d.resolve(path, followLink)
	if err != nil {
		return f, failed("read", path, err)
	}
	// O_NONBLOCK: a FIFO must not hold up whoever looks at it.
	in, err := os.OpenFile(real, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if absent(err) {
		return f, nil
	}
	if err != nil {
		return f, failed("read", path, err)
	}
	defer in.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(in.Fd()), &st); err != nil {
		return f, failed("read", path, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return f, failed("read", path, unix.EISDIR) // ifupdown passes over directories
	default:
		return f, failed("read", path, errNotRegular)
	}
	if f.Data, err = io.ReadAll(in); err != nil {
		return f, failed("read", path, err)
	}
	f.Exists = true
	f.Mode = st.Mode & 0o7777
	f.UID, f.GID = int(st.Uid), int(st.Gid)
	f.ModTime = time.Unix(st.Mtim.Unix())
	return f, nil
}

// Write makes path exactly f, through a symbolic link to its target. Missing
// directories are made, 0700 in the state directory and 0755 elsewhere.
func (d disk) Write(path string, f backend.File) error {
	real, err := d.resolve(path, followLink)
	if err != nil {
		return failed("write", path, err)
	}
	if st, err := os.Lstat(real); err == nil && !st.Mode().IsRegular() {
		return failed("write", path, errNotRegular)
	}
	if !f.Exists {
		return failed("remove", path, remove(real))
	}
	if err := d.mkdirs(filepath.Dir(real), 0o755); err != nil {
		return failed("write", path, err)
	}
	return failed("write", path, replace(real, f))
}

// remove unlinks a file for good; an absent one is no error.
func remove(real string) error {
	if err := unix.Unlink(real); absent(err) {
		return nil
	} else if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(real))
}

// replace writes f beside real and renames it over real.
func replace(real string, f backend.File) error {
	p, err := renameio.NewPendingFile(real, renameio.WithTempDir(filepath.Dir(real)), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer func() { _ = p.Cleanup() }()
	if _, err := p.Write(f.Data); err != nil {
		return err
	}
	// The owner before the mode: chown(2) clears setuid and setgid.
	if err := p.Chown(f.UID, f.GID); err != nil {
		return err
	}
	if err := unix.Fchmod(int(p.Fd()), f.Mode&0o7777); err != nil {
		return err
	}
	if !f.ModTime.IsZero() {
		if err := os.Chtimes(p.Name(), time.Time{}, f.ModTime); err != nil {
			return err
		}
	}
	if err := p.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(real))
}

// Append adds one record. A record that could not be written whole is taken
// back, so that the next one does not continue a torn line.
func (d disk) Append(path string, data []byte) error {
	return failed("append to", path, d.append(path, data))
}

func (d disk) append(path string, data []byte) error {
	real, err := d.resolve(path, followLink)
	if err != nil {
		return err
	}
	if err := d.mkdirs(filepath.Dir(real), 0o700); err != nil {
		return err
	}
	_, statErr := os.Lstat(real)
	out, err := os.OpenFile(real, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	size, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		return errors.Join(err, out.Truncate(size))
	}
	if err := out.Sync(); err != nil {
		return err
	}
	if absent(statErr) {
		return SyncDir(filepath.Dir(real))
	}
	return nil
}

// mkdirs makes a directory with those above it, 0700 where they are Bridgehead's own.
func (d disk) mkdirs(real string, mode fs.FileMode) error {
	if st, err := os.Stat(real); err == nil {
		if !st.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: real, Err: unix.ENOTDIR}
		}
		return nil
	}
	above := filepath.Dir(real)
	if above == real {
		return fs.ErrNotExist
	}
	if err := d.mkdirs(above, mode); err != nil {
		return err
	}
	if d.own(real) {
		mode = 0o700
	}
	if err := os.Mkdir(real, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(above)
}

// SyncDir makes the names in a directory durable (fsync(2): the directory needs its own).
func SyncDir(real string) error {
	dir, err := os.Open(real)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

var errNotRegular = errors.New("it is not a regular file")

// absent: there is no such file. ENOTDIR is that, too: a component is a file.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// failed says what could not be done to which path, why, and what helps; nil stays nil.
func failed(verb, path string, err error) error {
	if err == nil {
		return nil
	}
	var pe *fs.PathError
	var le *os.LinkError
	switch { // the names inside are temporary ones, or have the root prefix
	case errors.As(err, &pe):
		err = pe.Err
	case errors.As(err, &le):
		err = le.Err
	}
	advice := ""
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		advice = "; free some space on its file system"
	case errors.Is(err, unix.EROFS):
		advice = "; mount its file system writable"
	case errors.Is(err, unix.EPERM):
		advice = "; see whether it is immutable (lsattr), and run as root"
	case errors.Is(err, unix.EACCES):
		advice = "; run as root"
	}
	return fmt.Errorf("cannot %s %s: %w%s", verb, path, err, advice)
}
