package link

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// outputKept is how much of a failed check's output its error carries: the end
// of it, in bytes.
const outputKept = 2048

// Command runs the operator's own check with /bin/sh -c, without input. All
// processes that it started and that still belong to it end with ctx.
func (p *Prober) Command(ctx context.Context, command string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second // a child left behind may hold the output open
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil && err != nil:
		return fmt.Errorf("the check %q did not end in time%s; make it quicker, or give it more time", command, said(out))
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	default:
		return fmt.Errorf("the check %q failed: %w%s", command, err, said(out))
	}
}

func said(out []byte) string {
	s := strings.TrimSpace(strings.ToValidUTF8(string(out), "?"))
	if s == "" {
		return ""
	}
	if len(s) > outputKept {
		s = "..." + strings.ToValidUTF8(s[len(s)-outputKept:], "")
	}
	return "; it said: " + s
}
