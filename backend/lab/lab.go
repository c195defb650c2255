package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Lab is a running lab. Its methods may be called from several goroutines, but not
// while Reboot or Close runs.
type Lab struct {
	spec   Spec
	rack   *exec.Cmd
	ctl    *rpc.Client
	cgroup string

	log, console lockedBuffer

	host, sw, client *node
	ifup             error // how ifup -a ended
}

// Up makes a lab and returns once the client reaches the host (where there is a way
// between them). When it fails, nothing of the lab is left. Several labs may run
// side by side. Packages that are missing are named by a *MissingError.
func Up(ctx context.Context, spec Spec) (*Lab, error) {
	spec, err := spec.filled()
	if err != nil {
		return nil, err
	}
	if err := spec.check(); err != nil {
		return nil, err
	}
	l := &Lab{spec: spec}
	if err := l.up(ctx); err != nil {
		err = errors.Join(err, l.Close())
		if ctx.Err() != nil {
			err = fmt.Errorf("%w (%w)", err, ctx.Err())
		}
		return nil, err
	}
	return l, nil
}

func (l *Lab) up(ctx context.Context) error {
	if l.spec.Systemd {
		var err error
		if l.cgroup, err = newCgroup(); err != nil {
			return err
		}
	}
	if err := l.startRack(); err != nil {
		return err
	}
	l.say("Making namespaces, a switch and a client")
	if err := l.startUpstream(); err != nil {
		return err
	}
	if err := l.bootHost(); err != nil {
		return err
	}
	if err := l.wireUpstream(ctx); err != nil {
		return err
	}
	return l.startHost(ctx)
}

// startRack starts the process that holds the lab.
func (l *Lab) startRack() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	theirs := os.NewFile(uintptr(fds[1]), "control")
	ours := os.NewFile(uintptr(fds[0]), "control")
	defer theirs.Close()
	defer ours.Close() // FileConn has a copy
	conn, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	l.ctl = rpc.NewClient(conn)
	cmd := again(rackArg)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stdout, cmd.Stderr = &l.console, &l.log
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // else Close lasts a second longer with -race
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID,
		Setsid:     true, // a Ctrl-C at the terminal is not for the lab
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the lab's namespaces: %w", err)
	}
	l.rack = cmd
	return nil
}

// boot starts a node's first process.
func (l *Lab) boot(cfg nodeConfig) (*node, error) {
	config, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	var pid int
	if err := l.ctl.Call("Rack.Boot", json.RawMessage(config), &pid); err != nil {
		return nil, fmt.Errorf("%w %s", err, strings.TrimSpace(l.log.String()))
	}
	return &node{name: cfg.Name, proc: fmt.Sprintf("/proc/%d/root/proc/%d", l.rack.Process.Pid, pid)}, nil
}

// startUpstream starts switch and client, not yet cabled.
func (l *Lab) startUpstream() error {
	// Without arp_ignore the ports of a userspace datapath answer for the bridge's address, each with its own MAC.
	sysctls := map[string]string{"ipv4/ip_forward": "1", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0", "ipv4/conf/all/arp_ignore": "1"}
	if l.spec.IPv6 {
		sysctls["ipv6/conf/all/forwarding"] = "1"
		sysctls["ipv6/conf/default/accept_dad"] = "0" // their addresses work at once
	} else {
		ipv6Off(sysctls)
	}
	var err error
	if l.sw, err = l.boot(nodeConfig{Name: switchNode, Hostname: "switch", Sysctls: sysctls, Clear: clearOVS}); err != nil {
		return err
	}
	if l.client, err = l.boot(nodeConfig{Name: clientNode, Hostname: "client", Sysctls: sysctls}); err != nil {
		return err
	}
	if l.spec.Switch == SwitchLinux {
		if err := l.sw.inNet(addSwitch); err != nil {
			return fmt.Errorf("cannot make the switch: %w", err)
		}
	}
	return nil
}

// wireUpstream connects the client and sets the router up.
func (l *Lab) wireUpstream(ctx context.Context) error {
	if err := l.cableClient(); err != nil {
		return fmt.Errorf("cannot cable the client: %w", err)
	}
	if l.spec.Switch == SwitchOVS {
		if err := l.sw.ovsSwitch(ctx); err != nil {
			return fmt.Errorf("cannot set up the switch: %w", err)
		}
	}
	if l.spec.Switch != SwitchNone {
		if err := l.sw.inNet(l.addressSwitch); err != nil {
			return fmt.Errorf("cannot set up the switch: %w", err)
		}
	}
	if err := l.client.inNet(l.addressClient); err != nil {
		return fmt.Errorf("cannot set up the client: %w", err)
	}
	if l.spec.DHCP || l.spec.RA {
		return l.serveDHCP()
	}
	return nil
}

// bootHost starts the host and cables it; its first process waits to be released.
func (l *Lab) bootHost() error {
	var err error
	if l.host, err = l.boot(l.hostConfig()); err != nil {
		return err
	}
	if err := l.wire(); err != nil {
		return err
	}
	return l.ctl.Call("Rack.Release", l.host.name, nil)
}

// say tells the one who waits what is being done.
func (l *Lab) say(what string) {
	if l.spec.Progress != nil {
		l.spec.Progress(what)
	}
}

// Close ends every process of the lab and with them everything it had. It may be
// called more than once.
func (l *Lab) Close() error {
	if l.ctl != nil {
		_ = l.ctl.Close()
		l.ctl = nil
	}
	if l.rack == nil {
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- l.rack.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-time.After(30 * time.Second):
		_ = l.rack.Process.Kill()
		<-ended
		err = errors.New("it had to be killed")
	}
	l.rack = nil
	if err == nil && l.cgroup != "" {
		err = removeCgroup(l.cgroup)
	}
	if err != nil {
		return fmt.Errorf("cannot end the lab cleanly: %w %s", err, strings.TrimSpace(l.log.String()))
	}
	return nil
}

// Log returns what the lab's own processes printed; a failed test may show it.
func (l *Lab) Log() string { return l.log.String() }

// Console returns what has been written to the host's /dev/console.
func (l *Lab) Console() string { return l.console.String() }

// lockedBuffer is a bytes.Buffer for several writers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
