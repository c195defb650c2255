package plan

// Hint is something to do after the change, with the command for it.
type Hint struct{ What, Command string }

// Next is what to do once p is confirmed.
func (p Plan) Next() []Hint {
	out := []Hint{{"To look at it:", "ovs-vsctl show"}}
	if l := p.Answers.Libvirt; l != nil && l.Network != "" {
		out = append(out, Hint{"To connect a VM, from its next start on:",
			"virsh attach-interface VM network " + l.Network + " --model virtio --config"})
	}
	return out
}
