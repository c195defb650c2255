package hosttest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// stage tells the processes of one test binary apart: the one that go test started,
// PID 1 of the namespaces, and the one that runs the tests.
const stage = "BRIDGEHEAD_TEST_STAGE"

// Main runs a package's tests on a throw-away host: a network, mount, PID, UTS and IPC
// namespace of its own, with overlays over /etc and /var and an empty /run. It is
// called by TestMain, needs root, and does not return. Whatever a test starts or
// changes there is gone when the tests end, however they end.
func Main(m *testing.M) {
	switch os.Getenv(stage) {
	case "":
		os.Exit(enter())
	case "init":
		os.Exit(initialise())
	default:
		os.Exit(m.Run())
	}
}

// enter starts this program again as PID 1 of new namespaces.
func enter() int {
	runtime.LockOSThread() // Pdeathsig means the death of the thread
	cmd := again("init")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot run the tests in namespaces of their own (root is needed): %v\n", err)
		return 1
	}
	return 0
}

func again(as string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), stage+"="+as)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// initialise is PID 1: it makes the host, starts the tests, and collects orphans,
// for which the likes of libvirt wait.
func initialise() int {
	if err := furnish(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot make a host in namespaces: %v\n", err)
		return 1
	}
	tests := again("tests")
	if err := tests.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			fmt.Fprintln(os.Stderr, err)
			return 1
		case pid == tests.Process.Pid && status.Exited():
			return status.ExitStatus()
		case pid == tests.Process.Pid:
			fmt.Fprintf(os.Stderr, "the tests were ended by %v\n", status.Signal())
			return 1
		}
	}
}

// furnish makes the namespaces look like a host of their own.
func furnish() error {
	const private, bind = syscall.MS_PRIVATE | syscall.MS_REC, syscall.MS_BIND | syscall.MS_REC
	mounts := []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		{"", "/", "", private, ""},
		{"proc", "/proc", "proc", 0, ""},
		{"tmpfs", "/run", "tmpfs", 0, "mode=755"},
		{"/sys/fs/cgroup", "/run/lower/cgroup", "", bind, ""},
		{"sysfs", "/sys", "sysfs", 0, ""}, // with the /sys/class/net of this network namespace
		{"/run/lower/cgroup", "/sys/fs/cgroup", "", bind, ""},
		{"overlay", "/etc", "overlay", 0, "lowerdir=/etc,upperdir=/run/lower/etc,workdir=/run/lower/etc.work"},
		{"overlay", "/var", "overlay", 0, "lowerdir=/var,upperdir=/run/lower/var,workdir=/run/lower/var.work"},
	}
	for _, m := range mounts {
		if m.source == "/run/lower/cgroup" || m.kind == "overlay" || m.flags == bind {
			for _, d := range []string{"cgroup", "etc", "etc.work", "var", "var.work"} {
				if err := os.MkdirAll("/run/lower/"+d, 0o755); err != nil {
					return err
				}
			}
		}
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := syscall.Sethostname([]byte("host")); err != nil {
		return err
	}
	// The name must resolve, or libvirt waits for the DNS.
	if err := os.WriteFile("/etc/hosts", []byte("127.0.0.1 localhost\n127.0.1.1 host\n"), 0o644); err != nil {
		return err
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// NIC makes a network card with its cable: a veth pair whose other end is called
// name with "-far" appended. Both are down and go away with the test.
func NIC(t testing.TB, name string) {
	t.Helper()
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name + "-far"}
	if err := netlink.LinkAdd(veth); err != nil {
		t.Fatalf("cannot make NIC %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := netlink.LinkDel(veth); err != nil {
			t.Errorf("cannot remove NIC %s: %v", name, err)
		}
	})
}
