package hosttest

import (
	"context"
	"slices"
	"testing"

	"bridgehead/backend"
)

// Processes checks p, where pid is a process that runs on the host and may be
// stopped, and absent is one that does not.
func Processes(t *testing.T, p backend.Processes, pid, absent int) {
	ctx := t.Context()
	if !slices.ContainsFunc(list(t, p), func(q backend.Process) bool { return q.PID == p.Self() }) {
		t.Errorf("List lacks the process itself, %d", p.Self())
	}
	all := list(t, p)
	if !slices.IsSortedFunc(all, func(a, b backend.Process) int { return a.PID - b.PID }) {
		t.Error("List is not in the order of pids")
	}
	for _, q := range all {
		if q.PID <= 0 || q.Name == "" {
			t.Errorf("not a process: %+v", q)
		}
	}
	if env, err := p.Environ(ctx, absent); err != nil || len(env) != 0 {
		t.Errorf("environment of no process: %q, %v", env, err)
	}
	for _, stop := range []func(context.Context, int) error{p.Stop, p.Kill} {
		must(t, stop(ctx, absent))
	}
	for range 2 {
		must(t, p.Stop(ctx, pid))
		if slices.ContainsFunc(list(t, p), func(q backend.Process) bool { return q.PID == pid }) {
			t.Errorf("process %d goes on after Stop", pid)
		}
	}
}

func list(t *testing.T, p backend.Processes) []backend.Process {
	t.Helper()
	all, err := p.List(t.Context())
	must(t, err)
	return all
}
