// Package backend is everything that is done to a host, and knows no screen.
//
// Its own files are the contract between what decides (survey, plan, trial) and
// what acts (link, ovs, virt, packages, services, process, file): a Host is a
// handful of small interfaces. The real host implements them with netlink,
// ovs-vsctl, go-libvirt, apt and systemd; the simulated host implements them in
// memory and refuses what a real host would refuse.
package backend

import (
	"context"
	"time"
)

// StateDir is where Bridgehead keeps what a run needs to survive, 0700.
const StateDir = "/var/lib/bridgehead"

// Host is a machine as Bridgehead sees it. It is passed by value; a test
// replaces one field to make one part of a machine fail.
type Host struct {
	Links     Links
	Files     Files
	Switch    Switch
	Virt      Virt
	Guests    Guests
	Packages  Packages
	Services  Services
	Processes Processes
	Prober    Prober
	Listener  Listener
	Clock     Clock
	Guard     Guard
}

// Files reads and changes files. Paths are absolute; under a root prefix the
// implementation adds it. A change is atomic and durable when it returns: the
// file and its directory are synced (rename(2), fsync(2)).
type Files interface {
	// Read returns the file with its metadata. Exists is false, with a nil
	// error, where there is none.
	Read(path string) (File, error)
	// Write makes path exactly f: content, mode, owner, and the modification
	// time where f has one. Where f.Exists is false the file is removed.
	Write(path string, f File) error
	// Append adds one record to path, creating it 0600 with its directories 0700.
	Append(path string, data []byte) error
	// Glob returns the existing names that match, sorted (filepath.Match syntax).
	Glob(pattern string) ([]string, error)
	// Room says whether n more bytes could be written beside path: a reason it could not
	// (read-only file system, disk full, no permission), nil where it could.
	Room(path string, n int) error
	// RemoveAll removes a directory of Bridgehead's own; Rename moves one.
	RemoveAll(path string) error
	Rename(from, to string) error
	// Lock takes the exclusive lock that path names, or fails at once with ErrLocked.
	// A lock dies with its process.
	Lock(path string) (release func(), err error)
	// Holder is the pid of the process that holds the lock, 0 where none does.
	Holder(path string) (pid int, err error)
}

// File is a file, or with Exists false the absence of one.
type File struct {
	Exists  bool      `json:"exists"`
	Data    []byte    `json:"data,omitempty"`
	Mode    uint32    `json:"mode,omitempty"` // permission bits with setuid, setgid, sticky, as stat(2) has them
	UID     int       `json:"uid,omitempty"`
	GID     int       `json:"gid,omitempty"`
	ModTime time.Time `json:"mtime,omitzero"`
	Link    string    `json:"link,omitempty"` // target, where path is a symbolic link (Write goes through it)
}

// Packages is the host's package system (apt).
type Packages interface {
	// Installed returns the version of each of names that is installed and configured.
	Installed(ctx context.Context, names ...string) (map[string]string, error)
	// Install installs names without recommended packages; line gets each line of progress.
	Install(ctx context.Context, names []string, line func(string)) error
}

// Clock is time as the guard counts it: clock jumps do not matter.
type Clock interface {
	Now() time.Time
	// Boottime is the time since boot, suspended time included (CLOCK_BOOTTIME).
	Boottime() time.Duration
	// BootID changes with every boot (/proc/sys/kernel/random/boot_id).
	BootID() string
	// After is time.After on this clock.
	After(d time.Duration) <-chan time.Time
}

// Guard runs the watch that takes a trial back when nobody confirms it. It is
// owned by something that outlives the wizard and its terminal.
type Guard interface {
	// Kind says who will own the watch: "systemd" or "process".
	Kind() string
	// Arm starts the watch over the state directory and returns when it runs.
	Arm(ctx context.Context, stateDir string) error
	// Disarm ends the watch and removes whatever could start it again.
	Disarm(ctx context.Context, stateDir string) error
	// Left names what is there of a watch or of what could start it: units, scripts, files, a process that is not the
	// caller. There is none after Disarm.
	Left(ctx context.Context, stateDir string) []string
	// Armed says whether a watch runs.
	Armed(ctx context.Context, stateDir string) (bool, error)
	// Covers says what an armed guard survives on this host.
	Covers() Cover
}

// Cover is what a guard survives, beyond the end of the wizard, its terminal and its network.
type Cover struct {
	Killed  bool `json:"killed"`  // a watch that dies is started again
	Restart bool `json:"restart"` // after a restart or a power cut the host comes up as it was last confirmed
}
