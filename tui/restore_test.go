package tui

import (
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// TestKeysTypedAheadNeverReachTheShell: what the wizard has not read when it
// ends is gone.
func TestKeysTypedAheadNeverReachTheShell(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer tty.Close()
	waiting := func() int {
		n, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	found, err := prepare(tty, tty)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := term.MakeRaw(int(tty.Fd())); err != nil {
		t.Fatal(err)
	}
	if _, err := master.WriteString("reboot\r\n"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); waiting() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("what was typed does not arrive")
		}
	}
	found.restore(false)
	if n := waiting(); n != 0 {
		t.Errorf("%d characters are left for the shell", n)
	}
}
