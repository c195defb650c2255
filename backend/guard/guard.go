// Package guard keeps a watch running that outlives the wizard and its terminal:
// "bridgehead watch", out of a copy of the program in the state directory, owned
// by systemd or, where that does not run, a process of its own.
//
// It is armed before the first change and disarmed after the last, by whoever
// ends the trial; that may be the watch itself.
package guard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"bridgehead/backend"
	"bridgehead/backend/file"
	"bridgehead/backend/services"
)

// Kinds of guard.
const (
	Systemd = "systemd" // survives everything but the end of the host
	Process = "process" // survives the wizard and its terminal; nobody restarts it
)

// New returns the guard that this host can have.
func New() backend.Guard {
	if services.New().Manager() == services.Systemd {
		return unitGuard{}
	}
	return processGuard{hooks: services.New().Manager() == services.SysVinit}
}

// Ready is called by the watch once it has read the journal and can act: Arm
// returns then and not before.
func Ready() error {
	if _, err := daemon.SdNotify(true, daemon.SdNotifyReady); err != nil {
		return fmt.Errorf("cannot tell systemd that the watch is ready: %w", err)
	}
	fd, err := strconv.Atoi(os.Getenv(readyFD))
	if err != nil {
		return nil // nobody waits
	}
	os.Unsetenv(readyFD)
	pipe := os.NewFile(uintptr(fd), "ready")
	defer pipe.Close()
	if _, err := pipe.WriteString(readyWord); err != nil {
		return fmt.Errorf("cannot tell that the watch is ready: %w", err)
	}
	return nil
}

// armTime is how long the watch may take to be ready.
const armTime = 20 * time.Second

// program is where the watch's copy of the program is: neither an upgrade nor a
// program on a stick that is pulled out may take the watch with it.
func program(stateDir string) string { return filepath.Join(stateDir, "guard", "bridgehead") }

// command is what the guard runs: watch, or boot.
func command(word, stateDir string) []string {
	return []string{program(stateDir), word, "--state", stateDir}
}

// plain is what a state directory may be called: it goes into a unit file.
var plain = regexp.MustCompile(`^(/[A-Za-z0-9_.+-]+)+$`)

func checkDir(stateDir string) error {
	if !plain.MatchString(stateDir) {
		return fmt.Errorf("the state directory %q must be an absolute path of letters, digits and _.+-", stateDir)
	}
	return nil
}

// disk is where unit files and copies go: durably.
var disk = file.New("/")

// install copies the running program.
func install(stateDir string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(stateDir, &fs); err == nil && fs.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("no program can be run from %s, which is mounted noexec; findmnt -T %[1]s names the file system: mount it with exec until the change has ended", stateDir)
	}
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("cannot copy the program: %w", err)
	}
	// No child may be forked meanwhile: it would inherit the descriptor that the copy is written through, and
	// while that is open the copy cannot be run (execve(2), ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return disk.Write(program(stateDir), backend.File{Exists: true, Data: data, Mode: 0o700})
}

// there lists those of paths that exist.
func there(paths ...string) (left []string) {
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			left = append(left, path)
		}
	}
	return left
}

// uninstall removes the copy. A watch that runs from it goes on.
func uninstall(stateDir string) error {
	if err := disk.Write(program(stateDir), backend.File{}); err != nil {
		return err
	}
	dir := filepath.Dir(program(stateDir))
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot remove the guard's directory: %w", err)
	}
	// Else the directory is there again after a power cut (fsync(2)).
	if err := syncDirs(stateDir); err != nil {
		return fmt.Errorf("cannot remove the guard's directory: %w", err)
	}
	return nil
}
