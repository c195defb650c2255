package file

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// What resolve does with a symbolic link at the very end of a path.
const (
	keepLink   = false
	followLink = true
)

// maxLinks is as many as the kernel follows (path_resolution(7)).
const maxLinks = 40

// resolve returns where path really is: below the root, free of symbolic links.
// Absolute targets and ".." are taken as if the root were "/", which openat2(2)
// calls RESOLVE_IN_ROOT; Linux 5.4 (Ubuntu 20.04) does not have it. What does not
// exist is kept as it stands.
func (d disk) resolve(name string, last bool) (string, error) {
	if !path.IsAbs(name) {
		return "", fmt.Errorf("%w: the path must be absolute", unix.EINVAL)
	}
	done, rest, links := "/", name, 0
	for rest != "" {
		var elem string
		elem, rest, _ = strings.Cut(rest, "/")
		next := path.Join(done, elem) // also takes "", "." and ".." in its stride
		if elem == ".." || next == done {
			done = next
			continue
		}
		target, err := os.Readlink(filepath.Join(d.root, next))
		if err != nil || (last == keepLink && strings.Trim(rest, "/") == "") {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "resolve", Path: name, Err: unix.ELOOP}
		}
		if path.IsAbs(target) {
			done = "/"
		}
		rest = target + "/" + rest
	}
	return filepath.Join(d.root, done), nil
}

// Glob returns the names that match, links that lead nowhere among them.
func (d disk) Glob(pattern string) ([]string, error) {
	if !path.IsAbs(pattern) {
		return nil, failed("look for", pattern, unix.EINVAL)
	}
	found, err := fs.Glob(tree{d}, strings.TrimPrefix(path.Clean(pattern), "/"))
	if err != nil {
		return nil, failed("look for", pattern, err)
	}
	for i := range found {
		found[i] = "/" + found[i]
	}
	slices.Sort(found)
	return found, nil
}

// tree is the disk as fs.Glob wants to see it.
type tree struct{ d disk }

func (t tree) Open(name string) (fs.File, error) {
	real, err := t.d.resolve("/"+name, followLink)
	if err != nil {
		return nil, err
	}
	return os.Open(real)
}

func (t tree) ReadDir(name string) ([]fs.DirEntry, error) {
	real, err := t.d.resolve("/"+name, followLink)
	if err != nil {
		return nil, err
	}
	return os.ReadDir(real)
}

func (t tree) Stat(name string) (fs.FileInfo, error) {
	real, err := t.d.resolve("/"+name, keepLink)
	if err != nil {
		return nil, err
	}
	return os.Lstat(real)
}
