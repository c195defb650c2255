package plan

import (
	"fmt"
	"slices"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/bond"
	"bridgehead/backend/op"
	"bridgehead/backend/survey"
)

// Picture is how the host is wired, from the NICs down to the VMs, before and after.
type Picture struct {
	Before []Node `json:"before"`
	After  []Node `json:"after"`
}

// Node is one thing in a Picture: a NIC, bond, bridge, port, network or VM.
type Node struct {
	Text  string `json:"text"`
	Above []Node `json:"above,omitempty"` // joined into it: the NICs of a bond
	Below []Node `json:"below,omitempty"` // what hangs on it
}

// shownVMs is how many VMs of a network are named; a picture of hundreds shows nothing.
const shownVMs = 4

// picture draws what the facts have and what the plan makes of it. Other NICs are left out.
func (b *builder) picture() {
	p := &b.out.Picture
	for _, n := range b.members {
		p.Before = append(p.Before, b.wired(n))
	}
	moved := b.moved()
	for _, n := range b.facts.Virt.Networks {
		p.Before = append(p.Before, networkNode(n, b.facts.Virt.Domains, nil))
	}
	p.After = append([]Node{b.uplinkNode(moved)}, b.networksLeft(moved)...)
}

// wired is a NIC as it is, with what has an address on it.
func (b *builder) wired(n survey.NIC) Node {
	node := nicNode(n)
	dhcp := func(name string) bool { return len(b.dhcp) > 0 && name == b.source.Name }
	if host, ok := hostNode("", n.Addrs, dhcp(n.Name)); ok {
		node.Below = append(node.Below, host)
	}
	for _, l := range b.facts.Links {
		if l.Parent == n.Name && l.Kind == "vlan" {
			host, _ := hostNode(fmt.Sprintf("%s, VLAN %d", l.Name, l.VLAN), l.Addrs, dhcp(l.Name))
			node.Below = append(node.Below, host)
		}
	}
	return node
}

func nicNode(n survey.NIC) Node { return Node{Text: fmt.Sprintf("%s (%s)", n.Name, linkWords(n.Link))} }

// linkWords is "1 Gb/s", "up", "no carrier" or "down".
func linkWords(l backend.Link) string {
	switch {
	case !l.Up:
		return "down"
	case !l.Carrier:
		return "no carrier"
	case l.SpeedMbps > 0 && l.SpeedMbps%1000 == 0:
		return fmt.Sprintf("%d Gb/s", l.SpeedMbps/1000)
	case l.SpeedMbps > 0:
		return fmt.Sprintf("%d Mb/s", l.SpeedMbps)
	}
	return "up"
}

// hostNode is a link by which others reach the host, and whether they can: one address beside its name,
// several below it.
func hostNode(link string, addrs []backend.Addr, dhcp bool) (Node, bool) {
	var out []string
	for _, a := range addrs {
		if !a.Prefix.Addr().IsLinkLocalUnicast() && !a.Temporary {
			out = append(out, a.Prefix.String())
		}
	}
	text := "this host"
	if link != "" {
		text = link + ": this host"
	}
	if len(out) == 1 {
		text += " " + out[0]
	}
	if dhcp {
		text += ", by DHCP"
	}
	node := Node{Text: text}
	if len(out) > 1 {
		for _, a := range out {
			node.Below = append(node.Below, Node{Text: a})
		}
	}
	if len(out) == 0 && !dhcp {
		return Node{Text: link}, false
	}
	return node, true
}

