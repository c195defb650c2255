package trial

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/check"
	"bridgehead/backend/plan"
)

// Snapshot is the state that a rollback has to bring back, as far as the plan
// touches it, in a form in which equal states are equal.
type Snapshot struct {
	Files   map[string]backend.File `json:"files"`
	Links   map[string]LinkState    `json:"links"` // absent links are absent
	Routes  []string                `json:"routes"`
	Rules   []string                `json:"rules"`
	Bridges []string                `json:"bridges"` // names of all OVS bridges
	Ports   []string                `json:"ports"`   // of all bridges: "examplebr0/eth0"
	// Settings are all that is configured on the plan's bridges, as far as they are there, and on their ports and interfaces.
	Settings []string                   `json:"settings,omitempty"`
	Networks map[string]backend.Network `json:"networks"`
	Domains  map[string]string          `json:"domains,omitempty"` // definitions
	DHCP     []string                   `json:"dhcp"`              // clients on the NICs
	// Unread names what could not be looked at; it equals nothing.
	Unread []string `json:"unread,omitempty"`
}

// LinkState is what of a link must come back.
type LinkState struct {
	MAC     string            `json:"mac"`
	Up      bool              `json:"up"`
	MTU     int               `json:"mtu"`
	Master  string            `json:"master,omitempty"`
	VLAN    string            `json:"vlan,omitempty"` // of a VLAN link: "10 of eth0"
	Addrs   []string          `json:"addrs"`
	Sysctls map[string]string `json:"sysctls,omitempty"`
}

// Take records the state of h within scope.
func Take(ctx context.Context, h backend.Host, scope plan.Scope) (Snapshot, error) {
	s := Snapshot{Files: map[string]backend.File{}, Links: map[string]LinkState{}, Networks: map[string]backend.Network{}}
	for _, path := range scope.Files {
		f, err := h.Files.Read(path)
		if err != nil {
			return s, err
		}
		s.Files[path] = f
	}
	if err := s.takeLinks(ctx, h, scope); err != nil {
		return s, err
	}
	if err := s.takeSwitch(ctx, h, scope); err != nil {
		return s, err
	}
	if len(scope.Networks)+len(scope.Domains) > 0 {
		st, err := h.Virt.State(ctx)
		if err != nil {
			return s, err
		}
		if !st.Available {
			s.Unread = append(s.Unread, libvirt+": "+st.Reason)
		}
		for _, n := range st.Networks {
			if slices.Contains(scope.Networks, n.Name) {
				s.Networks[n.Name] = n
			}
		}
		s.Domains = map[string]string{}
		for _, d := range st.Domains {
			if slices.Contains(scope.Domains, d.Name) {
				s.Domains[d.Name] = d.XML
			}
		}
	}
	procs, err := h.Processes.List(ctx)
	if err != nil {
		return s, err
	}
	for _, p := range procs {
		if check.IsDHCPClient(p) && slices.ContainsFunc(p.Args, func(a string) bool { return slices.Contains(scope.NICs, a) }) {
			s.DHCP = append(s.DHCP, strings.Join(p.Args, " "))
		}
	}
	slices.Sort(s.DHCP)
	return s, nil
}

func (s *Snapshot) takeLinks(ctx context.Context, h backend.Host, scope plan.Scope) error {
	links, err := h.Links.List(ctx)
	if err != nil {
		return err
	}
	ours := append(slices.Clone(scope.NICs), scope.Links...)
	for _, l := range links {
		if !slices.Contains(ours, l.Name) {
			continue
		}
		state := LinkState{MAC: l.MAC, Up: l.Up, MTU: l.MTU, Master: l.Master, Sysctls: map[string]string{}}
		if l.Kind == "vlan" {
			state.VLAN = strings.TrimSpace(fmt.Sprintf("%d of %s %s", l.VLAN, l.Parent, l.VLANOptions))
		}
		for _, a := range l.Addrs {
			if !(a.Prefix.Addr().Is6() && (a.Scope == "link" || a.Temporary)) { // those the kernel makes itself
				state.Addrs = append(state.Addrs, addrText(a))
			}
		}
		slices.Sort(state.Addrs)
		for _, key := range []string{"rp_filter", "arp_ignore", "arp_announce"} {
			if v, err := h.Links.Sysctl(ctx, "ipv4/conf/"+l.Name+"/"+key); err == nil {
				state.Sysctls[key] = v
			}
		}
		s.Links[l.Name] = state
	}
	routes, err := h.Links.Routes(ctx)
	if err != nil {
		return err
	}
	for _, r := range routes {
		ourRoute := slices.Contains(ours, r.Dev) || r.Dst.Bits() == 0 ||
			slices.ContainsFunc(r.NextHops, func(n backend.NextHop) bool { return slices.Contains(ours, n.Dev) })
		if ourRoute && !(r.Dst.Addr().Is6() && r.Protocol == "kernel" && r.Dst.Addr().IsLinkLocalUnicast()) {
			s.Routes = append(s.Routes, routeText(r))
		}
	}
	slices.Sort(s.Routes)
	rules, err := h.Links.Rules(ctx)
	if err != nil {
		return err
	}
	for _, r := range rules {
		s.Rules = append(s.Rules, fmt.Sprintf("%+v", r))
	}
	slices.Sort(s.Rules)
	return nil
}

