package guard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bridgehead/backend/process"
)

// stage makes a state directory for a watch that plays a part.
func stage(t *testing.T, part string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "part"), []byte(part), 0o600))
	t.Cleanup(func() {
		if pid, _ := find(dir); pid != 0 {
			unix.Kill(pid, unix.SIGKILL)
		}
	})
	return dir
}

func armed(t *testing.T, dir string) bool {
	t.Helper()
	on, err := processGuard{}.Armed(t.Context(), dir)
	must(t, err)
	return on
}

// arm arms, and returns the pid of the watch.
func arm(t *testing.T, dir string) int {
	t.Helper()
	must(t, processGuard{}.Arm(t.Context(), dir))
	pid, err := find(dir)
	must(t, err)
	if !armed(t, dir) || pid == 0 {
		t.Fatal("not armed")
	}
	return pid
}

func TestTheWatchStandsAlone(t *testing.T) {
	dir := stage(t, "watch")
	if armed(t, dir) {
		t.Error("armed before Arm")
	}
	pid := arm(t, dir)
	link := func(name string) string {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, name))
		must(t, err)
		return target
	}
	for name, want := range map[string]string{
		"exe": program(dir), "cwd": "/", "fd/0": "/dev/null", "fd/1": logFile(dir), "fd/2": logFile(dir),
	} {
		if got := link(name); got != want {
			t.Errorf("its %s is %s, want %s", name, got, want)
		}
	}
	if sid, _ := unix.Getsid(pid); sid != pid {
		t.Error("it has no session of its own")
	}
	eventually(t, "it has let go of the pipe to the wizard", func() bool {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/3", pid))
		return err != nil || !strings.HasPrefix(target, "pipe:")
	})
	if ignored := signals(t, pid, "SigIgn"); ignored&(1<<(unix.SIGHUP-1)) == 0 {
		t.Errorf("it does not ignore SIGHUP: %#x", ignored)
	}
	if st, err := os.Stat(program(dir)); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("the copy: %v, %v", st.Mode(), err)
	}
}

func signals(t *testing.T, pid int, which string) uint64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	_, rest, _ := strings.Cut(string(data), "\n"+which+":\t")
	hex, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(hex, 16, 64)
	must(t, err)
	return mask
}

func TestTheWatchOutlivesTheWizard(t *testing.T) {
	dir := stage(t, "watch")
	wizard := exec.Command("/proc/self/exe", "wizard", dir)
	out, err := wizard.StdoutPipe()
	must(t, err)
	must(t, wizard.Start())
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "armed\n" {
		t.Errorf("the wizard says %q", line)
	}
	unix.Kill(wizard.Process.Pid, unix.SIGKILL)
	wizard.Wait()
	if !armed(t, dir) {
		t.Error("the watch died with the wizard")
	}
	must(t, processGuard{}.Disarm(t.Context(), dir))
}

func TestDisarmLeavesNothing(t *testing.T) {
	dir := stage(t, "watch")
	pid := arm(t, dir)
	for range 2 {
		must(t, processGuard{}.Disarm(t.Context(), dir))
		if armed(t, dir) {
			t.Error("armed")
		}
		if _, err := process.StartTime(pid); err == nil {
			t.Error("the watch goes on")
		}
		left(t, dir, "guard.log", "part")
	}
}

func TestTheWatchDisarmsItself(t *testing.T) {
	dir := stage(t, "watch")
	pid := arm(t, dir)
	must(t, unix.Kill(pid, unix.SIGUSR1))
	eventually(t, "it has finished", func() bool {
		_, err := process.StartTime(pid)
		return errors.Is(err, os.ErrNotExist)
	})
	left(t, dir, "finished", "guard.log", "part")
}

func TestArmReplacesTheWatch(t *testing.T) {
	dir := stage(t, "watch")
	first := arm(t, dir)
	second := arm(t, dir)
	if _, err := process.StartTime(first); err == nil || first == second {
		t.Errorf("the first watch, %d, goes on beside %d", first, second)
	}
	must(t, processGuard{}.Disarm(t.Context(), dir))
}

func TestArmSaysWhyItCannot(t *testing.T) {
	dir := stage(t, "fail")
	err := processGuard{}.Arm(t.Context(), dir)
	if err == nil || err.Error() != "cannot start the watch: it ended at once: cannot read the journal" {
		t.Errorf("%v", err)
	}
	left(t, dir, "guard.log", "part")

	dir = stage(t, "mute")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // called off once the watch runs
		for pid := 0; pid == 0 && t.Context().Err() == nil; {
			pid, _ = find(dir)
		}
		cancel()
	}()
	if err := (processGuard{}).Arm(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if armed(t, dir) {
		t.Error("armed all the same")
	}
	for _, dir := range []string{"", "state", "/var/lib/a b", "/var/lib/%h", "/var/lib/$x", "/x\n[Service]"} {
		for _, g := range []interface {
			Arm(context.Context, string) error
		}{processGuard{}, unitGuard{}} {
			if err := g.Arm(t.Context(), dir); err == nil {
				t.Errorf("armed over %q", dir)
			}
		}
	}
}

// Whoever starts the watch may die before its pid is written down.
func TestNoWatchWithoutItsPid(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ran")
	err := exec.Command("/bin/sh", "-c", launch, "x", "touch", mark).Run() // stdin is /dev/null
	if _, statErr := os.Stat(mark); err == nil || statErr == nil {
		t.Error("it went ahead")
	}
}

// A pid file that is left over must not hit whoever has the pid now.
func TestForeignProcessesAreSafe(t *testing.T) {
	other := exec.Command("sleep", "60")
	must(t, other.Start())
	defer func() { other.Process.Kill(); other.Wait() }()
	start, err := process.StartTime(other.Process.Pid)
	must(t, err)
	boot := process.Clock().BootID()
	for _, m := range []mark{{other.Process.Pid, start + 1, boot}, {other.Process.Pid, start, "another boot"}} {
		dir := stage(t, "watch")
		data, err := json.Marshal(m)
		must(t, err)
		must(t, os.WriteFile(pidFile(dir), data, 0o600))
		if armed(t, dir) {
			t.Errorf("%+v counts as a watch", m)
		}
		must(t, processGuard{}.Disarm(t.Context(), dir))
		if _, err := process.StartTime(other.Process.Pid); err != nil {
			t.Fatalf("%+v: it was ended", m)
		}
		left(t, dir, "part")
	}
}

// left compares what a state directory holds.
func left(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("left in the state directory: %q, want %q", got, want)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
