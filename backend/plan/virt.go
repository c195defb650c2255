package plan

import (
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/op"
	"bridgehead/backend/survey"
	"bridgehead/backend/virt"
)

// libvirt adds the operations on libvirt's networks.
func (b *builder) libvirt() error {
	want := b.answers.Libvirt
	if want == nil {
		return nil
	}
	if !b.facts.Virt.Available {
		return refuse("libvirt does not answer", b.facts.Virt.Reason,
			"start it (systemctl start libvirtd), or leave the section libvirt out and add the network later")
	}
	if want.Network != "" {
		if err := b.defineNetwork(want.Network); err != nil {
			return err
		}
	}
	old, found := b.network("default")
	if want.Default == answers.DefaultKeep || !found || want.Default == answers.DefaultStop && !old.Active && !old.Autostart {
		return nil
	}
	if users := op.Users(b.facts.Virt, "default"); len(users) > 0 {
		return &Refusal{[]survey.Finding{{Level: survey.Refuse,
			What: "libvirt network default is in use",
			Why:  "running VMs would lose their connection for good: " + strings.Join(users, ", "),
			Do:   "answer libvirt.default: keep, or shut them down first"}}}
	}
	b.out.Scope.Networks = append(b.out.Scope.Networks, old.Name)
	b.add(Trial, &op.RetireNetwork{Before: old, Remove: want.Default == answers.DefaultRemove})
	return nil
}

func (b *builder) network(name string) (backend.Network, bool) {
	for _, n := range b.facts.Virt.Networks {
		if n.Name == name {
			return n, true
		}
	}
	return backend.Network{}, false
}

// NetworkXML is the definition that the network of the answers is to have: what it has, where that leads to the bridge already
// and has the port groups that are asked for.
func NetworkXML(st backend.VirtState, a answers.Answers) (string, error) {
	spec := virt.NetworkSpec{Name: a.Libvirt.Network, Bridge: a.Bridge.Name}
	for _, g := range a.Libvirt.PortGroups {
		spec.PortGroups = append(spec.PortGroups, virt.PortGroup(g))
	}
	for _, n := range st.Networks {
		switch {
		case n.Name != spec.Name:
		case virt.OnBridge(n.XML, spec.Bridge):
			return virt.WithPortGroups(n.XML, spec.PortGroups)
		default:
			spec.UUID = n.UUID
		}
	}
	return virt.NetworkXML(spec)
}

// defineNetwork defines the network that is asked for. One of that name is left as it is where it leads to the bridge already, or
// where that is asked for; else it is updated.
func (b *builder) defineNetwork(name string) error {
	old, found := b.network(name)
	if found && b.answers.Libvirt.Existing == answers.ExistingLeave {
		b.leaveNetwork(old)
		return nil
	}
	text, err := NetworkXML(b.facts.Virt, b.answers)
	define := &op.DefineNetwork{Name: name, XML: text}
	switch {
	case err != nil:
		return b.wrong("libvirt.network", "%v", err)
	case found && text == old.XML:
		b.leaveNetwork(old)
		return nil
	case found && virt.OnBridge(old.XML, b.answers.Bridge.Name) && old.Active && old.Persistent:
		b.leaveNetwork(old)
		b.setPortGroups(old, text)
		return nil
	case found:
		define.Before = &old
	}
	if users := op.Users(b.facts.Virt, name); found && len(users) > 0 {
		return b.wrong("libvirt.network", "a network %s exists and running VMs use it (%s); choose another name, shut them down first, or leave it as it is (libvirt.existing: leave)",
			name, strings.Join(users, ", "))
	}
	b.out.Scope.Networks = append(b.out.Scope.Networks, name)
	b.add(Trial, define)
	return nil
}

// setPortGroups gives a network that is active its port groups while it goes on, also where VMs use it.
func (b *builder) setPortGroups(old backend.Network, after string) {
	set := &op.SetPortGroups{Network: old.Name, Before: old.XML, After: after}
	for _, g := range b.answers.Libvirt.PortGroups {
		if x := (op.PortGroup{Name: g.Name, XML: virt.PortGroupXML(after, g.Name), Was: virt.PortGroupXML(old.XML, g.Name)}); x.XML != x.Was {
			set.Groups = append(set.Groups, x)
		}
	}
	b.out.Scope.Networks = append(b.out.Scope.Networks, old.Name)
	b.add(Trial, set)
}

// leaveNetwork keeps the definition of a network that leads to the bridge already, and has it run.
func (b *builder) leaveNetwork(old backend.Network) {
	if old.Active && old.Autostart {
		return
	}
	b.out.Scope.Networks = append(b.out.Scope.Networks, old.Name)
	b.add(Trial, &op.DefineNetwork{Name: old.Name, XML: old.XML, Before: &old})
}
