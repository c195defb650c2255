// Package packages asks and runs the package system of Debian and Ubuntu:
// dpkg-query(1) and apt-get(8).
package packages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/process"
)

// New returns the host's package system.
func New() backend.Packages { return apt{} }

type apt struct{}

// name is a package name (Debian Policy 5.6.1). One that ends in "-" would
// mean to apt-get that the package is to go.
var name = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*[a-z0-9+]$`)

func valid(names []string) error {
	for _, n := range names {
		if !name.MatchString(n) {
			return fmt.Errorf("%q is no name of a package", n)
		}
	}
	return nil
}

// Installed returns the versions of those that are installed and configured; a
// package with triggers pending is, one that is only unpacked is not (dpkg(1)).
func (apt) Installed(ctx context.Context, names ...string) (map[string]string, error) {
	found := map[string]string{}
	if len(names) == 0 {
		return found, nil
	}
	if err := valid(names); err != nil {
		return nil, fmt.Errorf("cannot ask for installed packages: %w", err)
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, "dpkg-query", append([]string{"-W", "-f", `${Package} ${db:Status-Status} ${Version}\n`, "--"}, names...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdout, cmd.Stderr = &out, &said
	// It exits 1 where it does not know one of them, which is an answer.
	if err := cmd.Run(); err != nil && !onlyUnknown(err, said.String()) {
		return nil, fmt.Errorf("cannot ask for installed packages: dpkg-query: %w: %s", err, strings.TrimSpace(said.String()))
	}
	for line := range strings.Lines(out.String()) {
		f := strings.Fields(line)
		if len(f) == 3 && slices.Contains([]string{"installed", "triggers-pending", "triggers-awaited"}, f[1]) {
			found[f[0]] = f[2]
		}
	}
	return found, nil
}

func onlyUnknown(err error, said string) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		return false
	}
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "dpkg-query: no packages found matching ") {
			return false
		}
	}
	return true
}

// Install installs names without recommended packages. Configuration files
// that the operator has changed stay; no question is asked; no other package is
// removed. Where apt does not know a package, or what it knows is out of date, it
// runs "apt-get update" and tries once more.
func (apt) Install(ctx context.Context, names []string, line func(string)) error {
	if len(names) == 0 {
		return nil
	}
	if err := valid(names); err != nil {
		return fmt.Errorf("cannot install: %w", err)
	}
	said, err := get(ctx, line, append(slices.Clone(install), names...)...)
	if err != nil && ctx.Err() == nil && stale(said) {
		line("The package lists are missing or old: apt-get update")
		updated, updateErr := get(ctx, line, "update")
		if said, err = get(ctx, line, append(slices.Clone(install), names...)...); err != nil {
			said = append(updated, said...) // why the lists stay old is what counts
			err = errors.Join(updateErr, err)
		}
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("cannot install %s: %w; see what state it was left in: dpkg --audit", strings.Join(names, " "), ctx.Err())
	}
	if len(said) == 0 { // apt-get itself could not be run
		return fmt.Errorf("cannot install %s: %w", strings.Join(names, " "), err)
	}
	return fmt.Errorf("cannot install %s: %s; %s", strings.Join(names, " "), strings.Join(telling(said), "; "), advice(said, names))
}

// install is the command line that names follow.
var install = []string{
	"install", "--yes", "--no-install-recommends", "--no-remove",
	"-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
	"-o", "DPkg::Lock::Timeout=60", "--",
}

// get runs apt-get and returns the lines that it printed, each of which it has
// given to line as it came.
func get(ctx context.Context, line func(string), args ...string) ([]string, error) {
	return process.Tell(ctx, line, []string{"DEBIAN_FRONTEND=noninteractive", "APT_LISTCHANGES_FRONTEND=none",
		"NEEDRESTART_MODE=l"}, // Ubuntu's needrestart would restart services, networking among them
		append([]string{"apt-get"}, args...)...)
}

// changing are the words with which apt-get and dpkg begin to change the host; before them apt-get only reads and downloads.
var changing = []string{"Fetched ", "Extracting templates", "Preconfiguring packages", "Selecting previously unselected",
	"(Reading database", "Preparing to unpack", "Unpacking ", "Setting up ", "Processing triggers"}

// Changes says that a line of Install is printed once packages are being unpacked or configured: from then on
// stopping it would leave them half installed.
func Changes(line string) bool {
	return slices.ContainsFunc(changing, func(word string) bool { return strings.HasPrefix(line, word) })
}
