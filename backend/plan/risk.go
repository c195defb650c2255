package plan

import (
	"net/netip"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/check"
	"bridgehead/backend/op"
	"bridgehead/backend/survey"
)

// scope is what a rollback has to bring back.
func (b *builder) scope() {
	br := b.answers.Bridge
	b.out.Scope.NICs = b.carriers()
	b.out.Scope.Links = []string{br.Name, br.Port}
	if b.kernelBonds() {
		b.out.Scope.Links = append(b.out.Scope.Links, b.answers.Bond.Name)
	}
	b.out.Scope.Bridges = []string{br.Name}
}

// checks lists what must hold before the change may be confirmed.
func (b *builder) checks() {
	nic, port, nics := b.source.Name, b.answers.Bridge.Port, b.carriers()
	add := func(s check.Spec) { b.out.Checks = append(b.out.Checks, s) }
	add(check.Spec{Kind: check.Port, Link: port})
	add(check.Spec{Kind: check.Port, Link: b.uplinkPort()})
	if b.bonds() || nicBond(b.nic) {
		add(check.Spec{Kind: check.Bond, Link: b.uplinkPort()})
	}
	for _, n := range nics {
		add(check.Spec{Kind: check.NoDHCP, Link: n})
	}
	if _, _, dhcp := b.dhcpClient(); dhcp {
		add(check.Spec{Kind: check.Address, Link: port})
	}
	for _, a := range b.to.Addrs {
		add(check.Spec{Kind: check.Address, Link: port, Addr: a.Prefix.Addr()})
		add(check.Spec{Kind: check.Duplicate, Link: port, Addr: a.Prefix.Addr()})
	}
	for _, g := range gateways(b.to.Routes) {
		before := nic
		if !slices.Contains(gateways(b.from.Routes), g) {
			before = "" // a new gateway could not be asked before: it has to answer
		}
		add(check.Spec{Kind: check.GatewayARP, Link: port, Addr: g, Before: before})
		if before != "" {
			add(check.Spec{Kind: check.GatewayPing, Link: port, Addr: g, Before: before})
		}
	}
	b.ownChecks()
}

// ownChecks are those that the operator asks for, and that of the libvirt network.
func (b *builder) ownChecks() {
	add := func(s check.Spec) { b.out.Checks = append(b.out.Checks, s) }
	for _, s := range b.answers.Verify.Targets {
		t, _ := netip.ParseAddr(s) // validated
		add(check.Spec{Kind: check.Target, Addr: t})
	}
	if c := b.answers.Verify.Command; c != "" {
		add(check.Spec{Kind: check.Command, Command: c})
	}
	if l := b.answers.Libvirt; l != nil && l.Network != "" {
		add(check.Spec{Kind: check.Network, Name: l.Network})
	}
}

// gateways are those of the default routes in the main table.
func gateways(routes []backend.Route) []netip.Addr {
	var out []netip.Addr
	for _, r := range routes {
		if r.Dst.Bits() == 0 && r.Gateway.IsValid() && r.Table == mainTable && !slices.Contains(out, r.Gateway) {
			out = append(out, r.Gateway)
		}
	}
	return out
}

// risk names what the cut touches.
func (b *builder) risk() {
	r := &b.out.Risk
	r.Unknown = b.facts.Console.Unknown
	for _, s := range b.facts.Sessions {
		if b.touches(s.NIC) || b.touches(s.Via) && s.Via != "" {
			r.OwnSession = r.OwnSession || s.Own
			r.Sessions = append(r.Sessions, login(s))
		}
	}
	for _, u := range b.facts.Services {
		if b.touches(u.NIC) {
			r.Uses = append(r.Uses, u.What)
		}
	}
	for _, n := range b.out.Scope.Networks {
		r.VMs = append(r.VMs, op.Users(b.facts.Virt, n)...)
	}
	for _, n := range b.carriers() {
		for _, line := range firewallRules(b.facts, n) {
			if !slices.Contains(r.Rules, line) {
				r.Rules = append(r.Rules, line)
			}
		}
	}
	switch b.answers.Address.Method {
	case answers.MethodStatic:
		for _, a := range b.from.Addrs {
			kept := slices.ContainsFunc(b.to.Addrs, func(x backend.Addr) bool { return x.Prefix == a.Prefix })
			r.NewAddress = r.NewAddress || !kept
		}
	case answers.MethodDHCP:
		r.NewAddress = !b.hadDHCP()
	}
	if !r.LoseSSH() && len(r.Uses) == 0 {
		r.Safe = "no login and no storage goes through " + strings.Join(b.answers.Uplink.NICs, ", ")
		if k := b.facts.Console.Kind; k == "serial" || k == "vt" {
			r.Safe = "you are at the " + consoleName(k) + ", and " + r.Safe
		}
	}
}

// touches says that the cut may touch what goes through nic, or through nobody knows which.
func (b *builder) touches(nic string) bool {
	if nic == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(nic, ", "), func(name string) bool {
		l, _ := b.facts.NIC(name)
		return slices.Contains(b.carriers(), name) || l.Master != "" && slices.Contains(b.answers.Uplink.NICs, l.Master)
	})
}

// nicBond says that a NIC is a bond of the kernel, which is taken over whole.
func nicBond(n survey.NIC) bool { return n.Kind == "bond" }

func login(s survey.Session) string {
	text := "SSH login from " + s.From + " to " + s.To
	if s.Own {
		text += " (this session)"
	}
	if s.NIC == "" {
		text += ": cannot tell through which NIC, " + s.Reason
	}
	return text
}

func consoleName(kind string) string {
	if kind == "vt" {
		return "physical console"
	}
	return "serial console"
}

func firewallRules(f survey.Facts, nic string) []string {
	var out []string
	for _, line := range f.Firewall {
		if renameWord(line, nic, "") != line {
			out = append(out, line)
		}
	}
	return out
}
