// Package ovs is Open vSwitch, through ovs-vsctl(8) and ovs-appctl(8): the real
// backend.Switch. The tools, not the database protocol, so that what Bridgehead
// does is what an operator would type.
package ovs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"bridgehead/backend"
)

// Options say where things are and how long they may take. A zero field is the
// place and time of a Debian or Ubuntu host.
type Options struct {
	Timeout    time.Duration // of one command; 10 s. A command that only reads gets 5 s at most
	RunDir     string        // pid files: /run/openvswitch
	Database   string        // conf.db, where no running ovsdb-server tells: /etc/openvswitch/conf.db
	SysModules string        // modules in the running kernel: /sys/module
	Modules    string        // modules that could be loaded: /lib/modules/RELEASE
}

// Switch is Open vSwitch on this host. It holds no state and may be used by
// several goroutines at once.
type Switch struct{ opts Options }

var _ backend.Switch = (*Switch)(nil)

// readTimeout bounds commands that change nothing: they answer in milliseconds or not at all.
const readTimeout = 5 * time.Second

// New returns the Open vSwitch of this host. Nothing is started or looked at yet.
func New(opts Options) *Switch {
	if opts.Timeout == 0 {
		opts.Timeout = 10 * time.Second
	}
	if opts.RunDir == "" {
		opts.RunDir = "/run/openvswitch"
	}
	if opts.Database == "" {
		opts.Database = "/etc/openvswitch/conf.db"
	}
	if opts.SysModules == "" {
		opts.SysModules = "/sys/module"
	}
	if opts.Modules == "" {
		release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
		opts.Modules = filepath.Join("/lib/modules", strings.TrimSpace(string(release)))
	}
	return &Switch{opts}
}

// State implements backend.Switch. It starts two processes, side by side: one
// reads the database, the other asks ovs-vswitchd whether it lives. The bridges
// are told wherever the database answers, with ovs-vswitchd dead too: that is how
// one finds out what a transaction that timed out has left behind.
func (s *Switch) State(ctx context.Context) (backend.SwitchState, error) {
	if err := ctx.Err(); err != nil {
		return backend.SwitchState{}, fmt.Errorf("cannot read the state of Open vSwitch: %w", err)
	}
	st := backend.SwitchState{KernelModule: s.kernelModule()}
	if _, err := exec.LookPath("ovs-vsctl"); err != nil {
		st.Reason = "Open vSwitch is not installed: there is no ovs-vsctl (package openvswitch-switch)"
		return st, nil
	}
	st.Installed = true

	var version string
	var dead error
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		version, dead = s.run(ctx, s.readTimeout(), "ovs-appctl", "-t", "ovs-vswitchd", "version")
	}()
	out, err := s.run(ctx, s.readTimeout(), "ovs-vsctl", listArgs()...)
	<-asked

	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return backend.SwitchState{}, fmt.Errorf("cannot read the state of Open vSwitch: %w", ctx.Err())
	case err != nil:
		st.Reason = silent("the database server ovsdb-server", err)
		return st, nil
	}
	if err := decode(strings.NewReader(out), &st); err != nil {
		return backend.SwitchState{}, fmt.Errorf("cannot read the state of Open vSwitch: %w", err)
	}
	st.Database = true
	if dead != nil {
		st.Reason = silent("the switch daemon ovs-vswitchd", dead)
		return st, nil
	}
	st.Running = true
	st.Version = version[strings.LastIndexByte(version, ' ')+1:]
	return st, nil
}

// silent says in words why a daemon gave no answer.
func silent(daemon string, err error) string {
	var late *backend.TimeoutError
	switch text := err.Error(); {
	case errors.As(err, &late):
		return fmt.Sprintf("%s hangs: no answer within %s; restart it: systemctl restart openvswitch-switch", daemon, late.After)
	case strings.Contains(text, "Permission denied"):
		return fmt.Sprintf("%s may not be asked (permission denied); run as root", daemon)
	case strings.Contains(text, "(No such process)"), strings.Contains(text, "(No such file or directory)"), strings.Contains(text, "(Connection refused)"):
		return fmt.Sprintf("%s is not running; start it: systemctl start openvswitch-switch", daemon)
	default:
		return fmt.Sprintf("%s does not answer: %v", daemon, err)
	}
}

// Transact implements backend.Switch. Options of the first command need no
// leading "--" in args.
func (s *Switch) Transact(ctx context.Context, args ...string) error {
	_, err := s.run(ctx, s.opts.Timeout, "ovs-vsctl", append([]string{"--"}, args...)...)
	return err
}

// Record implements backend.Switch.
func (s *Switch) Record(ctx context.Context, args ...string) error {
	_, err := s.run(ctx, s.opts.Timeout, "ovs-vsctl", append([]string{"--no-wait", "--"}, args...)...)
	return err
}

// Appctl implements backend.Switch; the answer comes without its final newline.
func (s *Switch) Appctl(ctx context.Context, args ...string) (string, error) {
	return s.run(ctx, s.opts.Timeout, "ovs-appctl", args...)
}

func (s *Switch) readTimeout() time.Duration { return min(readTimeout, s.opts.Timeout) }
