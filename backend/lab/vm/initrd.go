package vm

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// initProgram is built into the initial RAM disk.
const initProgram = "bridgehead/backend/lab/vm/initrd"

// rootModules are what the root disk needs of the kernel in the image; ext4 is part of it.
var rootModules = []string{"virtio_pci", "virtio_blk"}

// buildInitrd writes an initial RAM disk for the kernel installed below root: one program and its modules.
func buildInitrd(ctx context.Context, root, path string) error {
	program := path + ".init"
	defer os.Remove(program)
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, initProgram)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %s: %w\n%s", initProgram, err, out)
	}
	modules, err := modulesBelow(ctx, root)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	zip := gzip.NewWriter(f)
	a := archive{w: bufio.NewWriter(zip)}
	for _, dir := range []string{"dev", "root", "m"} {
		a.add(dir, 0o040755, nil)
	}
	list := ""
	for _, m := range modules {
		name := "m/" + filepath.Base(m)
		a.addFile(name, m)
		list += "/" + name + "\n"
	}
	a.add("modules", 0o100644, []byte(list))
	a.addFile("init", program)
	return errors.Join(a.end(), zip.Close())
}

// modulesBelow lists the module files that rootModules need, in the order in which to load them.
func modulesBelow(ctx context.Context, root string) ([]string, error) {
	versions, err := os.ReadDir(filepath.Join(root, "lib/modules"))
	if err != nil || len(versions) != 1 {
		return nil, fmt.Errorf("the image should have one kernel, it has %d: %w", len(versions), err)
	}
	var files []string
	seen := map[string]bool{}
	for _, m := range rootModules {
		out, err := exec.CommandContext(ctx, "modprobe", "-d", root, "-S", versions[0].Name(), "--show-depends", m).Output()
		if err != nil {
			return nil, fmt.Errorf("cannot find kernel module %s: %w", m, err)
		}
		for line := range strings.Lines(string(out)) {
			if word := strings.Fields(line); len(word) > 1 && word[0] == "insmod" && !seen[word[1]] {
				seen[word[1]] = true
				files = append(files, word[1])
			}
		}
	}
	return files, nil
}

// archive writes a cpio archive of the kind that the kernel unpacks ("newc", initramfs-buffer-format
// in the kernel's documentation). The first error stays.
type archive struct {
	w   *bufio.Writer
	ino int
	err error
}

func (a *archive) add(name string, mode int, data []byte) {
	if a.err != nil {
		return
	}
	a.ino++
	_, a.err = fmt.Fprintf(a.w, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
	a.pad(110 + len(name) + 1)
	a.write(data)
	a.pad(len(data))
}

func (a *archive) pad(n int) { a.write(make([]byte, -n&3)) }

func (a *archive) write(data []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(data)
	}
}

func (a *archive) addFile(name, path string) {
	data, err := os.ReadFile(path)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.add(name, 0o100755, data)
}

func (a *archive) end() error {
	a.add("TRAILER!!!", 0, nil)
	return errors.Join(a.err, a.w.Flush())
}
