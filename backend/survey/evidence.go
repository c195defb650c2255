package survey

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"

	"bridgehead/backend"
	"bridgehead/backend/interfaces"
)

// evidence is what Take was told, before anything is concluded from it.
type evidence struct {
	Options
	self    int
	manager string // init system
	cover   backend.Cover

	links   []backend.Link
	routes  []backend.Route
	rules   []backend.Rule
	sysctls map[string]string
	files   fileSet
	stanzas stanzaSet
	sw      backend.SwitchState
	virt    backend.VirtState
	units   map[string]backend.Unit // those that exist
	procs   processes
	environ map[int][]string
	sockets []backend.Socket
	armed   bool  // a watch runs
	full    error // why a change could not be written

	packages      map[string]string
	packagesKnown bool
	socketsKnown  bool

	owners owners // read from the files

	failed []Finding // parts that did not answer
}

// fileSet is the files that were looked for.
type fileSet struct {
	read       map[string]backend.File // existing ones
	unreadable map[string]error
	names      map[string]bool // existing names whose content does not matter
}

// Files whose content matters, as patterns.
var filesToRead = []string{
	"/etc/os-release", "/usr/lib/os-release", "/etc/hostname",
	"/proc/sys/kernel/hostname", "/proc/sys/kernel/osrelease", "/proc/cmdline", "/proc/mounts", "/proc/net/bonding/*",
	"/etc/default/networking", "/run/network/ifstate", "/etc/resolv.conf",
	"/etc/netplan/*.yaml", "/run/netplan/*.yaml", "/usr/lib/netplan/*.yaml", "/lib/netplan/*.yaml",
	"/etc/NetworkManager/NetworkManager.conf", "/etc/NetworkManager/conf.d/*.conf",
	"/run/NetworkManager/conf.d/*.conf", "/usr/lib/NetworkManager/conf.d/*.conf",
	"/etc/NetworkManager/system-connections/*", "/run/NetworkManager/system-connections/*",
	"/etc/systemd/network/*.network", "/etc/systemd/network/*.network.d/*.conf",
	"/run/systemd/network/*.network", "/run/systemd/network/*.network.d/*.conf",
	"/usr/lib/systemd/network/*.network", "/usr/lib/systemd/network/*.network.d/*.conf",
	"/lib/systemd/network/*.network", "/lib/systemd/network/*.network.d/*.conf",
	"/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg",
	"/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf",
}

// Names whose existence says enough.
var namesToSee = []string{
	"/etc/pve", "/usr/bin/pveversion", "/usr/share/ifupdown2", "/etc/network/ifupdown2",
	"/sbin/ifup", "/usr/sbin/ifup", "/usr/sbin/netplan",
	"/etc/rcS.d/*", "/etc/systemd/system", "/etc/systemd/system/*.wants/*", "/etc/systemd/system/*.requires/*",
	"/sys/module/bonding", "/lib/modules/*/kernel/drivers/net/bonding/bonding.ko*", "/usr/lib/modules/*/kernel/drivers/net/bonding/bonding.ko*",
	"/etc/cloud/cloud-init.disabled", "/sys/class/iscsi_session/*",
}

func readFiles(f backend.Files, stateDir string) (fileSet, error) {
	set := fileSet{read: map[string]backend.File{}, unreadable: map[string]error{}, names: map[string]bool{}}
	for _, pattern := range slices.Concat(filesToRead, firewallFiles) {
		names := []string{pattern}
		if strings.Contains(pattern, "*") {
			var err error
			if names, err = f.Glob(pattern); err != nil {
				return set, err
			}
		}
		for _, name := range names {
			file, err := f.Read(name)
			switch {
			case errors.Is(err, syscall.EISDIR), errors.Is(err, fs.ErrNotExist):
			case err != nil:
				set.unreadable[name] = err
			case file.Exists:
				set.read[name] = file
			}
		}
	}
	for _, pattern := range append(slices.Clone(namesToSee), journal(stateDir)) {
		names, err := f.Glob(pattern)
		if err != nil {
			return set, err
		}
		for _, name := range names {
			set.names[name] = true
		}
	}
	return set, nil
}

// journal is the record of a change that is not finished.
func journal(stateDir string) string { return stateDir + "/current/journal.jsonl" }

// text is the content of a file, "" where there is none.
func (s fileSet) text(name string) string { return string(s.read[name].Data) }

// in returns the names of the files below dir that end in suffix, sorted.
func (s fileSet) in(dir, suffix string) []string {
	var names []string
	for name := range s.read {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok && !strings.Contains(rest, "/") && strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// shadowed returns the files in dirs that end in suffix, in the order of their
// base names; of files with the same base name only that in the first directory
// (systemd.network(5), netplan(5)).
func (s fileSet) shadowed(suffix string, dirs ...string) []string {
	first := map[string]string{}
	for _, dir := range dirs {
		for _, name := range s.in(dir, suffix) {
			if base := strings.TrimPrefix(name, dir+"/"); first[base] == "" {
				first[base] = name
			}
		}
	}
	var names []string
	for _, base := range slices.Sorted(maps.Keys(first)) {
		names = append(names, first[base])
	}
	return names
}

// see says whether any of the names exists.
func (s fileSet) see(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return s.names[n] })
}

// seeBelow says whether dir has entries.
func (s fileSet) seeBelow(dir string) bool {
	for name := range s.names {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

const interfacesFile = "/etc/network/interfaces"

// stanzaSet is /etc/network/interfaces as parsed, or why it could not be.
type stanzaSet struct {
	config *interfaces.Config // nil where there is none, or it is not understood
	err    error
	read   map[string]backend.File // what was read for it
}

// source reads the files of interfaces(5) through the host, and keeps them.
type source struct {
	backend.Files
	read map[string]backend.File
}

func (s source) Read(name string) ([]byte, error) {
	f, err := s.Files.Read(name)
	if err != nil {
		return nil, err
	}
	if !f.Exists {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	s.read[name] = f
	return f.Data, nil
}

func readStanzas(f backend.Files) stanzaSet {
	s := source{f, map[string]backend.File{}}
	c, err := interfaces.Load(s, interfacesFile)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return stanzaSet{c, err, s.read}
}

// service says whether a service runs or will be started at boot, and how that is known.
func (e *evidence) service(unit, comm string) (bool, string) {
	if u, ok := e.units[unit]; ok && !e.Foreign {
		on := u.Active == "active" || u.Active == "activating" || strings.HasPrefix(u.Enabled, "enabled")
		return on, unit + " is " + u.Active + " and " + u.Enabled
	}
	for name := range e.files.names {
		if strings.HasSuffix(name, "/"+unit) {
			return true, name + " starts it at boot"
		}
	}
	if e.Foreign {
		if e.files.names["/etc/systemd/system"] {
			return false, unit + " is not enabled"
		}
		return true, "whether " + unit + " runs cannot be known"
	}
	for _, p := range e.procs {
		if p.Name == comm {
			return true, comm + " runs"
		}
	}
	return false, unit + " does not run"
}
