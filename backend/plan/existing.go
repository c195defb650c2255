package plan

import (
	"slices"
	"strings"

	"bridgehead/backend"
)

// existing plans what is done on a bridge that is there already. Nothing of the host's own network changes.
func (b *builder) existing() (Plan, error) {
	var have []string
	for _, x := range b.facts.Switch.Bridges {
		have = append(have, x.Name)
	}
	switch name := b.answers.Bridge.Name; {
	case !b.facts.Switch.Running:
		return Plan{}, refuse("Open vSwitch does not run", b.facts.Switch.Reason, "start it: systemctl start openvswitch-switch")
	case len(have) == 0:
		return Plan{}, b.wrong("bridge.name", "Open vSwitch has no bridge; make one first, with bridgehead")
	case !slices.Contains(have, name):
		return Plan{}, b.wrong("bridge.name", "Open vSwitch has no bridge %s; it has %s", name, strings.Join(have, ", "))
	}
	if err := b.libvirt(); err != nil {
		return Plan{}, err
	}
	b.ownChecks()
	if err := b.vms(); err != nil {
		return Plan{}, err
	}
	if len(b.out.Items) == 0 {
		return Plan{}, b.wrong("vms", "there is nothing to do: choose a VM to connect, or a libvirt network that does not lead to the bridge yet")
	}
	b.out.Risk.Safe = "the host's own network stays as it is"
	b.existingPicture()
	return b.plan(), nil
}

// existingPicture draws the bridge with what hangs on it, and libvirt's other networks.
func (b *builder) existingPicture() {
	br, domains, moved := b.answers.Bridge.Name, b.facts.Virt.Domains, b.moved()
	was := Node{Text: "bridge " + br}
	now := Node{Text: "bridge " + br, Below: b.guests(moved)}
	var others, left []Node
	for _, n := range b.facts.Virt.Networks {
		if n.Bridge != br {
			others = append(others, networkNode(n, domains, nil))
			continue
		}
		was.Below = append(was.Below, networkNode(n, domains, nil))
		if l := b.answers.Libvirt; l == nil || l.Network != n.Name {
			now.Below = append(now.Below, networkNode(n, domains, moved))
		}
	}
	for _, n := range b.networksLeft(moved) {
		if !slices.ContainsFunc(now.Below, func(x Node) bool { return x.Text == n.Text }) {
			left = append(left, n)
		}
	}
	direct := domainNodes(domains, func(d backend.Domain) bool {
		return !slices.Contains(moved, d.Name) && slices.ContainsFunc(d.NICs, func(n backend.DomainNIC) bool { return n.Type == "bridge" && n.Source == br })
	})
	was.Below, now.Below = append(was.Below, direct...), append(now.Below, direct...)
	b.out.Picture = Picture{Before: append([]Node{was}, others...), After: append([]Node{now}, left...)}
}
