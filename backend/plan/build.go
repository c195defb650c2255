package plan

import (
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/backend/survey"
)

// Refusal says that nothing may be changed on this host, whatever the answers.
type Refusal struct{ Findings []survey.Finding }

func (r *Refusal) Error() string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, fmt.Sprintf("%s: %s; %s", f.What, f.Why, f.Do))
	}
	return "this host is refused: " + strings.Join(lines, "\n")
}

func refuse(what, why, do string) error {
	return &Refusal{[]survey.Finding{{Level: survey.Refuse, What: what, Why: why, Do: do}}}
}

// Build decides what to do from what is known and what is wanted. It is pure: the same facts and
// answers give the same plan. Its errors are *answers.Error where an answer does
// not fit this host, and *Refusal where the host cannot be changed.
func Build(f survey.Facts, a answers.Answers) (Plan, error) {
	if bad := a.Problems(); len(bad) > 0 {
		return Plan{}, bad[0]
	}
	if bad := f.Refused(); len(bad) > 0 {
		return Plan{}, &Refusal{bad}
	}
	b := builder{facts: f, answers: a}
	if a.Existing() {
		return b.existing()
	}
	for _, step := range []func() error{b.uplink, b.tagged, b.names, b.addressing, b.link, b.libvirt, b.files} {
		if err := step(); err != nil {
			return Plan{}, err
		}
	}
	b.scope()
	b.checks()
	if err := b.vms(); err != nil {
		return Plan{}, err
	}
	b.risk()
	b.picture()
	return b.plan(), nil
}

// builder collects the parts of a plan; each method adds what one answer decides.
type builder struct {
	facts   survey.Facts
	answers answers.Answers
	nic     survey.NIC    // that has the host's address, or carries the VLAN link that has it
	source  survey.NIC    // that has it: nic, or the VLAN link
	members []survey.NIC  // all NICs of the uplink, in the answers' order
	from    op.Addressing // of the source
	to      op.Addressing // of the internal port
	dhcp    []survey.DHCPClient
	out     Plan
}

func (b *builder) plan() Plan {
	b.out.Version, b.out.Host, b.out.Answers = Version, b.facts.Host.Name, b.answers
	slices.SortStableFunc(b.out.Items, func(x, y Item) int { return phaseOrder(x) - phaseOrder(y) })
	return b.out
}

func phaseOrder(i Item) int {
	if i.Phase == Persist {
		return 1
	}
	return 0
}

func (b *builder) add(phase Phase, ops ...op.Op) {
	for _, o := range ops {
		b.out.Items = append(b.out.Items, Item{phase, o})
	}
}

func (b *builder) wrong(field, format string, args ...any) error {
	return &answers.Error{Field: field, Text: fmt.Sprintf(format, args...)}
}

// uplink finds the NICs.
func (b *builder) uplink() error {
	b.answers.Uplink.NICs = slices.Clone(b.answers.Uplink.NICs)
	for i, name := range b.answers.Uplink.NICs {
		nic, ok := b.facts.NIC(name)
		if !ok {
			var have []string
			for _, n := range b.facts.NICs {
				have = append(have, n.Name)
			}
			return b.wrong(fmt.Sprintf("uplink.nics[%d]", i), "this host has no NIC %s; it has %s", name, strings.Join(have, ", "))
		}
		if !nic.Usable {
			return refuse(fmt.Sprintf("%s cannot be the uplink", nic.Name), strings.Join(nic.Problems, "; "), "choose another NIC, or free this one first")
		}
		b.members = append(b.members, nic)
		b.answers.Uplink.NICs[i] = nic.Name // an altname becomes the name
		b.rename(name, nic.Name)
	}
	b.nic = b.members[0]
	if b.bonds() {
		return b.bondMembers()
	}
	return nil
}

