package sim

import (
	"context"

	"bridgehead/backend"
)

// guard is backend.Guard: systemd, where it runs, owns the watch.
type guard struct{ p *process }

func (g guard) Kind() string {
	if g.p.m.spec.Init == "systemd" {
		return "systemd"
	}
	return "process"
}

// Covers says what systemd would; a process of its own has nobody to start it again.
func (g guard) Covers() backend.Cover {
	return backend.Cover{Killed: g.Kind() == "systemd", Restart: g.Kind() == "systemd"}
}

func (g guard) Arm(ctx context.Context, stateDir string) error {
	return g.p.change(ctx, "arm the guard over "+stateDir, func() error {
		g.p.m.guards[stateDir] = g.p
		return nil
	})
}

func (g guard) Disarm(ctx context.Context, stateDir string) error {
	return g.p.change(ctx, "disarm the guard over "+stateDir, func() error {
		delete(g.p.m.guards, stateDir)
		return nil
	})
}

func (g guard) Left(ctx context.Context, stateDir string) []string {
	if armed, err := g.Armed(ctx, stateDir); err == nil && !armed {
		return nil
	}
	return []string{"bridgehead-guard.service", "bridgehead-boot.service"}
}

func (g guard) Armed(ctx context.Context, stateDir string) (bool, error) {
	return ask(ctx, g.p, func() (bool, error) {
		_, ok := g.p.m.guards[stateDir]
		return ok, nil
	})
}

// Armed says whether a watch is to run over the state directory: what OnTick asks
// before it does what a watch does.
func (m *Machine) Armed(stateDir string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.guards[stateDir]
	return ok
}
