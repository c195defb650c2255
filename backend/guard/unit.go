package guard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"bridgehead/backend"
	"bridgehead/backend/file"
)

// unitDir is where an administrator's units are (systemd.unit(5)).
const unitDir = "/etc/systemd/system/"

// The units: one runs the watch, now and after a restart; the other undoes on disk
// what nobody confirmed, before the network starts.
const (
	unitName = "bridgehead-guard.service"
	bootName = "bridgehead-boot.service"
)

// wantedBy pulls both units in at every boot as long as the guard is armed.
const wantedBy = unitDir + "multi-user.target.wants/"

// unit is a unit file that is there while the guard is armed.
type unit struct{ name, text string }

// units lists them all: what Arm writes and enables, Disarm removes.
func units(stateDir string) []unit {
	return []unit{
		{bootName, bootUnit(stateDir)},
		{unitName, watchUnit(stateDir)},
	}
}

// watchUnit is the unit of the watch. It depends on nothing that the change could
// break, neither network nor name service: DefaultDependencies=no, and only shutdown ends it.
// IgnoreOnIsolate keeps it through "systemctl isolate". A death by a signal
// that to systemd is an orderly end is none (RestartForceExitStatus). What it has started, a DHCP
// client for instance, outlives it (KillMode=process), and it comes back
// as often as it fails (StartLimitIntervalSec=0). After a restart it goes on where
// the boot unit had to leave off: with the network and libvirt running.
func watchUnit(stateDir string) string {
	return `# Written by bridgehead while a change of the network waits to be confirmed.
[Unit]
Description=Bridgehead: take the change of the network back unless it is confirmed
DefaultDependencies=no
RequiresMountsFor=` + mounts(stateDir) + `
After=local-fs.target bridgehead-boot.service ovs-vswitchd.service networking.service libvirtd.service
Conflicts=shutdown.target
Before=shutdown.target
IgnoreOnIsolate=yes
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=` + strings.Join(command("watch", stateDir), " ") + `
Restart=on-failure
RestartForceExitStatus=SIGHUP SIGINT SIGTERM SIGPIPE
RestartSec=500ms
KillMode=process
TimeoutStartSec=20
TimeoutStopSec=30
OOMScoreAdjust=-900
UMask=0077

[Install]
WantedBy=multi-user.target
`
}

// bootUnit is the unit that a boot runs when the change was not confirmed, or is
// staged for it: with the database of Open vSwitch, before anything reads it or
// /etc/network/interfaces. Where it fails the boot goes on, and the watch tries again.
func bootUnit(stateDir string) string {
	return `# Written by bridgehead while a change of the network waits to be confirmed.
[Unit]
Description=Bridgehead: bring the network up as it was last confirmed
DefaultDependencies=no
RequiresMountsFor=` + mounts(stateDir) + ` /etc/network
Wants=ovsdb-server.service
After=local-fs.target systemd-remount-fs.service ovsdb-server.service
Before=ovs-vswitchd.service ifupdown-pre.service networking.service network.target
Conflicts=shutdown.target
Before=shutdown.target
ConditionPathExists=` + stateDir + `/current/journal.jsonl

[Service]
Type=oneshot
ExecStart=` + strings.Join(command("boot", stateDir), " ") + `
TimeoutStartSec=90
OOMScoreAdjust=-900
UMask=0077
StandardError=journal+console

[Install]
WantedBy=multi-user.target
`
}

// mounts are the paths whose disks have to be there for the state directory to be: it may be a link to a roomier disk, and
// systemd follows none (systemd.unit(5)).
func mounts(stateDir string) string {
	real, err := filepath.EvalSymlinks(stateDir)
	if err != nil || real == stateDir || !plain.MatchString(real) {
		return stateDir
	}
	return stateDir + " " + real
}

// hotplug is a drop-in for the unit that brings an interface of "allow-hotplug" up as soon as udev sees its NIC
// (ifupdown's ifup@.service): it, too, waits for the boot unit. A unit that is not there takes no harm.
const (
	hotplugDir  = unitDir + "ifup@.service.d/"
	hotplugName = "bridgehead.conf"
	hotplugText = `# Written by bridgehead while a change of the network waits to be confirmed.
[Unit]
After=` + bootName + `
`
)

func writeUnits(stateDir string) error {
	if err := disk.Write(hotplugDir+hotplugName, backend.File{Exists: true, Data: []byte(hotplugText), Mode: 0o644}); err != nil {
		return err
	}
	if err := syncDirs(unitDir); err != nil {
		return err
	}
	for _, u := range units(stateDir) {
		if err := disk.Write(unitDir+u.name, backend.File{Exists: true, Data: []byte(u.text), Mode: 0o644}); err != nil {
			return err
		}
		if err := enable(u.name); err != nil {
			return fmt.Errorf("cannot enable %s: %w", u.name, err)
		}
	}
	return nil
}

// enable does what systemctl enable does, durably.
func enable(name string) error {
	if err := os.MkdirAll(wantedBy, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(unitDir+name, wantedBy+name); err != nil && !os.IsExist(err) {
		return err
	}
	return syncDirs(wantedBy, unitDir)
}

// syncDirs makes the names in directories durable, as they are or are no longer there.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := file.SyncDir(dir); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// removeUnits removes them for good: first what a boot would start, then what it is.
func removeUnits(stateDir string) error {
	for _, u := range units(stateDir) {
		if err := os.Remove(wantedBy + u.name); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("cannot disable %s: %w", u.name, err)
		}
	}
	if err := syncDirs(wantedBy); err != nil {
		return fmt.Errorf("cannot disable the guard's units: %w", err)
	}
	for _, u := range units(stateDir) {
		if err := disk.Write(unitDir+u.name, backend.File{}); err != nil {
			return err
		}
	}
	return removeHotplug()
}

// unitFiles are all the files that writeUnits makes.
func unitFiles(stateDir string) []string {
	files := []string{hotplugDir + hotplugName}
	for _, u := range units(stateDir) {
		files = append(files, wantedBy+u.name, unitDir+u.name)
	}
	return files
}

// removeHotplug removes the drop-in, and its directory where nobody else has something in it.
func removeHotplug() error {
	if err := disk.Write(hotplugDir+hotplugName, backend.File{}); err != nil {
		return err
	}
	if err := os.Remove(hotplugDir); err != nil && !os.IsNotExist(err) && !errors.Is(err, syscall.ENOTEMPTY) {
		return fmt.Errorf("cannot remove %s: %w", hotplugDir, err)
	}
	return syncDirs(unitDir)
}
