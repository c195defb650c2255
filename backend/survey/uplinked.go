package survey

import (
	"slices"

	"bridgehead/backend"
)

// Home is the Open vSwitch bridge that has been the host's way out since it was moved: it has an
// uplink and a port with the host's address. "" where there is none.
func (f Facts) Home() string {
	for _, b := range f.Switch.Bridges {
		if f.uplinked(b) && f.carriesHost(b) {
			return b.Name
		}
	}
	return ""
}

// Uplinked are the Open vSwitch bridges that have a NIC or a bond as their uplink, Home first.
func (f Facts) Uplinked() []string {
	home := f.Home()
	var out []string
	if home != "" {
		out = []string{home}
	}
	for _, b := range f.Switch.Bridges {
		if b.Name != home && f.uplinked(b) {
			out = append(out, b.Name)
		}
	}
	return out
}

func (f Facts) uplinked(b backend.Bridge) bool {
	return slices.ContainsFunc(b.Ports, func(p backend.Port) bool {
		return slices.ContainsFunc(p.Interfaces, func(i backend.Interface) bool {
			n, known := f.NIC(i.Name)
			return known && (physical(n) || n.Kind == "bond")
		})
	})
}

func (f Facts) carriesHost(b backend.Bridge) bool {
	return slices.ContainsFunc(b.Ports, func(p backend.Port) bool {
		return slices.ContainsFunc(f.Links, func(l backend.Link) bool {
			return l.Name == p.Name && slices.ContainsFunc(l.Addrs, func(a backend.Addr) bool { return a.Scope == "global" })
		})
	})
}
