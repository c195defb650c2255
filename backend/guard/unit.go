package guard

import (
	"strings"

	"bridgehead/backend"
)

// unitDir is where an administrator's units are (systemd.unit(5)).
const unitDir = "/etc/systemd/system/"

// unitName is the unit that runs the watch.
const unitName = "bridgehead-guard.service"

// unit is a unit file that is there while the guard is armed.
type unit struct{ name, text string }

// units lists them all: what Arm writes, Disarm removes.
func units(stateDir string) []unit {
	return []unit{
		{unitName, watchUnit(stateDir)},
	}
}

// watchUnit is the unit of the watch. It depends on nothing that the change could
// break, neither network nor name service: DefaultDependencies=no, and only shutdown ends it.
// IgnoreOnIsolate keeps it through "systemctl isolate". What it has started, a DHCP
// client for instance, outlives it (KillMode=process), and it comes back
// as often as it fails (StartLimitIntervalSec=0).
func watchUnit(stateDir string) string {
	return `# Written by bridgehead while a change of the network waits to be confirmed.
[Unit]
Description=Bridgehead: take the change of the network back unless it is confirmed
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
IgnoreOnIsolate=yes
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=` + strings.Join(command(stateDir), " ") + `
Restart=on-failure
RestartSec=500ms
KillMode=process
TimeoutStartSec=20
TimeoutStopSec=30
OOMScoreAdjust=-900
UMask=0077
`
}

func writeUnits(stateDir string) error {
	for _, u := range units(stateDir) {
		if err := disk.Write(unitDir+u.name, backend.File{Exists: true, Data: []byte(u.text), Mode: 0o644}); err != nil {
			return err
		}
	}
	return nil
}

func removeUnits(stateDir string) error {
	for _, u := range units(stateDir) {
		if err := disk.Write(unitDir+u.name, backend.File{}); err != nil {
			return err
		}
	}
	return nil
}
