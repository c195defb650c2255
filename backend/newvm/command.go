// Package newvm makes virtual machines with virt-install(1): what stands in the way, the command, and what came of it.
package newvm

import (
	"fmt"
	"path"
	"strings"

	"bridgehead/backend/answers"
	"bridgehead/backend/process"
)

// Args are the arguments of virt-install for c. It is the tutorial's command but for what has changed since: the
// VM is connected to the bridge from the start, and virt-install returns as soon as the VM runs.
func Args(c answers.CreateVM) []string {
	disk := fmt.Sprintf("path=%s,size=%d,format=%s", option(c.Disk.Path), c.Disk.Size, c.Disk.Format)
	network := "bridge=" + c.Bridge + ",virtualport_type=openvswitch"
	if c.Network != "" {
		network = "network=" + c.Network
		if c.PortGroup != "" {
			network += ",portgroup=" + c.PortGroup
		}
	}
	args := []string{"--connect", "qemu:///system", "--name", c.Name, "--memory", fmt.Sprint(c.Memory), "--vcpus", fmt.Sprint(c.VCPUs),
		"--disk", disk, "--cdrom", c.ISO, "--os-variant", system(c.OS), "--network", network + ",model=virtio"}
	if c.Console == answers.ConsoleSerial {
		args = append(args, "--graphics", "none", "--serial", "pty")
	} else {
		args = append(args, "--graphics", "vnc,listen=127.0.0.1")
	}
	return append(args, "--noautoconsole")
}

func system(os string) string {
	if os == "" {
		return "detect=on,require=off"
	}
	return os
}

// option writes s as the value of a part of an option. virt-install reads options as a shell does words, with
// commas for blanks.
func option(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `"`, `\"`, `'`, `\'`).Replace(s)
}

// Script are the commands that make c, as one would type them.
func Script(c answers.CreateVM) []string {
	return []string{
		"install -d " + process.Words(path.Dir(c.Disk.Path)),
		"virt-install " + process.Words(Args(c)...),
	}
}

// UndoScript are the commands that remove c, and what is on its disk.
func UndoScript(c answers.CreateVM) []string {
	return []string{
		"virsh destroy --domain " + process.Words(c.Name) + " || true",
		"virsh undefine --nvram --domain " + process.Words(c.Name),
		"rm -- " + process.Words(c.Disk.Path),
	}
}

// Console says how to get at a new VM, and how to start it again.
func Console(c answers.CreateVM) string {
	start := ". When the installer restarts the VM, it stops; then: virsh start --domain " + process.Words(c.Name)
	if c.Console == answers.ConsoleSerial {
		return "Its console: virsh console --domain " + process.Words(c.Name) + start
	}
	return "Its screen: virsh vncdisplay --domain " + process.Words(c.Name) + " says at which display of this host; reach it through SSH (ssh -L)" + start
}
