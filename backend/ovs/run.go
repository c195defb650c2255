package ovs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"bridgehead/backend"
)

// exitAlarm is how a shell spells death by SIGALRM, which ends the tools when
// their --timeout is over (ovs-vsctl(8)).
const exitAlarm = 128 + int(syscall.SIGALRM)

// run runs one of the tools for at most limit and returns what it prints, without
// the final newline. The tool's own --timeout comes first; a second later, or when
// ctx is done, it is killed.
func (s *Switch) run(ctx context.Context, limit time.Duration, tool string, args ...string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	seconds := max(1, int((limit+time.Second-1)/time.Second))
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds+1)*time.Second)
	defer cancel()

	cmd := exec.CommandContext(ctx, tool, append([]string{fmt.Sprintf("--timeout=%d", seconds)}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C at the wizard's terminal is not meant for it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second // to read what it printed, which a busy machine may take long for
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	began := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return strings.TrimSuffix(stdout.String(), "\n"), nil
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("there is no %s on this host; install the package openvswitch-switch", tool)
	case ctx.Err() != nil, errors.As(err, &exit) && alarmed(exit):
		return "", &backend.TimeoutError{What: what(tool, args), After: time.Since(began).Round(100 * time.Millisecond)}
	default:
		return "", fmt.Errorf("%s: %s", tool, complaint(tool, stderr.String(), err))
	}
}

func alarmed(exit *exec.ExitError) bool {
	w, ok := exit.Sys().(syscall.WaitStatus)
	return ok && (w.Signaled() && w.Signal() == syscall.SIGALRM || w.ExitStatus() == exitAlarm)
}

// what names a command by the first of its commands, as it would be typed.
func what(tool string, args []string) string {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	for i, a := range args {
		if a == "--" {
			args = args[:i]
			break
		}
	}
	return shell(append([]string{tool}, args...))
}

// logLine begins a line that a tool writes to its log, which is stderr.
var logLine = regexp.MustCompile(`^\d{4}-\d\d-\d\dT[^|]+\|\d+\|`)

// complaint is what a failed tool said, in one line and without its name.
func complaint(tool, stderr string, err error) string {
	var said []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(strings.TrimPrefix(line, tool+": "))
		if line != "" && !logLine.MatchString(line) {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return err.Error()
	}
	return strings.Join(said, "; ")
}