// uplinkNode is the NIC, or the bond of several, down to the bridge and what hangs on it.
func (b *builder) uplinkNode(moved []string) Node {
	br := b.answers.Bridge
	lead := "port " + br.Port
	if br.Tag != 0 {
		lead += fmt.Sprintf(", VLAN %d", br.Tag)
	}
	_, _, dhcp := b.dhcpClient()
	port, _ := hostNode(lead, b.to.Addrs, dhcp)
	bridge := Node{Text: "bridge " + br.Name, Below: append([]Node{port}, b.guests(moved)...)}
	if !b.bonds() {
		nic := nicNode(b.nic)
		nic.Below = []Node{bridge}
		return nic
	}
	o := b.answers.Bonding()
	how := o.Mode
	if o.LACP != "" && o.LACP != bond.Off {
		how += ", LACP " + o.LACP
	}
	node := Node{Text: fmt.Sprintf("bond %s (%s)", b.uplinkPort(), how), Below: []Node{bridge}}
	if b.answers.Uplink.Kind == answers.KindKernelBond {
		node.Text = "kernel " + node.Text
	}
	for _, n := range b.members {
		node.Above = append(node.Above, nicNode(n))
	}
	return node
}

// guests hang on the bridge: on the libvirt network, if there is one.
func (b *builder) guests(moved []string) []Node {
	vms := domainNodes(b.facts.Virt.Domains, func(d backend.Domain) bool { return slices.Contains(moved, d.Name) })
	for _, i := range b.out.Items {
		o, attached := i.Op.(*op.AttachVM)
		for at := range vms {
			if attached && !o.New && vms[at].Text == fmt.Sprintf("VM %s (running)", o.Domain) {
				vms[at].Text = fmt.Sprintf("VM %s (from its next start on)", o.Domain)
			}
		}
	}
	l := b.answers.Libvirt
	if l == nil || l.Network == "" {
		return vms
	}
	return []Node{{Text: "libvirt network " + l.Network, Below: vms}}
}

// moved are the VMs that the bridge gets: those that are attached, and those whose network it becomes.
func (b *builder) moved() []string {
	var out []string
	if b.answers.VMs != nil {
		for _, a := range b.answers.VMs.Attach {
			out = append(out, a.Name)
		}
	}
	for _, d := range b.facts.Virt.Domains {
		if l := b.answers.Libvirt; l != nil && l.Network != "" && sources(d, l.Network) {
			out = append(out, d.Name)
		}
	}
	return out
}

// networksLeft are libvirt's other networks afterwards; one that is removed is shown where VMs still name it.
func (b *builder) networksLeft(moved []string) []Node {
	var out []Node
	for _, n := range b.facts.Virt.Networks {
		l := b.answers.Libvirt
		if l != nil && n.Name == l.Network {
			continue
		}
		retired := l != nil && n.Name == "default" && l.Default != answers.DefaultKeep && l.Default != ""
		node := networkNode(n, b.facts.Virt.Domains, moved)
		switch {
		case retired && l.Default == answers.DefaultRemove && len(node.Below) == 0:
			continue
		case retired && l.Default == answers.DefaultRemove:
			node.Text = "libvirt network " + n.Name + " (removed)"
		case retired:
			node.Text = "libvirt network " + n.Name + " (stopped)"
		}
		out = append(out, node)
	}
	return out
}

// networkNode is a network with the VMs on it, but for those that have moved.
func networkNode(n backend.Network, domains []backend.Domain, moved []string) Node {
	node := Node{Text: "libvirt network " + n.Name}
	if !n.Active {
		node.Text += " (stopped)"
	}
	node.Below = domainNodes(domains, func(d backend.Domain) bool {
		return sources(d, n.Name) && !slices.Contains(moved, d.Name)
	})
	return node
}

func sources(d backend.Domain, network string) bool {
	return slices.ContainsFunc(d.NICs, func(n backend.DomainNIC) bool { return n.Type == "network" && n.Source == network })
}

func domainNodes(all []backend.Domain, want func(backend.Domain) bool) []Node {
	var out []Node
	more := 0
	for _, d := range all {
		switch {
		case !want(d):
			continue
		case len(out) == shownVMs:
			more++
			continue
		}
		state := "off"
		if d.Running {
			state = "running"
		}
		out = append(out, Node{Text: fmt.Sprintf("VM %s (%s)", d.Name, state)})
	}
	switch {
	case more == 1:
		out = append(out, Node{Text: "and 1 VM more"})
	case more > 1:
		out = append(out, Node{Text: fmt.Sprintf("and %d VMs more", more)})
	}
	return out
}
