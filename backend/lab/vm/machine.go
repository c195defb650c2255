package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// devices is the device line of every guest. Addresses on the PCI bus are fixed: 3 makes the NIC
// ens3, and a saved state fits only the line that it was saved with.
const devices = "-nodefaults -no-user-config -machine pc -accel tcg,thread=multi -cpu max -smp 2 -m 512" +
	" -device VGA,addr=2" +
	" -device virtio-net-pci,netdev=n0,mac=" + NICMAC + ",speed=10000,duplex=full,romfile=,addr=3" +
	" -device virtio-blk-pci,drive=root,addr=10"

const kernelLine = "root=/dev/vda ro quiet mitigations=off console=tty0 console=ttyS0,115200"

// The guest's NIC and address, and its gateway, which is the peer.
const (
	NIC     = "ens3"
	NICMAC  = "52:54:00:00:02:10"
	Address = "192.0.2.10"
	Gateway = "192.0.2.1"
)

// The second NIC, for bonds.
const (
	NIC2      = "ens4"
	SecondMAC = "52:54:00:00:02:11"
)

// nics is how many cables lead to the peer.
const nics = 2

func nicSocket(n int) string  { return []string{"nic", "nic1"}[n] }
func peerSocket(n int) string { return []string{"peer", "peer1"}[n] }

// PlugNIC puts the second NIC into a guest that runs.
func (m *Machine) PlugNIC() error {
	unix := func(path string) map[string]any { return map[string]any{"type": "unix", "path": path} }
	if _, err := m.QMP("netdev_add", map[string]any{"type": "dgram", "id": "n1", "local": unix(nicSocket(1)), "remote": unix(peerSocket(1))}); err != nil {
		return err
	}
	_, err := m.QMP("device_add", map[string]any{"driver": "virtio-net-pci", "id": "nic1", "netdev": "n1", "mac": SecondMAC,
		"speed": 10000, "duplex": "full", "romfile": "", "addr": "4"})
	return err
}

// Cable plugs the cable of one of the NICs in, or pulls it.
func (m *Machine) Cable(nic int, in bool) error {
	_, err := m.QMP("set_link", map[string]any{"name": []string{"n0", "n1"}[nic], "up": in})
	return err
}

// Spec says how one guest is powered on.
type Spec struct {
	Image Image
	Dir   string // of its sockets and logs; short, for sockets' names are
	Disk  string // qcow2, an overlay of the image's or of a snapshot's disk
	State string // saved by Save, to go on from; "" powers on
	// SecondNIC has the guest powered on with two; one that goes on from a state gets it by PlugNIC.
	SecondNIC bool
	WriteLog  string // file to record every write to the disk in; "" does not
}

// Machine is a guest from power-on to power-off.
type Machine struct {
	Console *Line     // ttyS0, with a login prompt: what an operator has through IPMI
	Born    time.Time // power-on

	spec   Spec
	cmd    *exec.Cmd
	shell  *Line // ttyS1, see Sh
	asked  int   // questions to the shell
	qmp    *monitor
	exited chan struct{}
}

// startTime is how long QEMU may take to be there.
const startTime = 30 * time.Second

