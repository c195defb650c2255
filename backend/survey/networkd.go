package survey

import (
	"path"
	"slices"
	"strings"

	"bridgehead/backend"
)

// networkdDirs in the order of their precedence (systemd.network(5)).
var networkdDirs = []string{"/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network"}

// networkFile is a .network file with its drop-ins.
type networkFile struct {
	name    string
	entries []entry
}

// networkFiles are the .network files in the order in which systemd-networkd
// tries them; the first that matches a link configures it. An empty one masks.
func (s fileSet) networkFiles() []networkFile {
	var files []networkFile
	for _, name := range s.shadowed(".network", networkdDirs...) {
		if len(strings.TrimSpace(s.text(name))) == 0 {
			continue
		}
		f := networkFile{name, parseINI(s.text(name))}
		var dropins []string
		for _, dir := range networkdDirs {
			dropins = append(dropins, dir+"/"+path.Base(name)+".d")
		}
		for _, d := range s.shadowed(".conf", dropins...) {
			f.entries = append(f.entries, parseINI(s.text(d))...)
		}
		files = append(files, f)
	}
	return files
}

// networkd says which of the .network files configures a link, whether or not
// systemd-networkd runs.
func networkd(files []networkFile, l backend.Link) (Owner, bool) {
	for _, f := range files {
		line, ok := f.matches(l)
		if !ok {
			continue
		}
		if u, found := last(f.entries, "Link", "Unmanaged"); found && truth(u.value) {
			return Owner{}, false
		}
		return Owner{"networkd", f.name, line}, true
	}
	return Owner{}, false
}

// matches says whether [Match] takes a link, and at which line. What this host
// does not tell (Path=, SSID=, Host= …) is taken to match: to call a NIC free
// that networkd configures would be the worse error.
func (f networkFile) matches(l backend.Link) (line int, ok bool) {
	values := map[string][]string{}
	for _, x := range f.entries {
		if x.section != "Match" {
			continue
		}
		if line == 0 || x.key == "Name" {
			line = x.line
		}
		if x.value == "" { // resets the list
			delete(values, x.key)
			continue
		}
		values[x.key] = append(values[x.key], strings.Fields(x.value)...)
	}
	mac := func(a string) string { return strings.NewReplacer("-", ":", ".", "").Replace(strings.ToLower(a)) }
	for key, want := range values {
		switch key {
		case "Name":
			ok = globs(want, append([]string{l.Name}, l.AltNames...)...)
		case "MACAddress":
			ok = slices.ContainsFunc(want, func(w string) bool { return mac(w) == l.MAC })
		case "PermanentMACAddress":
			ok = slices.ContainsFunc(want, func(w string) bool { return l.PermMAC == "" || mac(w) == l.PermMAC })
		case "Driver":
			ok = l.Driver == "" || globs(want, l.Driver)
		case "Kind":
			ok = globs(want, kind(l))
		case "Type":
			ok = globs(want, linkType(l))
		case "WLANInterfaceType", "SSID", "BSSID":
			ok = l.Wireless
		default:
			ok = true
		}
		if !ok {
			return 0, false
		}
	}
	return line, true
}

func kind(l backend.Link) string {
	if l.Kind == "" {
		return "none"
	}
	return l.Kind
}

// linkType is what networkctl shows as the type of a link.
func linkType(l backend.Link) string {
	switch {
	case l.Loopback:
		return "loopback"
	case l.Wireless:
		return "wlan"
	case l.Kind == "bond", l.Kind == "bridge", l.Kind == "vlan":
		return l.Kind
	}
	return "ether"
}

// globs says whether one of the patterns matches one of the names. A leading "!"
// turns the whole list round (systemd.network(5)).
func globs(patterns []string, names ...string) bool {
	invert := false
	if len(patterns) > 0 && strings.HasPrefix(patterns[0], "!") {
		invert = true
		patterns = append([]string{patterns[0][1:]}, patterns[1:]...)
	}
	found := slices.ContainsFunc(patterns, func(p string) bool {
		return slices.ContainsFunc(names, func(n string) bool {
			ok, err := path.Match(p, n)
			return ok && err == nil
		})
	})
	return found != invert
}
