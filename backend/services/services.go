// Package services is the host's init system: systemd over D-Bus, or the
// scripts of sysvinit.
package services

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"bridgehead/backend"
)

// The init systems, as Services.Manager names them.
const (
	Systemd  = "systemd"
	SysVinit = "sysvinit"
)

// New returns the services of the host, by whatever runs as its first process.
func New() backend.Services {
	switch detect("/") {
	case Systemd:
		return systemd{}
	case SysVinit:
		return sysvinit{"/etc"}
	}
	return none{}
}

// detect names the init system that runs: systemd where its run directory is there
// (sd_booted(3)); sysvinit where the first process is an init that is not
// systemd's, and there are its runlevels.
func detect(root string) string {
	if isDir(filepath.Join(root, "run/systemd/system")) {
		return Systemd
	}
	comm, _ := os.ReadFile(filepath.Join(root, "proc/1/comm"))
	link, _ := os.Readlink(filepath.Join(root, "sbin/init"))
	if string(comm) == "init\n" && filepath.Base(link) != "systemd" && isDir(filepath.Join(root, "etc/rc2.d")) {
		return SysVinit
	}
	return ""
}

func isDir(name string) bool {
	st, err := os.Lstat(name)
	return err == nil && st.IsDir()
}

// answer is how long the init system may take to answer a question.
const answer = 10 * time.Second

// start is how long a service may take to start where the context sets no
// deadline: systemd's own default (DefaultTimeoutStartSec), and a little.
const start = 95 * time.Second

// within bounds ctx by d, unless it has a deadline of its own.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}
