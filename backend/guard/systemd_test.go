package guard

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"bridgehead/backend/lab"
)

// host is a lab with a real systemd, which has this test as its program.
type host struct{ *lab.Lab }

const (
	testProgram = "/opt/guard.test"
	stateDir    = "/var/lib/bridgehead"
)

func boot(t *testing.T) host {
	self, err := os.Executable()
	must(t, err)
	t.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") // or every command takes a second longer to end
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	l, err := lab.Up(ctx, lab.Spec{Systemd: true, NoOVS: true, Bind: map[string]string{testProgram: self}})
	must(t, err)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return host{l}
}

// try runs a command to its end.
func (h host) try(argv ...string) (string, error) {
	out, err := h.Host(argv...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (h host) run(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := h.try(argv...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return out
}

// stage says what part the watch is to play.
func (h host) stage(t *testing.T, part string) {
	t.Helper()
	h.run(t, "sh", "-c", "rm -rf "+stateDir+"; mkdir -m 700 "+stateDir+"; printf "+part+" >"+stateDir+"/part")
}

func (h host) property(t *testing.T, name string) string {
	t.Helper()
	return h.run(t, "systemctl", "show", "--value", "-p", name, unitName)
}

// nothing is left of the guard.
func (h host) clean(t *testing.T, files string) {
	t.Helper()
	if got := h.property(t, "LoadState") + " " + h.property(t, "ActiveState"); got != "not-found inactive" {
		t.Errorf("%s is %s", unitName, got)
	}
	if got := h.run(t, "ls", stateDir); strings.Join(strings.Fields(got), " ") != files {
		t.Errorf("left in the state directory: %q, want %q", got, files)
	}
	if got := h.run(t, "find", "/etc/systemd", "/run/systemd/system", "-name", "bridgehead*"); got != "" {
		t.Errorf("left: %s", got)
	}
	if got := h.run(t, testProgram, "armed", stateDir); got != "systemd false" {
		t.Errorf("Armed says %q", got)
	}
	if got := h.run(t, testProgram, "left", stateDir); got != "" {
		t.Errorf("Left says %s", got)
	}
}

func TestUnderSystemd(t *testing.T) {
	h := boot(t)
	t.Run("systemd owns the watch", func(t *testing.T) {
		h.stage(t, "unit")
		h.clean(t, "part")
		h.run(t, testProgram, "arm", stateDir)
		if got := h.run(t, testProgram, "armed", stateDir); got != "systemd true" {
			t.Errorf("Armed says %q", got)
		}
		if got := h.run(t, testProgram, "armed", "/var/lib/other"); got != "systemd false" {
			t.Errorf("over another state directory Armed says %q", got)
		}
		pid := h.property(t, "MainPID")
		if got := h.run(t, "readlink", "/proc/"+pid+"/exe"); got != program(stateDir) {
			t.Errorf("it runs %s", got)
		}
		if got := h.run(t, "stat", "-c", "%a %U", program(stateDir), stateDir+"/guard"); got != "700 root\n700 root" {
			t.Errorf("modes and owners: %s", got)
		}
	})
	t.Run("a watch that dies is started again", func(t *testing.T) {
		for _, signal := range []string{"KILL", "HUP", "INT"} { // the last two are orderly ends to systemd
			pid := h.property(t, "MainPID")
			h.run(t, "kill", "-"+signal, pid)
			eventually(t, "another watch runs after SIG"+signal, func() bool {
				now := h.property(t, "MainPID")
				return h.property(t, "ActiveState") == "active" && now != pid && now != "0"
			})
		}
	})
	t.Run("it stays through a change of target", func(t *testing.T) {
		pid := h.property(t, "MainPID")
		h.run(t, "systemctl", "isolate", "multi-user.target")
		if now := h.property(t, "MainPID"); now != pid {
			t.Errorf("the watch was %s and is %s", pid, now)
		}
	})
	t.Run("Arm begins anew", func(t *testing.T) {
		pid := h.property(t, "MainPID")
		h.run(t, testProgram, "arm", stateDir)
		if now := h.property(t, "MainPID"); now == pid || now == "0" {
			t.Errorf("the watch was %s and is %s", pid, now)
		}
	})
	t.Run("Disarm leaves nothing", func(t *testing.T) {
		for range 2 {
			h.run(t, testProgram, "disarm", stateDir)
			h.clean(t, "part")
		}
	})
	t.Run("what cannot be removed is named, and goes later", func(t *testing.T) {
		h.run(t, testProgram, "arm", stateDir)
		want := []string{hotplugDir + hotplugName, wantedBy + bootName, unitDir + bootName, wantedBy + unitName, unitDir + unitName, program(stateDir), unitName + ", which runs"}
		if got := h.run(t, testProgram, "left", stateDir); got != strings.Join(want, "\n") {
			t.Errorf("of an armed guard Left says %s", got)
		}
		h.run(t, "sh", "-c", "rm "+unitDir+bootName+"; mkdir -p "+unitDir+bootName+"/in-the-way")
		if out, err := h.try(testProgram, "disarm", stateDir); err == nil || !strings.Contains(out, bootName) {
			t.Errorf("%v: %s", err, out)
		}
		if got := h.run(t, testProgram, "left", stateDir); !strings.HasPrefix(got, unitDir+bootName) && !strings.Contains(got, "\n"+unitDir+bootName) {
			t.Errorf("Left says %s", got)
		}
		h.run(t, "rm", "-r", unitDir+bootName)
		h.run(t, testProgram, "disarm", stateDir)
		h.clean(t, "part")
	})
	t.Run("the watch disarms itself and finishes", func(t *testing.T) {
		h.stage(t, "unit")
		h.run(t, testProgram, "arm", stateDir)
		h.run(t, "kill", "-USR1", h.property(t, "MainPID"))
		eventually(t, "it has finished", func() bool { return h.property(t, "ActiveState") == "inactive" })
		h.clean(t, "finished part")
	})
	t.Run("from a disk that runs no programs nothing is started, and that is said", func(t *testing.T) {
		h.stage(t, "unit")
		h.run(t, "mount", "-t", "tmpfs", "-o", "noexec", "none", stateDir)
		out, err := h.try(testProgram, "arm", stateDir)
		h.run(t, "umount", stateDir)
		if err == nil || !strings.Contains(out, "which is mounted noexec; findmnt -T "+stateDir) {
			t.Errorf("%v: %s", err, out)
		}
		h.clean(t, "part")
	})
	t.Run("a watch that cannot start is an error and leaves nothing", func(t *testing.T) {
		h.stage(t, "fail")
		out, err := h.try(testProgram, "arm", stateDir)
		if err == nil || !strings.HasPrefix(out, "cannot start bridgehead-guard.service: it failed; see journalctl -u bridgehead-guard.service") {
			t.Errorf("%v: %s", err, out)
		}
		h.clean(t, "part")
	})
	t.Run("a failed unit of before does not stand in the way", func(t *testing.T) {
		h.stage(t, "fail")
		h.run(t, "sh", "-c", "printf '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n' >"+unitDir+unitName+"; systemctl daemon-reload; ! systemctl start "+unitName+" && systemctl is-failed "+unitName)
		h.stage(t, "unit")
		h.run(t, testProgram, "arm", stateDir)
		h.run(t, testProgram, "disarm", stateDir)
		h.clean(t, "part")
	})
	t.Run("no D-Bus daemon is needed", func(t *testing.T) {
		h.stage(t, "unit")
		h.run(t, "systemctl", "stop", "dbus.socket", "dbus.service")
		h.run(t, testProgram, "arm", stateDir)
		h.run(t, testProgram, "disarm", stateDir)
		h.clean(t, "part")
	})
}