// addrText leaves out lifetimes, which run, and flags that only say how an address came.
func addrText(a backend.Addr) string {
	t := fmt.Sprintf("%s scope %s", a.Prefix, a.Scope)
	if a.Peer.IsValid() {
		t += " peer " + a.Peer.String()
	}
	if a.Broadcast.IsValid() {
		t += " brd " + a.Broadcast.String()
	}
	if a.Label != "" {
		t += " label " + a.Label
	}
	if a.NoPrefixRoute {
		t += " noprefixroute"
	}
	if a.DADFailed {
		t += " dadfailed"
	}
	return t
}

func routeText(r backend.Route) string {
	r.Expires = 0
	t := fmt.Sprintf("%s table %d type %s", r.Dst, r.Table, r.Type)
	if r.Gateway.IsValid() {
		t += " via " + r.Gateway.String()
	}
	if r.Dev != "" {
		t += " dev " + r.Dev
	}
	if r.Src.IsValid() {
		t += " src " + r.Src.String()
	}
	if r.Metric != 0 {
		t += fmt.Sprintf(" metric %d", r.Metric)
	}
	if r.MTU != 0 {
		t += fmt.Sprintf(" mtu %d", r.MTU)
	}
	if r.Options != "" {
		t += " " + r.Options
	}
	if r.OnLink {
		t += " onlink"
	}
	for _, n := range r.NextHops {
		t += fmt.Sprintf(" nexthop %s dev %s weight %d", n.Gateway, n.Dev, n.Weight)
	}
	return t + " proto " + r.Protocol + " scope " + r.Scope
}

func (s *Snapshot) takeSwitch(ctx context.Context, h backend.Host, scope plan.Scope) error {
	sw, err := h.Switch.State(ctx)
	if err != nil {
		return err
	}
	if !sw.Database {
		s.Unread = append(s.Unread, openVSwitch+": "+sw.Reason)
		return nil
	}
	for _, b := range sw.Bridges {
		s.Bridges = append(s.Bridges, b.Name)
		for _, p := range b.Ports {
			// Ports of VMs come and go with them; the plan's are the bridges' own and the NICs.
			if slices.Contains(scope.Bridges, b.Name) || slices.Contains(scope.NICs, p.Name) {
				s.Ports = append(s.Ports, b.Name+"/"+p.Name)
			}
		}
	}
	slices.Sort(s.Bridges)
	slices.Sort(s.Ports)
	return s.takeSettings(ctx, h, sw, scope)
}

func (s *Snapshot) takeSettings(ctx context.Context, h backend.Host, sw backend.SwitchState, scope plan.Scope) error {
	ours := map[string]bool{} // "Port eth0"
	for _, b := range sw.Bridges {
		if !slices.Contains(scope.Bridges, b.Name) {
			continue
		}
		ours["Bridge "+b.Name] = true
		for _, p := range b.Ports {
			ours["Port "+p.Name] = true
			for _, i := range p.Interfaces {
				ours["Interface "+i.Name] = true
			}
		}
	}
	if len(ours) == 0 {
		return nil
	}
	rows, err := h.Switch.Rows(ctx)
	for _, r := range rows {
		for _, set := range r.Set {
			if name := r.Table + " " + r.Name; ours[name] {
				s.Settings = append(s.Settings, name+" "+set)
			}
		}
	}
	slices.Sort(s.Settings)
	return err
}

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
	var out []string
	if was.Active != is.Active {
		out = append(out, fmt.Sprintf("%s: active is %t instead of %t", what, is.Active, was.Active))
	}
	if was.Autostart != is.Autostart {
		out = append(out, fmt.Sprintf("%s: started with the host is %t instead of %t", what, is.Autostart, was.Autostart))
	}
	if was.Persistent != is.Persistent {
		out = append(out, fmt.Sprintf("%s: defined for good is %t instead of %t", what, is.Persistent, was.Persistent))
	}
	if was.XML != is.XML || was.UUID != is.UUID || was.Bridge != is.Bridge {
		out = append(out, what+" is not defined as it was")
	}
	return out
}

func linkDiff(name string, was, is LinkState) []string {
	out := setDiff("address of "+name+":", was.Addrs, is.Addrs)
	if was.Up != is.Up {
		out = append(out, fmt.Sprintf("link %s: up is %t instead of %t", name, is.Up, was.Up))
	}
	if was.MAC != is.MAC {
		out = append(out, fmt.Sprintf("link %s: MAC is %s instead of %s", name, is.MAC, was.MAC))
	}
	if was.MTU != is.MTU {
		out = append(out, fmt.Sprintf("link %s: MTU is %d instead of %d", name, is.MTU, was.MTU))
	}
	if was.Master != is.Master {
		out = append(out, fmt.Sprintf("link %s belongs to %q instead of %q", name, is.Master, was.Master))
	}
	if was.VLAN != is.VLAN {
		out = append(out, fmt.Sprintf("link %s: VLAN is %q instead of %q", name, is.VLAN, was.VLAN))
	}
	for _, key := range keys(was.Sysctls, is.Sysctls) {
		if was.Sysctls[key] != is.Sysctls[key] {
			out = append(out, fmt.Sprintf("link %s: %s is %s instead of %s", name, key, is.Sysctls[key], was.Sysctls[key]))
		}
	}
	return out
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
