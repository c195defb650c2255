package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// rack is the process that holds a lab: first process of its PID namespace, keeper
// of the storage of its nodes. It ends when the process that made the lab closes
// the control socket or dies, and takes every process of the lab along
// (pid_namespaces(7)).
type rack struct {
	mu    sync.Mutex
	nodes map[string]*powered
}

// powered is a node that runs.
type powered struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when its first process and so all of them have ended
	cg   string        // its cgroup, for systemd
	hold *os.File      // its first process waits until this is closed
	ends []func()      // run when it is switched off
}

// storage is where the rack's tmpfs is, in the rack's mount namespace.
const storage = "/run"

func rackMain() error {
	conn, err := net.FileConn(os.NewFile(3, "control"))
	if err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot make the mounts private: %w", err)
	}
	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	if err := mount("tmpfs", storage, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	r := &rack{nodes: map[string]*powered{}}
	srv := rpc.NewServer()
	if err := srv.RegisterName("Rack", r); err != nil {
		return err
	}
	srv.ServeConn(conn) // until the other end is closed
	for _, name := range sortedKeys(r.nodes) {
		err = errors.Join(err, r.nodes[name].off())
	}
	return err
}

// What the rack offers over its control socket (net/rpc):

// Boot starts a node from its nodeConfig and returns the PID of its first process,
// as the rack sees it. A node that was there before has its files again.
func (r *rack) Boot(config json.RawMessage, pid *int) error {
	var cfg nodeConfig
	if err := json.Unmarshal(config, &cfg); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p, err := r.boot(cfg)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", cfg.Name, err)
	}
	r.nodes[cfg.Name] = p
	*pid = p.cmd.Process.Pid
	return nil
}

// Release lets the first process of a node go on.
func (r *rack) Release(name string, _ *struct{}) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.nodes[name]
	if p == nil {
		return fmt.Errorf("%s does not run", name)
	}
	return p.hold.Close()
}

// Off kills a node, as a power cut would.
func (r *rack) Off(name string, _ *struct{}) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.nodes[name]
	if p == nil {
		return nil
	}
	delete(r.nodes, name)
	return p.off()
}

func (r *rack) boot(cfg nodeConfig) (*powered, error) {
	if r.nodes[cfg.Name] != nil {
		return nil, errors.New("it runs already")
	}
	if err := os.Mkdir(filepath.Join(storage, cfg.Name), 0o755); err == nil {
		cfg.First = true
	} else if !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	p := &powered{done: make(chan struct{})}
	if cfg.Name == hostNode {
		if err := p.openConsole(&cfg); err != nil {
			return nil, err
		}
	}
	err := p.start(cfg)
	if err == nil && len(cfg.Steal) > 0 {
		var stop func()
		if stop, err = steal(fmt.Sprintf("/proc/%d/ns/net", p.cmd.Process.Pid), cfg.Steal); err == nil {
			p.ends = append(p.ends, stop)
		}
	}
	if err != nil {
		return nil, errors.Join(err, p.off())
	}
	return p, nil
}

// openConsole gives the node a terminal as console; the rack passes on what is written there.
func (p *powered) openConsole(cfg *nodeConfig) error {
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("cannot open a console: %w", err)
	}
	cfg.Console = slave.Name()
	go func() { _, _ = io.Copy(os.Stdout, master) }() // until it is closed
	p.ends = append(p.ends, func() { master.Close(); slave.Close() })
	return nil
}

// start starts the node's first process and waits for its report.
func (p *powered) start(cfg nodeConfig) error {
	data, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	report, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()
	defer w.Close()
	held, hold, err := os.Pipe()
	if err != nil {
		return err
	}
	defer held.Close()
	p.hold = hold
	cmd := again(nodeArg)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
	cmd.ExtraFiles = []*os.File{w, held}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Setsid:     true,
	}
	if cfg.Systemd {
		dir, err := makeCgroup(cfg.Cgroup)
		if err != nil {
			return err
		}
		defer dir.Close()
		p.cg = cfg.Cgroup
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd = cmd
	go func() {
		_ = cmd.Wait() // how it ends is told by what it reported
		close(p.done)
	}()
	w.Close()
	if out, _ := io.ReadAll(report); string(out) != "ok" {
		return errors.New(string(out))
	}
	return nil
}

func (p *powered) off() error {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill() // or it has ended
		<-p.done
	}
	for _, end := range p.ends {
		end()
	}
	if p.hold != nil {
		p.hold.Close()
	}
	return removeCgroup(p.cg)
}

// makeCgroup makes a cgroup for a systemd.
func makeCgroup(dir string) (*os.File, error) {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("cannot make a cgroup for systemd: %w", err)
	}
	return os.Open(dir)
}

// removeCgroup removes a cgroup with all below it, once its processes are gone.
func removeCgroup(dir string) error {
	if dir == "" {
		return nil
	}
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		if err = removeDirs(dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("cannot remove the cgroup %s: %w", dir, err)
}

// removeDirs removes a tree of directories, the files of which go by themselves.
func removeDirs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeDirs(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return unix.Rmdir(dir)
}

func mount(src, dst, kind string, flags uintptr, data string) error {
	if err := unix.Mount(src, dst, kind, flags, data); err != nil {
		return fmt.Errorf("cannot mount %s on %s: %w", kind, dst, err)
	}
	return nil
}
