package backend

import (
	"context"
	"net/netip"
)

// Services is the init system.
type Services interface {
	// Manager is "systemd", "sysvinit" or "" where neither runs.
	Manager() string
	// Unit reads one unit; a unit that does not exist has an empty Load.
	Unit(ctx context.Context, name string) (Unit, error)
	Start(ctx context.Context, name string) error
}

// Unit is a systemd unit.
type Unit struct {
	Name    string   `json:"name"`
	Load    string   `json:"load,omitempty"`    // loaded, not-found, masked
	Active  string   `json:"active,omitempty"`  // active, inactive, failed
	Enabled string   `json:"enabled,omitempty"` // enabled, disabled, static, masked
	After   []string `json:"after,omitempty"`
	Before  []string `json:"before,omitempty"`
}

// Processes is the process table and the table of TCP sockets.
type Processes interface {
	List(ctx context.Context) ([]Process, error)
	// Environ returns a process's environment, "NAME=value"; empty where it may not be read.
	Environ(ctx context.Context, pid int) ([]string, error)
	// Sockets returns the established TCP sockets of the network namespace.
	Sockets(ctx context.Context) ([]Socket, error)
	// Stop ends a process: SIGTERM, then SIGKILL; it has ended when Stop returns.
	// A process that is gone is no error.
	Stop(ctx context.Context, pid int) error
	// Kill ends a process by SIGKILL, which it cannot act on; it has ended when Kill returns.
	Kill(ctx context.Context, pid int) error
	// Start runs argv to its end (a daemon puts itself into the background) and
	// fails with what it printed.
	Start(ctx context.Context, argv ...string) error
	// Self is the pid of this process.
	Self() int
}

// Process is one process.
type Process struct {
	PID  int      `json:"pid"`
	PPID int      `json:"ppid"`
	Name string   `json:"name"` // comm
	Args []string `json:"args"`
	TTY  string   `json:"tty,omitempty"` // "tty1", "ttyS0", "pts/3"; "" without one
	UID  int      `json:"uid"`
}

// Socket is one established TCP connection.
type Socket struct {
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
	PIDs   []int          `json:"pids,omitempty"` // processes that hold it
	Listen bool           `json:"-"`
}
