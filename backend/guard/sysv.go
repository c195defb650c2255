package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/file"
)

// The scripts of sysvinit: one undoes on disk what nobody confirmed, before the network starts; the
// other starts the watch again, once the network and libvirt are there.
const (
	bootScriptName  = "bridgehead-boot"
	watchScriptName = "bridgehead-guard"
)

// bootScript is the place of the scripts below root.
type bootScript string

func (root bootScript) path(parts ...string) string {
	return filepath.Join(append([]string{string(root), "etc"}, parts...)...)
}

// fits says why a script could not run before the network on this host, nil where it can: the network has to be one
// of the scripts of runlevel S, and what orders the scripts has to be known.
func (root bootScript) fits() error {
	if _, err := os.Stat(root.path("init.d", "networking")); err != nil {
		return errors.New("there is no /etc/init.d/networking")
	}
	_, err := root.networking()
	return err
}

// networking is the name of the link that starts the network.
func (root bootScript) networking() (string, error) {
	links, _ := filepath.Glob(root.path("rcS.d", "S[0-9][0-9]networking"))
	if len(links) != 1 {
		return "", errors.New("no script of runlevel S starts the network")
	}
	return filepath.Base(links[0]), nil
}

// insserv orders the scripts by their headers; "" where their names do.
func (root bootScript) insserv() string {
	for _, path := range []string{"sbin/insserv", "usr/sbin/insserv", "usr/lib/insserv/insserv"} {
		if _, err := os.Stat(filepath.Join(string(root), path)); err == nil {
			if _, err := os.Stat(root.path("insserv.conf")); err == nil {
				return "/" + path
			}
		}
	}
	return ""
}

const scriptNote = "# Written by bridgehead while a change of the network waits to be confirmed.\n"

// bootText is the script that runs before the network. Debian starts Open vSwitch after the network: the
// script starts its database alone, since ovs-vswitchd must not take a NIC before that is clean.
func bootText(stateDir string) string {
	return `#!/bin/sh
### BEGIN INIT INFO
# Provides:          ` + bootScriptName + `
# Required-Start:    $local_fs
# Required-Stop:
# X-Start-Before:    networking
# Default-Start:     S
# Default-Stop:
# Short-Description: Bridgehead: bring the network up as it was last confirmed
### END INIT INFO
` + scriptNote + `PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
[ "$1" = start ] && [ -x ` + program(stateDir) + ` ] && [ -e ` + stateDir + `/current/journal.jsonl ] || exit 0
ctl=/usr/share/openvswitch/scripts/ovs-ctl
[ ! -x $ctl ] || $ctl --no-ovs-vswitchd --no-monitor --system-id=random --no-record-hostname start >/dev/null
exec ` + strings.Join(command("boot", stateDir), " ") + `
`
}

// watchText is the script that starts the watch again.
func watchText(stateDir string) string {
	return `#!/bin/sh
### BEGIN INIT INFO
# Provides:          ` + watchScriptName + `
# Required-Start:    $local_fs
# Required-Stop:
# Should-Start:      $network openvswitch-switch libvirtd
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: Bridgehead: take the change of the network back unless it is confirmed
### END INIT INFO
` + scriptNote + `[ "$1" = start ] && [ -x ` + program(stateDir) + ` ] && [ -e ` + stateDir + `/current/journal.jsonl ] || exit 0
exec ` + strings.Join(command("resume", stateDir), " ") + `
`
}

// insservTime is how long it may take to order the scripts.
const insservTime = 20 * time.Second

// installScripts writes and enables them, durably, and makes sure that the first comes before the network.
func installScripts(ctx context.Context, at, stateDir string) error {
	root, files := bootScript(at), file.New(at)
	for name, text := range map[string]string{bootScriptName: bootText(stateDir), watchScriptName: watchText(stateDir)} {
		if err := files.Write("/etc/init.d/"+name, backend.File{Exists: true, Data: []byte(text), Mode: 0o755}); err != nil {
			return err
		}
	}
	if err := root.enable(ctx); err != nil {
		return fmt.Errorf("cannot enable the guard's boot script: %w", err)
	}
	return syncDirs(root.dirs()...)
}

func (root bootScript) enable(ctx context.Context) error {
	if tool := root.insserv(); tool != "" {
		if err := run(ctx, tool, bootScriptName, watchScriptName); err != nil {
			return err
		}
	} else if err := root.link(); err != nil {
		return err
	}
	network, err := root.networking()
	if err != nil {
		return err
	}
	ours, _ := filepath.Glob(root.path("rcS.d", "S[0-9][0-9]"+bootScriptName))
	if len(ours) != 1 || filepath.Base(ours[0]) >= network {
		return fmt.Errorf("it does not come before %s: %v", network, ours)
	}
	return nil
}

// link enables them where the names of the links are the order: at the same number as the network, which ours
// sorts before, and at the end of the others.
func (root bootScript) link() error {
	network, err := root.networking()
	if err != nil {
		return err
	}
	links := map[string]string{root.path("rcS.d", network[:3]+bootScriptName): bootScriptName}
	for _, level := range []string{"2", "3", "4", "5"} {
		links[root.path("rc"+level+".d", "S99"+watchScriptName)] = watchScriptName
	}
	for link, name := range links {
		if err := os.Symlink("../init.d/"+name, link); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// removeScripts disables and removes them, durably. What is not there is no error.
func removeScripts(ctx context.Context, at string) error {
	root, files := bootScript(at), file.New(at)
	there := false
	for _, name := range []string{bootScriptName, watchScriptName} {
		f, err := files.Read("/etc/init.d/" + name)
		if err != nil {
			return err
		}
		there = there || f.Exists
	}
	links := root.links()
	for _, link := range links {
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("cannot disable the guard's boot script: %w", err)
		}
	}
	if len(links) > 0 {
		if err := syncDirs(root.dirs()...); err != nil {
			return fmt.Errorf("cannot disable the guard's boot script: %w", err)
		}
	}
	for _, name := range []string{bootScriptName, watchScriptName} {
		if err := files.Write("/etc/init.d/"+name, backend.File{}); err != nil {
			return err
		}
	}
	if tool := root.insserv(); there && tool != "" { // it writes down the order of those that are left
		if err := run(ctx, tool); err != nil {
			return err
		}
	}
	return syncDirs(root.dirs()...)
}

// links are those by which the scripts are enabled.
func (root bootScript) links() []string {
	links, _ := filepath.Glob(root.path("rc?.d", "[SK][0-9][0-9]bridgehead-*"))
	return links
}

// left lists the scripts and links that are there.
func (root bootScript) left() []string {
	return append(root.links(), there(root.path("init.d", bootScriptName), root.path("init.d", watchScriptName))...)
}

// dirs are where the scripts and their links are.
func (root bootScript) dirs() []string {
	dirs := []string{root.path("init.d")}
	for _, level := range []string{"S", "0", "1", "2", "3", "4", "5", "6"} {
		dirs = append(dirs, root.path("rc"+level+".d"))
	}
	return dirs
}

func run(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, insservTime)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(append([]string{name}, args...), " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