// names refuses names that something else has.
func (b *builder) names() error {
	br := b.answers.Bridge
	wanted := []struct{ field, name string }{{"bridge.name", br.Name}, {"bridge.port", br.Port}}
	if b.bonds() {
		wanted = append(wanted, struct{ field, name string }{"bond.name", b.answers.Bond.Name})
	}
	for _, x := range wanted {
		for _, have := range b.facts.Switch.Bridges {
			if have.Name == x.name {
				return b.wrong(x.field, "Open vSwitch already has a bridge %s; choose another name", x.name)
			}
			for _, p := range have.Ports {
				if p.Name == x.name {
					return b.wrong(x.field, "%s is already a port of bridge %s; choose another name", x.name, have.Name)
				}
			}
		}
		for _, l := range b.facts.Links {
			if l.Name == x.name || slices.Contains(l.AltNames, x.name) {
				return b.wrong(x.field, "the host already has a network link %s; choose another name", x.name)
			}
		}
	}
	if !b.facts.Switch.KernelModule && br.Datapath != "netdev" && b.facts.Switch.Installed {
		return refuse("the kernel's Open vSwitch datapath is missing", "this kernel has no module openvswitch",
			"boot a kernel that has it, or take the slower userspace datapath (bridge.datapath: netdev)")
	}
	if !b.facts.Switch.Running {
		reason := b.facts.Switch.Reason
		if reason == "" {
			reason = "it is not installed"
		}
		return refuse("Open vSwitch does not run", reason, "install openvswitch-switch, or start it: systemctl start openvswitch-switch")
	}
	if mtu := br.MTU; mtu > b.nic.MTU {
		return b.wrong("bridge.mtu", "%d does not fit through %s, whose MTU is %d", mtu, b.nic.Name, b.nic.MTU)
	}
	return nil
}

// link adds the operations on the NIC, the bridge and its port, in the order that costs no packet:
// everything is prepared beside what works, the cut is one transaction and a few netlink messages.
func (b *builder) link() error {
	br, source := b.answers.Bridge, b.source
	if len(b.dhcp) > 0 {
		stop := &op.StopDHCP{NIC: source.Name}
		for _, c := range b.dhcp {
			stop.Clients = append(stop.Clients, c.Args)
		}
		b.add(Trial, stop)
	}
	mtu := br.MTU
	if mtu == 0 && source.MTU != 1500 {
		mtu = source.MTU
	}
	sysctls := b.sysctls()
	attach := b.attach()
	move := &op.MoveAddress{NIC: source.Name, Port: br.Port, From: b.from, To: b.to, Sysctls: sysctls, Displaced: b.displaced(), Quiet: b.stacked()}
	cut := []op.Op{attach, move}
	if b.kernelBonds() { // the NIC goes down for a moment, and must not have anything to lose
		cut = append(cut, b.joinBond())
	}
	if b.stacked() {
		cut = append(cut, b.removal(sysctls))
	}
	b.add(Trial,
		&op.AddBridge{Bridge: br.Name, Port: br.Port, Uplink: b.uplinkPort(), Datapath: br.Datapath, MAC: source.MAC, MTU: mtu, Tag: br.Tag},
		&op.StageAddress{NIC: source.Name, Port: br.Port, Addrs: b.to.Addrs, Sysctls: sysctls, NICAddr: b.from.Addrs})
	b.add(Trial, cut...)
	if set, wanted := b.primary(); wanted {
		b.add(Trial, set)
	}
	if client, leases, ok := b.dhcpClient(); ok {
		b.add(Trial, &op.StartDHCP{Port: br.Port, Client: client, Leases: leases})
	}
	return nil
}

// sysctls are the kernel's settings of the NIC that the port takes over. Strict
// reverse-path filtering would drop what arrives through one of the two while
// the route leads through the other, so it is loose while both carry the address.
func (b *builder) sysctls() []op.Sysctl {
	nic, port := b.source.Name, b.answers.Bridge.Port
	get := func(name, key string) string { return b.facts.Sysctls["ipv4/conf/"+name+"/"+key] }
	var out []op.Sysctl
	rp := get(nic, "rp_filter")
	if rp == "1" || rp == "0" && get("all", "rp_filter") == "1" {
		loose := op.Sysctl{Key: "ipv4/conf/" + nic + "/rp_filter", Before: rp, During: "2", After: rp}
		if b.stacked() { // until it goes, the answers come to the VLAN link
			loose.After = ""
		}
		out = append(out, loose,
			op.Sysctl{Key: "ipv4/conf/" + port + "/rp_filter", Before: get("default", "rp_filter"), During: "2", After: rp})
	} else if rp != "" && rp != get("default", "rp_filter") {
		out = append(out, op.Sysctl{Key: "ipv4/conf/" + port + "/rp_filter", Before: get("default", "rp_filter"), During: rp, After: rp})
	}
	for _, key := range []string{"disable_ipv6", "accept_ra", "autoconf", "use_tempaddr", "addr_gen_mode"} {
		v := b.facts.Sysctls["ipv6/conf/"+nic+"/"+key]
		if usual := b.facts.Sysctls["ipv6/conf/default/"+key]; v != "" && v != usual {
			out = append(out, op.Sysctl{Key: "ipv6/conf/" + port + "/" + key, Before: usual, During: v, After: v})
		}
	}
	return out
}
