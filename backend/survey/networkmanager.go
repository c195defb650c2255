package survey

import (
	"path"
	"slices"
	"strings"

	"bridgehead/backend"
)

// nmConf is NetworkManager.conf with its snippets, later ones last
// (NetworkManager.conf(5)).
func (s fileSet) nmConf() []entry {
	var conf []entry
	for _, name := range s.shadowed(".conf", "/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d", "/usr/lib/NetworkManager/conf.d") {
		if !strings.HasPrefix(name, "/etc/") {
			conf = append(conf, parseINI(s.text(name))...)
		}
	}
	conf = append(conf, parseINI(s.text("/etc/NetworkManager/NetworkManager.conf"))...)
	for _, name := range s.in("/etc/NetworkManager/conf.d", ".conf") {
		conf = append(conf, parseINI(s.text(name))...)
	}
	return conf
}

// networkManager says whether NetworkManager, where it runs, configures a link.
// listed says that interfaces(5) has a stanza of it: with the plugin ifupdown
// and managed=false, Debian's default, such a one is left alone.
func (s fileSet) networkManager(l backend.Link, listed bool) (Owner, bool) {
	conf := s.nmConf()
	if s.nmUnmanaged(conf, l) {
		return Owner{}, false
	}
	plugins, _ := last(conf, "main", "plugins")
	managed, _ := last(conf, "ifupdown", "managed")
	if listed && strings.Contains(plugins.value, "ifupdown") && !truth(managed.value) {
		return Owner{}, false
	}
	if o, ok := s.keyfile(l); ok {
		return o, true
	}
	// A card without a connection gets one, "Wired connection 1", unless told not to.
	if no, ok := last(conf, "main", "no-auto-default"); ok && nmMatches(no.value, l) {
		return Owner{}, false
	}
	return Owner{Kind: "networkmanager"}, true
}

// nmUnmanaged evaluates [keyfile] unmanaged-devices and [device*] managed.
func (s fileSet) nmUnmanaged(conf []entry, l backend.Link) bool {
	if u, ok := last(conf, "keyfile", "unmanaged-devices"); ok && nmMatches(u.value, l) {
		return true
	}
	for _, x := range conf {
		if !strings.HasPrefix(x.section, "device") || x.key != "managed" || truth(x.value) {
			continue
		}
		match, ok := last(conf, x.section, "match-device")
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

// keyfile finds the connection of a link (nm-settings-keyfile(5)). Of those
// that name no interface only such as fit its type are its own.
func (s fileSet) keyfile(l backend.Link) (Owner, bool) {
	var any Owner
	for _, dir := range []string{"/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections"} {
		for _, name := range s.in(dir, "") {
			entries := parseINI(s.text(name))
			if kind, ok := last(entries, "connection", "type"); ok && !nmTypeFits(kind.value, l) {
				continue
			}
			if x, ok := last(entries, "connection", "interface-name"); ok && x.value != "" {
				if x.value == l.Name {
					return Owner{"networkmanager", name, x.line}, true
				}
				continue
			}
			if !nmConnectionFits(entries, l) {
				continue
			}
			if id, ok := last(entries, "connection", "id"); ok && any.Kind == "" {
				any = Owner{"networkmanager", name, id.line}
			}
		}
	}
	return any, any.Kind != ""
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
