package tui

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// together is how long an escape sequence may take to arrive whole. Serial
// over LAN cuts an arrow key in pieces; without waiting, its first byte would
// be taken for the Esc key: Back.
const together = 200 * time.Millisecond

// keyboard is the terminal as Bubble Tea reads it.
type keyboard struct {
	*os.File
	gone func() // called when the terminal has gone away
}

// Read returns what was typed, escape sequences in one piece if they arrive in
// time.
func (k *keyboard) Read(p []byte) (int, error) {
	n, err := k.File.Read(p)
	for err == nil && n > 0 && n < len(p) && unfinished(p[:n]) && k.more() {
		var m int
		m, err = k.File.Read(p[n:])
		n += m
	}
	if err == nil && n > 0 {
		return n, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, unix.EIO) {
		k.gone()
	}
	return n, err
}

// more reports whether something arrives in time.
func (k *keyboard) more() bool {
	fds := []unix.PollFd{{Fd: int32(k.Fd()), Events: unix.POLLIN}}
	for end := time.Now().Add(together); ; {
		n, err := unix.Poll(fds, int(max(time.Until(end), 0)/time.Millisecond))
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n > 0 && fds[0].Revents&unix.POLLIN != 0
		}
	}
}

// unfinished reports whether p ends within a key's escape sequence: ESC alone,
// ESC O, ESC [ without a final byte, or ESC [ [ of the Linux console's F keys.
func unfinished(p []byte) bool {
	i := bytes.LastIndexByte(p, esc)
	if i < 0 || len(p)-i > 16 {
		return false
	}
	seq := p[i:]
	switch {
	case len(seq) == 1:
		return true
	case seq[1] == 'O':
		return len(seq) == 2
	case seq[1] != '[':
		return false
	case len(seq) == 3 && seq[2] == '[':
		return true
	}
	for _, b := range seq[2:] {
		if b >= 0x40 && b <= 0x7e {
			return false
		}
	}
	return true
}
