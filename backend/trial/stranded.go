package trial

import (
	"context"
	"fmt"
	"slices"

	"bridgehead/backend/op"
	"bridgehead/backend/plan"
	"bridgehead/backend/process"
)

// stranded says which VMs run without a connection after a rollback: they were started on the bridge that is gone. libvirt moves no
// running NIC back; nor is a host kept on a change for a VM.
func stranded(ctx context.Context, r *run) []string {
	gone := made(r.plan)
	if len(gone) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, opTime)
	defer cancel()
	st, err := r.host.Virt.State(ctx)
	if err != nil || !st.Available {
		return nil
	}
	var out []string
	for _, d := range st.Domains {
		for _, n := range d.NICs {
			if d.Running && (n.Type == "network" || n.Type == "bridge") && slices.Contains(gone, n.Source) {
				q := process.Words(d.Name)
				out = append(out, fmt.Sprintf("VM %s was started on %s and has no connection now; shut it down and start it again: virsh shutdown %s; virsh start %s", d.Name, n.Source, q, q))
				break
			}
		}
	}
	return out
}

// made are the bridge that a plan makes, and the networks that lead to it: whoever runs on them came after it.
func made(p plan.Plan) []string {
	if !p.MakesBridge() {
		return nil // it stays, and so do its ports
	}
	var out []string
	for _, i := range p.Items {
		switch o := i.Op.(type) {
		case *op.AddBridge:
			out = append(out, o.Bridge)
		case *op.DefineNetwork:
			if o.Before == nil || o.Before.XML != o.XML {
				out = append(out, o.Name)
			}
		}
	}
	return out
}
