package trial

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
)

// Diff names every difference between the state before and now, in words. It is
// empty where they are equal.
func Diff(before, now Snapshot) []string {
	var out []string
	for _, what := range now.Unread {
		out = append(out, "cannot be compared: "+what)
	}
	for _, path := range slices.Sorted(maps.Keys(before.Files)) {
		if why := fileDiff(before.Files[path], now.Files[path]); why != "" {
			out = append(out, path+" "+why)
		}
	}
	for _, name := range keys(before.Links, now.Links) {
		was, had := before.Links[name]
		is, has := now.Links[name]
		switch {
		case had && !has:
			out = append(out, "link "+name+" is gone")
		case !had && has:
			out = append(out, "link "+name+" is still there")
		case !reflect.DeepEqual(normal(was), normal(is)):
			out = append(out, linkDiff(name, was, is)...)
		}
	}
	out = append(out, setDiff("route", before.Routes, now.Routes)...)
	out = append(out, setDiff("rule", before.Rules, now.Rules)...)
	out = append(out, setDiff("DHCP client", before.DHCP, now.DHCP)...)
	if !now.unread(openVSwitch) {
		out = append(out, setDiff("Open vSwitch bridge", before.Bridges, now.Bridges)...)
		out = append(out, setDiff("Open vSwitch port", before.Ports, now.Ports)...)
		if before.Settings != nil { // else there was no bridge, or an older version looked
			out = append(out, setDiff("Open vSwitch setting", before.Settings, now.Settings)...)
		}
	}
	for _, name := range keys(before.Networks, now.Networks) {
		if !now.unread(libvirt) {
			out = append(out, networkDiff(name, before.Networks, now.Networks)...)
		}
	}
	for _, name := range keys(before.Domains, now.Domains) {
		if !now.unread(libvirt) && before.Domains[name] != now.Domains[name] {
			out = append(out, "VM "+name+" is not defined as it was")
		}
	}
	return out
}

// Parts that may not be readable.
const (
	openVSwitch = "Open vSwitch"
	libvirt     = "libvirt"
)

func (s Snapshot) unread(part string) bool {
	return slices.ContainsFunc(s.Unread, func(what string) bool { return strings.HasPrefix(what, part+": ") })
}

// lasting is what of s a restart of the host does not make anew out of the files: what it
// runs with before is one thing, and what it comes up with another.
func (s Snapshot) lasting() Snapshot {
	s.Routes, s.Rules, s.DHCP = nil, nil, nil
	links := map[string]LinkState{}
	for name, l := range s.Links {
		links[name] = LinkState{MAC: l.MAC, Master: l.Master, VLAN: l.VLAN}
	}
	s.Links = links
	return s
}

func normal(l LinkState) LinkState {
	if len(l.Addrs) == 0 {
		l.Addrs = nil
	}
	if len(l.Sysctls) == 0 {
		l.Sysctls = nil
	}
	return l
}

func keys[V any](a, b map[string]V) []string {
	all := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(all)
	return slices.Compact(all)
}

func fileDiff(a, b backend.File) string {
	switch {
	case a.Exists && !b.Exists:
		return "is gone"
	case !a.Exists && b.Exists:
		return "is still there"
	case string(a.Data) != string(b.Data):
		return "has other content"
	case a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID:
		return fmt.Sprintf("has mode %04o owner %d:%d instead of %04o %d:%d", b.Mode, b.UID, b.GID, a.Mode, a.UID, a.GID)
	case !a.ModTime.Truncate(time.Microsecond).Equal(b.ModTime.Truncate(time.Microsecond)):
		return "has another modification time"
	}
	return ""
}

func networkDiff(name string, before, now map[string]backend.Network) []string {
	was, had := before[name]
	is, has := now[name]
	what := "libvirt network " + name
	switch {
	case was == is:
		return nil
	case had && !has:
		return []string{what + " is gone"}
	case !had && has:
		return []string{what + " is still there"}
	}
	out := slices.Concat(
		valueDiff(what+": active", was.Active, is.Active),
		valueDiff(what+": started with the host", was.Autostart, is.Autostart),
		valueDiff(what+": defined for good", was.Persistent, is.Persistent))
	if was.XML != is.XML || was.UUID != is.UUID || was.Bridge != is.Bridge {
		out = append(out, what+" is not defined as it was")
	}
	return out
}

func linkDiff(name string, was, is LinkState) []string {
	what := "link " + name + ": "
	out := slices.Concat(
		setDiff("address of "+name+":", was.Addrs, is.Addrs),
		valueDiff(what+"up", was.Up, is.Up),
		valueDiff(what+"MAC", was.MAC, is.MAC),
		valueDiff(what+"MTU", was.MTU, is.MTU))
	if was.Master != is.Master {
		out = append(out, fmt.Sprintf("link %s belongs to %q instead of %q", name, is.Master, was.Master))
	}
	if was.VLAN != is.VLAN {
		out = append(out, fmt.Sprintf("link %s: VLAN is %q instead of %q", name, is.VLAN, was.VLAN))
	}
	for _, key := range keys(was.Sysctls, is.Sysctls) {
		out = append(out, valueDiff(what+key, was.Sysctls[key], is.Sysctls[key])...)
	}
	return out
}

func valueDiff[T comparable](what string, was, is T) []string {
	if was == is {
		return nil
	}
	return []string{fmt.Sprintf("%s is %v instead of %v", what, is, was)}
}

func setDiff(what string, was, is []string) []string {
	var out []string
	for _, x := range was {
		if !slices.Contains(is, x) {
			out = append(out, fmt.Sprintf("missing %s %s", what, x))
		}
	}
	for _, x := range is {
		if !slices.Contains(was, x) {
			out = append(out, fmt.Sprintf("left over %s %s", what, x))
		}
	}
	return out
}
