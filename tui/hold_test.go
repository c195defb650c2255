package tui

import (
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Between the last screen and the end of the process nothing is shown of what is typed, nothing is a signal, and nothing
// is left for the shell: neither a line, nor half of one, nor what follows at once.
func TestWhatIsTypedIsHeldUntilTheEnd(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer tty.Close()
	before := modes(t, int(tty.Fd()))
	release := Hold(tty)
	held := modes(t, int(tty.Fd()))
	if held.Lflag&(unix.ECHO|unix.ISIG|unix.ICANON) != 0 || held.Oflag != before.Oflag || held.Iflag != before.Iflag {
		t.Errorf("held, the modes are %+v, before %+v", held, before)
	}
	typed := make(chan error, 1)
	go func() {
		for _, keys := range []string{"reboot\r", "rebo", "\x03", "ot\r"} {
			if _, err := master.WriteString(keys); err != nil {
				typed <- err
			}
			<-time.After(settled / 4)
		}
		typed <- nil
	}()
	release()
	if err := <-typed; err != nil {
		t.Fatal(err)
	}
	after := modes(t, int(tty.Fd()))
	if *after != *before {
		t.Errorf("the modes are\n%+v, were\n%+v", after, before)
	}
	raw := *after
	raw.Lflag &^= unix.ICANON // else the half of a line counts as nothing
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, &raw); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCINQ); err != nil || n != 0 {
		t.Errorf("%d characters are left for the shell (%v)", n, err)
	}
	release() // again: changes nothing
	if again := modes(t, int(tty.Fd())); *again != raw {
		t.Errorf("released twice: %+v", again)
	}
}

func modes(t *testing.T, fd int) *unix.Termios {
	t.Helper()
	modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return modes
}
