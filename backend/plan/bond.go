package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/bond"
	"bridgehead/backend/op"
	"bridgehead/backend/survey"
)

// bonds says that the uplink is a bond.
func (b *builder) bonds() bool { return b.answers.Bonding().Kind != bond.Single }

// kernelBonds says that it is one of the kernel.
func (b *builder) kernelBonds() bool { return b.answers.Bonding().Kind == bond.Kernel }

// uplinkPort is the port of the bridge that leads to the network.
func (b *builder) uplinkPort() string {
	if b.bonds() {
		return b.answers.Bond.Name
	}
	return b.nic.Name
}

// others are the members beside the one that has the host's address.
func (b *builder) others() []survey.NIC {
	return slices.DeleteFunc(slices.Clone(b.members), func(n survey.NIC) bool { return n.Name == b.nic.Name })
}

// rename has the section bond call a NIC by its name where it has an altname of it.
func (b *builder) rename(altname, name string) {
	if b.answers.Bond == nil || altname == name {
		return
	}
	section := *b.answers.Bond
	if section.Primary == altname {
		section.Primary = name
	}
	section.Members = slices.Clone(section.Members)
	for i := range section.Members {
		if section.Members[i].NIC == altname {
			section.Members[i].NIC = name
		}
	}
	b.answers.Bond = &section
}

// bondMembers finds the member that has the host's address, and refuses what cannot be bonded.
func (b *builder) bondMembers() error {
	var links []backend.Link
	for _, n := range b.members {
		links = append(links, n.Link)
	}
	if b.kernelBonds() && !b.facts.Host.Bonding {
		return refuse("this kernel cannot bond", "it has no module bonding", "use an OVS bond (uplink.kind: ovs-bond), or boot a kernel that has the module")
	}
	for _, p := range b.answers.Bonding().MemberProblems(links) {
		return b.wrong("uplink.nics", "%s", p.Text)
	}
	var configured []string
	for _, n := range b.members {
		if what := b.has(n); what != "" {
			configured = append(configured, n.Name+" has "+what)
			b.nic = n
		}
	}
	if len(configured) > 1 {
		return refuse("only one member of a bond can have the host's addresses", strings.Join(configured, ", "),
			"take the addresses off the other NICs, or leave those NICs out")
	}
	return nil
}

// has says what a NIC is configured with, itself or by the VLAN link that moves, "" where it is free.
func (b *builder) has(n survey.NIC) string {
	what := b.owns(n)
	if v, ok := b.facts.Tagged(n.Name, b.answers.Bridge.Tag); ok && what == "" {
		what = "the VLAN link " + v.Name
	}
	return what
}

// owns is what a NIC itself is configured with.
func (b *builder) owns(n survey.NIC) string {
	for _, c := range b.facts.DHCP {
		if c.NIC == n.Name {
			return "a DHCP client"
		}
	}
	x := op.Carried(n.Name, n.Addrs, b.facts.Routes, b.facts.Rules)
	switch {
	case len(x.Addrs) > 0:
		return fmt.Sprint("the address ", x.Addrs[0].Prefix)
	case len(x.Routes) > 0:
		return "a route"
	}
	return ""
}

// attach is the operation that lets the bridge have the NICs.
func (b *builder) attach() op.Op {
	br := b.answers.Bridge.Name
	if !b.bonds() {
		return &op.AttachNIC{Bridge: br, NIC: b.nic.Name, MAC: b.nic.MAC, MTU: b.nic.MTU, WasUp: b.nic.Up, WasPromisc: b.nic.Promisc}
	}
	if b.kernelBonds() {
		return b.attachKernelBond()
	}
	o := b.answers.Bonding()
	add := &op.AddBond{Bridge: br, Bond: b.answers.Bond.Name, Primary: b.nic.Name, Mode: o.Mode, LACP: o.LACP, Fallback: o.Fallback}
	if add.LACP == "" {
		add.LACP = bond.Off
	}
	add.Members = b.opMembers()
	if o.Speaks() {
		add.Rate = bond.Fast
	}
	if o.Speaks() && o.Rate != bond.Fast {
		b.add(Persist, &op.SetBondRate{Bond: add.Bond, Rate: bond.Slow})
	}
	return add
}

// primary is what has another member in use than the one that the switch knows, once the addresses have moved.
func (b *builder) primary() (set *op.SetBondPrimary, wanted bool) {
	section := b.answers.Bond
	if section == nil || section.Primary == "" || section.Primary == b.nic.Name {
		return nil, false
	}
	return &op.SetBondPrimary{Bond: section.Name, Primary: section.Primary, Before: b.nic.Name, Port: b.answers.Bridge.Port, Addrs: b.to.Addrs}, true
}

func (b *builder) opMembers() []op.Member {
	var out []op.Member
	for _, n := range b.members {
		m := op.Member{NIC: n.Name, MAC: n.MAC, MTU: n.MTU, WasUp: n.Up, WasPromisc: n.Promisc}
		for _, x := range b.answers.Bond.Members {
			if x.NIC == n.Name {
				m.PortID, m.PortPriority = x.PortID, x.PortPriority
			}
		}
		out = append(out, m)
	}
	return out
}

// attachKernelBond makes the bond at the fast rate, at which a partner that stops is missed within 3 s. The
// kernel changes the rate of a bond only while that is down; the answered one is that of the next boot.
func (b *builder) attachKernelBond() op.Op {
	k := b.kernelBond()
	if k.Rate != "" {
		k.Rate = bond.Fast
	}
	return &op.AddKernelBond{Bridge: b.answers.Bridge.Name, Bond: b.answers.Bond.Name, Primary: b.nic.Name, Members: b.opMembers(), Options: k}
}

func (b *builder) joinBond() op.Op {
	n := b.nic
	return &op.JoinBond{Bond: b.answers.Bond.Name, Port: b.answers.Bridge.Port, Addrs: b.to.Addrs,
		Member: op.Member{NIC: n.Name, MAC: n.MAC, MTU: n.MTU, WasUp: n.Up, WasPromisc: n.Promisc}}
}

// kernelBond is the bond as it is to be in the end.
func (b *builder) kernelBond() backend.KernelBond {
	o := b.answers.Bonding()
	k := backend.KernelBond{Mode: o.Mode, MAC: b.nic.MAC, MTU: b.nic.MTU}
	if o.Speaks() {
		k.Rate = cmp.Or(o.Rate, bond.Slow)
	}
	return k
}
