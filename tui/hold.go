package tui

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A key that is held down, and the rest of one on a slow line, arrive within settled; nobody is kept longer than settling.
const (
	settled  = 100 * time.Millisecond
	settling = time.Second
)

// Hold keeps what is typed at a terminal from being shown, from being sent as
// a signal, and from whoever reads the terminal next, until release: that
// waits until nothing arrives any more, gives the modes back as they were
// found and drops all that came. It is a process's last act: what is typed
// afterwards belongs to the shell. Signals that would end the process before
// are caught from now on. Where in is no terminal, nothing is held.
func Hold(in *os.File) (release func()) {
	fd := int(in.Fd())
	found, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	silent := *found
	silent.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	silent.Cc[unix.VMIN], silent.Cc[unix.VTIME] = 1, 0
	_ = unix.IoctlSetTermios(fd, unix.TCSETS, &silent)
	return sync.OnceFunc(func() {
		settle(fd)
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, found)
		_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	})
}

// settle drops what arrives until nothing does.
func settle(fd int) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for end := time.Now().Add(settling); time.Now().Before(end); {
		n, err := unix.Poll(fds, int(settled/time.Millisecond))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil, n == 0, fds[0].Revents != unix.POLLIN: // quiet, or gone
			return
		}
		_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH)
	}
}
