package process

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Tell runs argv to its end, in English, with env beside the own environment. It returns the lines that it
// printed, each of which it has given to line as it came. When ctx ends, the program is asked to stop (SIGINT), and
// killed if it has not within 15 s.
func Tell(ctx context.Context, line func(string), env []string, argv ...string) ([]string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(append(os.Environ(), env...), "LC_ALL=C")
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = w, w
	// A session of its own: Ctrl-C at the terminal is for the wizard, and its work is not to be torn.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGINT) }
	cmd.WaitDelay = 15 * time.Second
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	out, read := &lines{each: line}, make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(out, r) // ends by the deadline below, or with the program
		out.end()
	}()
	err = cmd.Wait()
	// A daemon that it has started may keep the output open for ever.
	_ = r.SetReadDeadline(time.Now().Add(time.Second))
	<-read
	return out.all, err
}

// lines cuts what is written to it into lines.
type lines struct {
	each func(string)
	rest []byte
	all  []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexAny(l.rest, "\r\n")
		if i < 0 {
			return len(p), nil
		}
		l.add(string(l.rest[:i]))
		l.rest = l.rest[i+1:]
	}
}

func (l *lines) end() { l.add(string(l.rest)) }

func (l *lines) add(s string) {
	if s = strings.TrimSpace(s); s != "" {
		l.all = append(l.all, s)
		l.each(s)
	}
}