// Start powers a guest on, or goes on with one where it was saved.
func Start(ctx context.Context, s Spec) (*Machine, error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	for _, name := range []string{"console", "shell", "qmp", nicSocket(0), nicSocket(1)} {
		if err := os.Remove(filepath.Join(s.Dir, name)); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	if s.WriteLog != "" {
		if err := os.WriteFile(s.WriteLog, nil, 0o600); err != nil { // QEMU does not make it
			return nil, err
		}
	}
	m := &Machine{spec: s, exited: make(chan struct{}), Born: time.Now()}
	if err := m.launch(); err != nil {
		return nil, fmt.Errorf("cannot start QEMU: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := m.connect(ctx); err != nil {
		m.PowerCut()
		said, _ := os.ReadFile(filepath.Join(s.Dir, "qemu.log"))
		return nil, fmt.Errorf("cannot reach QEMU: %w\n%s", err, said)
	}
	return m, nil
}

func (s Spec) args() []string {
	a := strings.Fields(devices)
	a = append(a, "-no-reboot", "-display", "none",
		"-kernel", s.Image.kernel(), "-initrd", s.Image.initrd(), "-append", kernelLine,
		"-chardev", "socket,id=console,path=console,server=on,wait=off", "-serial", "chardev:console",
		"-chardev", "socket,id=shell,path=shell,server=on,wait=off", "-serial", "chardev:shell",
		"-qmp", "unix:qmp,server=on,wait=off",
		"-netdev", "dgram,id=n0,local.type=unix,local.path="+nicSocket(0)+",remote.type=unix,remote.path="+peerSocket(0),
		// What the guest flushes goes to the file, as a power cut of the guest needs it; not to this machine's disk.
		"-blockdev", "driver=file,node-name=file,filename="+s.Disk+",cache.no-flush=on")
	if s.SecondNIC {
		a = append(a, "-netdev", "dgram,id=n1,local.type=unix,local.path="+nicSocket(1)+",remote.type=unix,remote.path="+peerSocket(1),
			"-device", "virtio-net-pci,id=nic1,netdev=n1,mac="+SecondMAC+",speed=10000,duplex=full,romfile=,addr=4")
	}
	if s.WriteLog == "" {
		a = append(a, "-blockdev", "driver=qcow2,node-name=root,file=file")
	} else {
		a = append(a, "-blockdev", "driver=qcow2,node-name=disk,file=file",
			"-blockdev", "driver=blklogwrites,node-name=root,file=disk,log.driver=file,log.filename="+s.WriteLog+",log.cache.no-flush=on")
	}
	if s.State != "" {
		a = append(a, "-incoming", "exec:cat "+s.State)
	}
	return a
}

// launch starts QEMU on a thread that stays, for QEMU dies with the thread that started it (PR_SET_PDEATHSIG).
func (m *Machine) launch() error {
	said, err := os.Create(filepath.Join(m.spec.Dir, "qemu.log"))
	if err != nil {
		return err
	}
	m.cmd = exec.Command("qemu-system-x86_64", m.spec.args()...)
	m.cmd.Dir, m.cmd.Stdout, m.cmd.Stderr = m.spec.Dir, said, said
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer said.Close()
		err := m.cmd.Start()
		started <- err
		if err == nil {
			_ = m.cmd.Wait() // killed or ended, it is gone
			close(m.exited)
		}
	}()
	if err = <-started; err != nil {
		close(m.exited)
	}
	return err
}

func (m *Machine) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-m.exited:
			cancel(errors.New("it has ended"))
		case <-ctx.Done():
		}
	}()
	var err error
	if m.Console, err = openLine(ctx, filepath.Join(m.spec.Dir, "console")); err != nil {
		return err
	}
	if m.shell, err = openLine(ctx, filepath.Join(m.spec.Dir, "shell")); err != nil {
		return err
	}
	if m.qmp, err = openMonitor(ctx, filepath.Join(m.spec.Dir, "qmp")); err != nil {
		return err
	}
	if m.spec.State == "" {
		return nil
	}
	if err := m.await(ctx, "query-status", "inmigrate"); err != nil {
		return err
	}
	_, err = m.QMP("cont", nil)
	return err
}

// Ended is closed when the guest has powered off, rebooted (each boot is a machine of
// its own), or lost power.
func (m *Machine) Ended() <-chan struct{} { return m.exited }

// PowerCut takes the power away: the guest gets no warning. What it had not flushed may be lost.
func (m *Machine) PowerCut() {
	select {
	case <-m.exited:
	default:
		_ = m.cmd.Process.Kill()
		<-m.exited
	}
	m.Console.close()
	m.shell.close()
	m.qmp.close()
}
