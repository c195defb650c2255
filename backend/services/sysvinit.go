package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/process"
)

// sysvinit is the scripts below /etc. They know no order that could be asked for.
type sysvinit struct{ etc string }

func (sysvinit) Manager() string { return SysVinit }

// Unit reads what there is of a script: whether it exists, what it says of itself (status
// exits 0 where the service runs: LSB 3.2, 20.2), and whether runlevel 2 starts it.
func (s sysvinit) Unit(ctx context.Context, name string) (backend.Unit, error) {
	u := backend.Unit{Name: name}
	script, err := s.script(name)
	if err != nil {
		return u, nil
	}
	ctx, cancel := within(ctx, answer)
	defer cancel()
	u.Load, u.Active, u.Enabled = "loaded", "inactive", "disabled"
	switch err := exec.CommandContext(ctx, script, "status").Run(); {
	case ctx.Err() != nil:
		return u, fmt.Errorf("cannot read service %s: %s status: %w", name, script, ctx.Err())
	case err == nil:
		u.Active = "active"
	}
	if links, _ := filepath.Glob(filepath.Join(s.etc, "rc2.d/S[0-9][0-9]"+filepath.Base(script))); len(links) > 0 {
		u.Enabled = "enabled"
	}
	return u, nil
}

// Start runs the script's start.
func (s sysvinit) Start(ctx context.Context, name string) error {
	script, err := s.script(name)
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", name, err)
	}
	ctx, cancel := within(ctx, start)
	defer cancel()
	return process.New().Start(ctx, script, "start")
}

// script is the path of a service's script; a systemd name is taken as well.
func (s sysvinit) script(name string) (string, error) {
	name = strings.TrimSuffix(name, ".service")
	if name == "" || strings.ContainsAny(name, "/*?[") {
		return "", errors.New("this is no name of a service")
	}
	path := filepath.Join(s.etc, "init.d", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no %s", path)
	}
	return path, nil
}

// none is a host without an init system that we know: a container, or the installer.
type none struct{}

func (none) Manager() string { return "" }

func (none) Unit(_ context.Context, name string) (backend.Unit, error) {
	return backend.Unit{Name: name}, nil
}

func (none) Start(_ context.Context, name string) error {
	return fmt.Errorf("cannot start %s: this host runs neither systemd nor sysvinit; start it by hand", name)
}
