package plan

import "bridgehead/backend/op"

// Hint is something to do after the change, with the command for it.
type Hint struct{ What, Command string }

// Next is what to do once p is confirmed.
func (p Plan) Next() []Hint {
	out := []Hint{{"To look at it:", "ovs-vsctl show"}}
	for _, i := range p.Items {
		if o, ok := i.Op.(*op.AttachVM); ok && !o.New {
			return append(out, Hint{"A VM that runs moves when it is shut down and started again:", "virsh shutdown VM; virsh start VM"})
		}
	}
	if l := p.Answers.Libvirt; l != nil && l.Network != "" {
		out = append(out, Hint{"To connect a VM, from its next start on:", "bridgehead attach VM"})
	}
	return out
}
