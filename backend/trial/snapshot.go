package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
