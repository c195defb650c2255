package sim

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"bridgehead/backend"
)

// Snapshot prints the whole state that a rollback has to restore, as ip, ovs-vsctl,
// virsh and stat would: links with addresses, routes, rules, sysctls, Open vSwitch,
// libvirt, files with mode, owner and hash, processes. Not in it are Bridgehead's
// own directory and processes, pids, link indexes, times, and the packages.
func (m *Machine) Snapshot() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out strings.Builder
	for _, part := range []struct {
		title string
		lines []string
	}{
		{"ip addr", m.linkLines()},
		{"ip route", m.routeLines()},
		{"ip rule", m.ruleLines()},
		{"sysctl", m.sysctlLines()},
		{"ovs-vsctl show", m.switchLines()},
		{"virsh net-list", m.virtLines()},
		{"files", m.fileLines()},
		{"processes", m.processLines()},
	} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&out, "# %s\n%s\n", part.title, strings.Join(part.lines, "\n"))
		}
	}
	return out.String()
}

func (m *Machine) linkLines() []string {
	var out []string
	byName := func(a, b *link) int { return strings.Compare(a.Name, b.Name) } // a link that was made again is the last
	for _, l := range slices.SortedFunc(slices.Values(m.links), byName) {
		flags := []string{upDown(l.Up)}
		if l.Up && !l.Carrier {
			flags = append(flags, "no-carrier")
		}
		if l.Promisc {
			flags = append(flags, "promisc")
		}
		line := fmt.Sprintf("%s: <%s> mtu %d %s", l.Name, strings.Join(flags, ","), l.MTU, l.MAC)
		for _, word := range []struct{ key, value string }{{"kind", l.Kind}, {"master", l.Master}, {"parent", l.Parent}} {
			if word.value != "" {
				line += " " + word.key + " " + word.value
			}
		}
		if l.VLAN != 0 {
			line += fmt.Sprintf(" vlan %d%s", l.VLAN, l.VLANOptions)
		}
		out = append(out, line)
		for _, a := range inOrder(l.Addrs) {
			out = append(out, "    "+addrText(a))
		}
	}
	return out
}

// inOrder is IPv4 as the kernel has it, for the first is the primary one, and
// IPv6 sorted, for its order says nothing.
func inOrder(addrs []backend.Addr) []backend.Addr {
	out := slices.Clone(addrs)
	slices.SortStableFunc(out, func(a, b backend.Addr) int {
		if a.Prefix.Addr().Is4() || b.Prefix.Addr().Is4() {
			return a.Prefix.Addr().BitLen() - b.Prefix.Addr().BitLen()
		}
		return a.Prefix.Compare(b.Prefix)
	})
	return out
}

func addrText(a backend.Addr) string {
	text := a.Prefix.String()
	add := func(on bool, format string, args ...any) {
		if on {
			text += " " + fmt.Sprintf(format, args...)
		}
	}
	add(a.Peer.IsValid(), "peer %s", a.Peer)
	add(a.Broadcast.IsValid(), "brd %s", a.Broadcast)
	add(true, "scope %s", a.Scope)
	add(a.Label != "", "%s", a.Label)
	add(a.Metric != 0, "metric %d", a.Metric)
	add(a.ValidSec != 0, "valid_lft %dsec preferred_lft %dsec", a.ValidSec, a.PreferredSec)
	add(a.NoPrefixRoute, "noprefixroute")
	add(a.NoDAD, "nodad")
	add(a.Tentative, "tentative")
	add(a.DADFailed, "dadfailed")
	add(a.MngTmpAddr, "mngtmpaddr")
	return text
}

func routeText(r backend.Route) string {
	text := r.Dst.String()
	if r.Dst.Bits() == 0 {
		text = "default"
	}
	if r.Type != "unicast" && r.Type != "" {
		text = r.Type + " " + text
	}
	add := func(on bool, format string, args ...any) {
		if on {
			text += " " + fmt.Sprintf(format, args...)
		}
	}
	add(r.Gateway.IsValid(), "via %s", r.Gateway)
	add(r.Dev != "", "dev %s", r.Dev)
	for _, hop := range r.NextHops {
		add(true, "nexthop")
		add(hop.Gateway.IsValid(), "via %s", hop.Gateway)
		add(true, "dev %s weight %d", hop.Dev, max(hop.Weight, 1))
		add(hop.OnLink, "onlink")
	}
	add(r.Table != 0 && r.Table != 254, "table %d", r.Table)
	add(r.Protocol != "" && r.Protocol != "boot", "proto %s", r.Protocol)
	add(r.Scope != "" && r.Scope != "global", "scope %s", r.Scope)
	add(r.Src.IsValid(), "src %s", r.Src)
	add(r.Metric != 0, "metric %d", r.Metric)
	add(r.OnLink, "onlink")
	add(r.MTU != 0, "mtu %d", r.MTU)
	add(r.Options != "", "%s", r.Options)
	return text
}

func (m *Machine) routeLines() []string {
	var out []string
	for _, r := range m.routes {
		out = append(out, routeText(r))
	}
	sort.Strings(out)
	return out
}

