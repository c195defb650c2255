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

func (b *builder) defineNetwork(name string) error {
	spec := virt.NetworkSpec{Name: name, Bridge: b.answers.Bridge.Name}
	define := &op.DefineNetwork{Name: name}
	if old, found := b.network(name); found {
		if virt.OnBridge(old.XML, b.answers.Bridge.Name) {
			b.leaveNetwork(old)
			return nil
		}
		if users := op.Users(b.facts.Virt, name); len(users) > 0 {
			return b.wrong("libvirt.network", "a network %s exists and running VMs use it (%s); choose another name, or leave it out",
				name, strings.Join(users, ", "))
		}
		define.Before, spec.UUID = &old, old.UUID
	}
	xml, err := virt.NetworkXML(spec)
	if err != nil {
		return b.wrong("libvirt.network", "%v", err)
	}
	define.XML = xml
	b.out.Scope.Networks = append(b.out.Scope.Networks, name)
	b.add(Trial, define)
	return nil
}

// leaveNetwork keeps the definition of a network that leads to the bridge already, and has it run.
func (b *builder) leaveNetwork(old backend.Network) {
	if old.Active && old.Autostart {
		return
	}
	b.out.Scope.Networks = append(b.out.Scope.Networks, old.Name)
	b.add(Trial, &op.DefineNetwork{Name: old.Name, XML: old.XML, Before: &old})
}
