package strike

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Faults are all there are.
var Faults = []string{"error", "killed", "hang-up", "disk full", "read-only",
	"vswitchd dead", "vswitchd hung", "ovsdb dead", "ovsdb hung", "libvirtd dead", "libvirtd hung"}

// OfDaemon says whether it happens to a daemon.
func OfDaemon(fault string) bool {
	return strings.HasSuffix(fault, " dead") || strings.HasSuffix(fault, " hung")
}

// errInjected is what a change fails with that is to fail.
var errInjected = errors.New("injected")

// daemons are the programs of those that can be dead or hang.
var daemons = map[string]string{"vswitchd": "ovs-vswitchd", "ovsdb": "ovsdb-server", "libvirtd": "libvirtd"}

// hit lets it happen.
func (s Strike) hit() error {
	if _, err := os.Stat(StruckPath); err == nil {
		return nil // once is enough
	}
	note(StruckPath, s.Fault)
	name, what, _ := strings.Cut(s.Fault, " ")
	switch {
	case s.Fault == "error":
		return errInjected
	case s.Fault == "killed":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	case s.Fault == "hang-up":
		if _, _, errno := unix.Syscall(unix.SYS_VHANGUP, 0, 0, 0); errno != 0 {
			panic(errno)
		}
	case s.Fault == "disk full":
		fillDisk()
	case s.Fault == "read-only":
		shell(readOnly)
	case what == "dead":
		signalDaemon(daemons[name], unix.SIGKILL)
	case what == "hung":
		signalDaemon(daemons[name], unix.SIGSTOP)
	default:
		panic("no fault " + s.Fault)
	}
	return nil
}

// disk is on what can be full.
const disk = "/run/disk"

// OwnDisk is a script that gives the host a small disk of its own for all that is written. Open vSwitch must not run.
func OwnDisk(megabytes int) string {
	return fmt.Sprintf(`mkdir %[1]s; mount -t tmpfs -o size=%[2]dm tmpfs %[1]s
for d in /etc/network /etc/libvirt /var/lib/bridgehead /var/lib/openvswitch; do
	mkdir -p $d %[1]s$d; cp -a $d/. %[1]s$d; mount --bind %[1]s$d $d
done
mountpoint -q /etc || mount --rbind /etc /etc
`, disk, megabytes)
}

// Heal ends what a fault began, as a script. A daemon that is dead it leaves so.
const Heal = "rm -f " + disk + "/fill " + Path + "; for d in /etc /etc/libvirt /etc/network; do mount -o remount,bind,rw $d; done; " +
	"kill -CONT $(pidof ovs-vswitchd ovsdb-server libvirtd) 2>/dev/null || true"

// readOnly makes what is below /etc read-only.
const readOnly = "for d in /etc/network /etc/libvirt /etc; do mount -o remount,bind,ro $d; done"

// fillDisk leaves no byte on it.
func fillDisk() {
	f, err := os.OpenFile(disk+"/fill", os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 512; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			panic(err)
		}
	}
}

func shell(script string) {
	if out, err := exec.Command("/bin/sh", "-ec", script).CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%s: %v: %s", script, err, out))
	}
}

// signalDaemon signals a daemon by the name of its program, and waits until one that is killed is gone.
func signalDaemon(name string, sig unix.Signal) {
	out, err := exec.Command("pidof", name).Output()
	if err != nil {
		panic(fmt.Sprintf("%s does not run: %v", name, err))
	}
	for _, word := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			panic(err)
		}
		_ = unix.Kill(pid, sig)
		for sig == unix.SIGKILL && unix.Kill(pid, 0) == nil {
			<-time.After(time.Millisecond)
		}
	}
}
