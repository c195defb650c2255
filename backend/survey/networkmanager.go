package survey

import (
	"path"
	"slices"
	"strings"

	"bridgehead/backend"
)

// networkManager is NetworkManager's configuration.
type networkManager struct {
	conf     []entry // NetworkManager.conf with its snippets, what decides last
	keyfiles []keyfile
}

// keyfile is a connection (nm-settings-keyfile(5)).
type keyfile struct {
	name    string
	entries []entry
}

// networkManager reads the configuration (NetworkManager.conf(5)).
func (s fileSet) networkManager() networkManager {
	var m networkManager
	for _, dir := range []string{"/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections"} {
		for _, name := range s.in(dir, "") {
			m.keyfiles = append(m.keyfiles, keyfile{name, parseINI(s.text(name))})
		}
	}
	for _, name := range s.shadowed(".conf", "/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d", "/usr/lib/NetworkManager/conf.d") {
		if !strings.HasPrefix(name, "/etc/") {
			m.conf = append(m.conf, parseINI(s.text(name))...)
		}
	}
	m.conf = append(m.conf, parseINI(s.text("/etc/NetworkManager/NetworkManager.conf"))...)
	for _, name := range s.in("/etc/NetworkManager/conf.d", ".conf") {
		m.conf = append(m.conf, parseINI(s.text(name))...)
	}
	return m
}

// there says whether there is anything of NetworkManager's.
func (m networkManager) there() bool { return len(m.conf) > 0 || len(m.keyfiles) > 0 }

// owns says whether NetworkManager, where it runs, configures a link.
// listed says that interfaces(5) has a stanza of it: with the plugin ifupdown
// and managed=false, Debian's default, such a one is left alone.
func (m networkManager) owns(l backend.Link, listed bool) (Owner, bool) {
	if m.unmanaged(l) {
		return Owner{}, false
	}
	plugins, _ := last(m.conf, "main", "plugins")
	managed, _ := last(m.conf, "ifupdown", "managed")
	if listed && strings.Contains(plugins.value, "ifupdown") && !truth(managed.value) {
		return Owner{}, false
	}
	if o, ok := m.connection(l); ok {
		return o, true
	}
	// A NIC without a connection gets one, "Wired connection 1", unless told not to.
	if no, ok := last(m.conf, "main", "no-auto-default"); ok && nmMatches(no.value, l) {
		return Owner{}, false
	}
	return Owner{Kind: "networkmanager"}, true
}

// unmanaged evaluates [keyfile] unmanaged-devices and [device*] managed.
func (m networkManager) unmanaged(l backend.Link) bool {
	if u, ok := last(m.conf, "keyfile", "unmanaged-devices"); ok && nmMatches(u.value, l) {
		return true
	}
	for _, x := range m.conf {
		if !strings.HasPrefix(x.section, "device") || x.key != "managed" || truth(x.value) {
			continue
		}
		match, ok := last(m.conf, x.section, "match-device")
		if !ok || nmMatches(match.value, l) {
			return true
		}
	}
	return false
}

// nmMatches evaluates a list of devices, "interface-name:eth*;mac:…;except:…".
func nmMatches(list string, l backend.Link) bool {
	found := false
	for _, spec := range strings.FieldsFunc(list, func(r rune) bool { return r == ';' || r == ',' }) {
		spec, except := strings.CutPrefix(strings.TrimSpace(spec), "except:")
		if !nmSpec(spec, l) {
			continue
		}
		if except {
			return false
		}
		found = true
	}
	return found
}

func nmSpec(spec string, l backend.Link) bool {
	what, value, ok := strings.Cut(spec, ":")
	switch {
	case spec == "*":
		return true
	case !ok:
		return spec == l.Name
	}
	switch what {
	case "interface-name":
		if name, exact := strings.CutPrefix(value, "="); exact {
			return name == l.Name
		}
		return globs([]string{strings.TrimPrefix(value, "~")}, l.Name)
	case "mac":
		return strings.EqualFold(value, l.MAC) || l.PermMAC != "" && strings.EqualFold(value, l.PermMAC)
	case "type":
		return value == nmType(l)
	case "driver":
		name, _, _ := strings.Cut(value, "/")
		return globs([]string{name}, l.Driver)
	}
	return strings.Count(spec, ":") == 5 && strings.EqualFold(spec, l.MAC) // a bare MAC address
}

func nmType(l backend.Link) string {
	switch {
	case l.Wireless:
		return "wifi"
	case l.Kind == "bond", l.Kind == "bridge", l.Kind == "vlan", l.Kind == "team", l.Kind == "veth", l.Kind == "dummy":
		return l.Kind
	}
	return "ethernet"
}

// connection finds the connection of a link: the one that names it, else the
// first that fits.
func (m networkManager) connection(l backend.Link) (Owner, bool) {
	var fits Owner
	for _, k := range m.keyfiles {
		if kind, ok := last(k.entries, "connection", "type"); ok && !nmTypeFits(kind.value, l) {
			continue
		}
		if x, ok := last(k.entries, "connection", "interface-name"); ok && x.value != "" {
			if x.value == l.Name {
				return Owner{"networkmanager", k.name, x.line}, true
			}
			continue
		}
		if id, ok := last(k.entries, "connection", "id"); ok && fits.Kind == "" && nmConnectionFits(k.entries, l) {
			fits = Owner{"networkmanager", k.name, id.line}
		}
	}
	return fits, fits.Kind != ""
}

func nmTypeFits(kind string, l backend.Link) bool {
	switch kind {
	case "802-3-ethernet", "ethernet":
		return slices.Contains([]string{"ethernet", "veth"}, nmType(l))
	case "802-11-wireless", "wifi":
		return l.Wireless
	}
	return kind == nmType(l)
}

func nmConnectionFits(entries []entry, l backend.Link) bool {
	for _, x := range entries {
		switch x.section + " " + x.key {
		case "ethernet mac-address", "802-3-ethernet mac-address":
			if !strings.EqualFold(x.value, l.MAC) && !strings.EqualFold(x.value, l.PermMAC) {
				return false
			}
		case "match interface-name":
			if !slices.ContainsFunc(strings.FieldsFunc(x.value, func(r rune) bool { return r == ';' }), func(p string) bool {
				ok, _ := path.Match(strings.TrimLeft(p, "|&"), l.Name)
				return ok
			}) {
				return false
			}
		}
	}
	return true
}