func ruleText(r backend.Rule) string {
	text := fmt.Sprintf("priority %d", r.Priority)
	add := func(on bool, format string, args ...any) {
		if on {
			text += " " + fmt.Sprintf(format, args...)
		}
	}
	add(r.V6, "inet6")
	add(r.Invert, "not")
	add(r.Src.IsValid(), "from %s", r.Src)
	add(r.Dst.IsValid(), "to %s", r.Dst)
	add(r.IIF != "", "iif %s", r.IIF)
	add(r.OIF != "", "oif %s", r.OIF)
	add(r.Mark != 0, "fwmark %#x/%#x", r.Mark, r.Mask)
	return fmt.Sprintf("%s lookup %d", text, r.Table)
}

func (m *Machine) ruleLines() []string {
	var out []string
	for _, r := range m.rules {
		out = append(out, ruleText(r))
	}
	sort.Strings(out)
	return out
}

// sysctlLines has what is not as a kernel has it by itself: keys of all and default
// that are not the kernel's, keys of a link that are not those of default.
func (m *Machine) sysctlLines() []string {
	var out []string
	for key, value := range m.sysctls {
		if usual, ok := m.usual(key); !ok || usual != value {
			out = append(out, key+" = "+value)
		}
	}
	sort.Strings(out)
	return out
}

// usual is the value that a per-link key has by itself.
func (m *Machine) usual(key string) (string, bool) {
	family, rest, _ := strings.Cut(key, "/conf/")
	scope, name, _ := strings.Cut(rest, "/")
	if scope != "all" && scope != "default" {
		v, ok := m.sysctls[family+"/conf/default/"+name]
		return v, ok
	}
	for _, k := range linkSysctls {
		if k.name == name && k.family == family {
			return k.value, true
		}
	}
	return "", false
}

func mapText(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return "{" + strings.Join(out, ", ") + "}"
}

// columnLines prints the columns of a row that are set.
func (r *row) columnLines(indent string) []string {
	var out []string
	for _, col := range slices.Sorted(maps.Keys(r.set)) {
		out = append(out, fmt.Sprintf("%s%s: %s", indent, col, strings.Join(r.set[col], ", ")))
	}
	for _, col := range slices.Sorted(maps.Keys(r.maps)) {
		out = append(out, fmt.Sprintf("%s%s: %s", indent, col, mapText(r.maps[col])))
	}
	return out
}

func (m *Machine) switchLines() []string {
	o := &m.ovs
	if !o.installed {
		return nil
	}
	out := []string{fmt.Sprintf("ovsdb-server %s, ovs-vswitchd %s", upDown(o.server), upDown(o.daemon))}
	for _, b := range sorted(o.db.tables[bridgeTable]) {
		out = append(append(out, "Bridge "+b.name), b.columnLines("    ")...)
		for _, name := range slices.Sorted(slices.Values(b.members)) {
			p := o.db.row(portTable, name)
			out = append(append(out, "    Port "+name), p.columnLines("        ")...)
			for _, name := range slices.Sorted(slices.Values(p.members)) {
				i := o.db.row(ifaceTable, name)
				out = append(append(out, "        Interface "+name), i.columnLines("            ")...)
				if st := o.status[name]; st != nil && st.err != "" {
					out = append(out, fmt.Sprintf("            error: %q", st.err))
				}
			}
		}
	}
	return out
}

func (m *Machine) virtLines() []string {
	var out []string
	for _, n := range m.virt.networks {
		out = append(out, fmt.Sprintf("%s active=%t autostart=%t persistent=%t", n.def.Name, n.live != nil, n.autostart, !n.transient))
		for _, line := range strings.Split(strings.TrimSpace(n.xml), "\n") {
			out = append(out, "    "+line)
		}
	}
	for _, d := range m.virt.domains {
		out = append(out, fmt.Sprintf("domain %s running=%t %v", d.Name, d.Running, d.NICs))
		for _, line := range strings.Split(strings.TrimSpace(d.XML), "\n") {
			out = append(out, "    "+line)
		}
	}
	return out
}

func (m *Machine) fileLines() []string {
	var out []string
	for name, n := range m.files.nodes {
		switch {
		case own(name) || strings.HasPrefix(name, "/proc/"):
		case n.dir:
			out = append(out, fmt.Sprintf("%s/ %04o", strings.TrimSuffix(name, "/"), n.file.Mode))
		case n.link != "":
			out = append(out, name+" -> "+n.link)
		default:
			sum := sha256.Sum256(n.file.Data)
			out = append(out, fmt.Sprintf("%s %04o %d:%d %d %x", name, n.file.Mode, n.file.UID, n.file.GID, len(n.file.Data), sum[:6]))
		}
	}
	sort.Strings(out)
	return out
}

func (m *Machine) processLines() []string {
	var out []string
	for _, p := range m.procs {
		if !p.self {
			out = append(out, strings.Join(p.argv, " "))
		}
	}
	sort.Strings(out)
	return out
}
