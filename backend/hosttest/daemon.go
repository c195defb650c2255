package hosttest

import (
	"bytes"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Daemon is a daemon in the foreground. It ends with the test that started it.
type Daemon struct {
	cmd   *exec.Cmd
	ended chan struct{}
	log   bytes.Buffer // complete once ended is closed
	once  sync.Once
}

// StartDaemon starts argv and waits until ready.
func StartDaemon(t testing.TB, ready func() bool, argv ...string) *Daemon {
	t.Helper()
	d := &Daemon{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.WaitDelay = time.Second // its own children may hold the pipe
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait()
	}()
	t.Cleanup(func() { d.Kill() })
	Eventually(t, argv[0]+" is ready", func() bool {
		select {
		case <-d.ended:
			t.Fatalf("%s ended: %s", argv[0], d.log.String())
		default:
		}
		return ready()
	})
	return d
}

// Signal sends a signal.
func (d *Daemon) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the daemon with SIGKILL; it has ended when Kill returns.
func (d *Daemon) Kill() {
	d.once.Do(func() { _ = d.cmd.Process.Kill() })
	<-d.ended
}

// Eventually waits until a condition holds, and fails the test when it does not
// within 20 seconds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited 20 s in vain until %s", what)
		}
	}
}
