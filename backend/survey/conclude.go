package survey

import (
	"maps"
	"slices"
	"strings"

	"bridgehead/backend"
)

// conclude draws every conclusion. It asks nobody.
func conclude(e *evidence) Facts {
	e.readOwners()
	var f Facts
	f.Host = e.system()
	f.Sessions, f.Console.Unknown = e.sessions()
	f.Console = e.console(f.Console.Unknown)
	f.DHCP = e.dhcpClients()
	var claims map[string][]claim
	f.NICs, claims = e.nics(f.Sessions, f.DHCP)
	f.Config.Owner, f.Config.Reason = e.networkOwner(f.NICs, claims)
	f.Config.Files = e.configFiles(f.Config.Owner)
	f.Config.Interfaces = e.stanzas.configured()
	f.Switch, f.Virt = e.sw, e.virt
	if !f.Virt.Available && f.Virt.Reason == "" {
		f.Virt.Reason = "it gave no answer in time" // a finding says more
	}
	f.Packages = e.packageState()
	f.Boot = e.bootOrder()
	f.Services = e.uses()
	f.Firewall = e.firewall(f.NICs)
	f.Unfinished = e.files.see(journal(e.StateDir))
	f.Links, f.Routes, f.Rules, f.Sysctls = e.links, e.routes, e.rules, e.sysctls
	f.Interfaces = e.stanzas.config
	f.Files = e.keptFiles(f.Config.Files)
	f.Findings = e.findings(f, claims)
	return noNulls(f)
}

// system is the host itself.
func (e *evidence) system() System {
	s := System{Init: e.manager, Guard: e.cover, Root: e.Root, Foreign: e.Foreign}
	for _, name := range []string{"/proc/sys/kernel/hostname", "/etc/hostname"} {
		if s.Name == "" {
			s.Name = strings.TrimSpace(e.files.text(name))
		}
	}
	for _, name := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if s.OS == "" {
			s.OS = osRelease(e.files.text(name), "PRETTY_NAME")
		}
	}
	s.Kernel = strings.TrimSpace(e.files.text("/proc/sys/kernel/osrelease"))
	s.Bonding = e.files.see("/sys/module/bonding")
	for _, lib := range []string{"/lib/modules/", "/usr/lib/modules/"} {
		s.Bonding = s.Bonding || s.Kernel != "" && e.files.seeBelow(lib+s.Kernel+"/kernel/drivers/net/bonding")
	}
	return s
}

// osRelease is a value of os-release(5).
func osRelease(text, key string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}

// configFiles are the files of the program that owns the network, and those of
// interfaces(5) where they are there.
func (e *evidence) configFiles(owner string) []string {
	names := e.stanzas.files()
	if len(names) == 0 {
		if _, ok := e.files.read[interfacesFile]; ok || e.stanzas.err != nil {
			names = append(names, interfacesFile)
		}
	}
	switch owner {
	case "netplan":
		names = append(names, e.files.shadowed(".yaml", netplanDirs...)...)
	case "networkmanager":
		names = append(names, e.files.in("/etc/NetworkManager/system-connections", "")...)
	case "networkd":
		names = append(names, e.files.in("/etc/systemd/network", ".network")...)
	}
	return names
}

// keptFiles are those files as they are, and ifupdown's record of what is up.
func (e *evidence) keptFiles(names []string) map[string]backend.File {
	kept := map[string]backend.File{}
	for _, name := range append(slices.Clone(names), "/run/network/ifstate") {
		if f, ok := e.stanzas.read[name]; ok {
			kept[name] = f
		} else if f, ok := e.files.read[name]; ok {
			kept[name] = f
		}
	}
	return kept
}

// noNulls makes every list of the JSON an array.
func noNulls(f Facts) Facts {
	f.Sessions = orEmpty(f.Sessions)
	f.Findings = orEmpty(f.Findings)
	f.Config.Files = orEmpty(f.Config.Files)
	f.Switch.Bridges = slices.Clone(f.Switch.Bridges)
	for i, b := range f.Switch.Bridges {
		b.Ports = orEmpty(slices.Clone(b.Ports))
		for j := range b.Ports {
			b.Ports[j].Interfaces = orEmpty(b.Ports[j].Interfaces)
		}
		f.Switch.Bridges[i] = b
	}
	for i := range f.DHCP {
		f.DHCP[i].Args = orEmpty(f.DHCP[i].Args)
	}
	if f.Sysctls == nil {
		f.Sysctls = map[string]string{}
	}
	f.Sysctls = maps.Clone(f.Sysctls)
	return f
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
