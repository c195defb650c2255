package steps

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/domain"
	"bridgehead/backend/plan"
	"bridgehead/tui"
)

func vmsStep(w *Wizard) tui.Step {
	return tui.Step{ID: "vms", Title: "VMs",
		When: func() bool {
			return w.facts.Virt.Available && (len(w.facts.Virt.Domains) > 0 || !w.builds()) || len(w.attached()) > 0
		},
		Page: func() tui.Page { return &vmsPage{w: w, typed: map[string]answers.AttachVM{}} }}
}

// vmsPage chooses the VMs that are connected to the bridge, each by one of its NICs or a new one.
type vmsPage struct {
	w     *Wizard
	table tui.Table
	vms   []vm                        // in the order of the rows
	typed map[string]answers.AttachVM // how each is connected, also while it is not chosen
	one   *vmForm                     // how the VM under the cursor is connected, while that is asked
	asked []string                    // line by line: the VMs about which more is asked
	known map[answers.AttachVM]moving
}

// moving is when a VM moves as answered, or why it cannot. It costs reading the VM's definition, and there may be hundreds.
type moving struct {
	moves string
	err   error
}

// vm is a VM with the NICs of its definition.
type vm struct {
	backend.Domain
	defined []backend.DomainNIC
	off     string // why it cannot be connected
}

func (w *Wizard) attached() []answers.AttachVM {
	if w.draft.VMs == nil {
		return nil
	}
	return w.draft.VMs.Attach
}

// attach replaces what is attached. Where no VM is named at all the answers have no section of them.
func (w *Wizard) attach(list []answers.AttachVM) {
	var vms answers.VMs
	if w.draft.VMs != nil {
		vms = *w.draft.VMs
	}
	if vms.Attach = list; reflect.ValueOf(vms).IsZero() {
		w.draft.VMs = nil
		return
	}
	w.draft.VMs = &vms
}

func (p *vmsPage) Enter() tea.Cmd {
	p.table.Columns = []tui.Column{{Title: "VM", Min: 10}, {Title: "State", Min: 7}, {Title: "NIC", Min: 10}, {Title: "Now on", Min: 7}, {Title: "Moves", Min: 9}}
	p.table.Select, p.table.Noun, p.table.Empty = tui.SelectMany, "VMs", "libvirt has no VM."
	p.table.Detail = p.detail
	p.w.newVM.wanted = false
	p.vms, p.known = nil, map[answers.AttachVM]moving{}
	for _, d := range p.w.facts.Virt.Domains {
		p.vms = append(p.vms, read(p.w.facts.Virt, d))
	}
	var chosen []string
	for _, a := range p.w.attached() {
		p.typed[a.Name] = a
		chosen = append(chosen, a.Name)
	}
	p.rows()
	p.table.Choose(chosen)
	p.rows()
	return nil
}

// read is a VM with the NICs of its definition, or why it cannot be connected.
func read(st backend.VirtState, d backend.Domain) vm {
	v := vm{Domain: d}
	if _, err := plan.Attachable(st, d.Name); err != nil {
		v.off = err.Error()
	} else if v.defined, err = domain.NICs(d.XML); err != nil {
		v.off = fmt.Sprintf("the definition of VM %s cannot be read: %v", d.Name, err)
	}
	return v
}

// find returns the VM of that name, and its place.
func (p *vmsPage) find(name string) (vm, int) {
	i, found := slices.BinarySearchFunc(p.vms, name, func(v vm, name string) int { return strings.Compare(v.Name, name) })
	if !found {
		return vm{}, -1
	}
	return p.vms[i], i
}

// how is how a VM is connected: as was said, else by its first NIC, or a new one where it has none.
func (p *vmsPage) how(v vm) answers.AttachVM {
	a, said := p.typed[v.Name]
	if !said {
		a = answers.AttachVM{Name: v.Name}
	}
	if a.NIC == "" && len(v.defined) != 1 {
		a.NIC = answers.NewNIC
		for _, n := range v.defined {
			if _, err := p.attachment(v, answers.AttachVM{Name: v.Name, NIC: n.MAC, Tag: a.Tag, Via: a.Via}); err == nil {
				a.NIC = n.MAC
				break
			}
		}
	}
	return a
}

// When a VM moves.
const (
	atOnce    = "at once"
	nextStart = "at next start"
	itStarts  = "when it starts"
)

func (p *vmsPage) attachment(v vm, a answers.AttachVM) (moves string, err error) {
	out, done := p.known[a]
	if !done {
		o, err := plan.Attachment(v.Domain, a, plan.SourceOf(p.w.network(), a))
		switch out.err = err; {
		case err != nil:
		case !v.Running:
			out.moves = itStarts
		case o.New:
			out.moves = atOnce
		default:
			out.moves = nextStart
		}
		p.known[a] = out
	}
	return out.moves, out.err
}

// network is the answers as far as they say where VMs are connected.
func (w *Wizard) network() answers.Answers {
	a := answers.Answers{Bridge: answers.Bridge{Name: w.draft.bridge()}}
	if w.draft.Libvirt {
		a.Libvirt = &answers.Libvirt{Network: w.draft.Network}
	}
	return a
}

func (p *vmsPage) rows() {
	chosen := map[string]bool{}
	for _, a := range p.w.attached() {
		chosen[a.Name] = true
	}
	rows := make([]tui.Row, len(p.vms))
	for i, v := range p.vms {
		rows[i] = tui.Row{ID: v.Name, Cells: p.cells(v, chosen[v.Name]), Off: v.off}
	}
	p.table.SetRows(rows)
}

func (p *vmsPage) cells(v vm, chosen bool) []string {
	state, nics := "off", v.defined
	if v.Running {
		state = "running"
	}
	if len(nics) == 0 {
		nics = v.NICs
	}
	cells := []string{v.Name, state, "none", "-", "-"}
	if len(nics) > 0 {
		cells[2], cells[3] = nics[0].MAC, placed(v.live(nics[0]))
	}
	switch a := p.how(v); {
	case chosen:
		cells[2], cells[3] = nicWord(v, a)
		var err error
		if cells[4], err = p.attachment(v, a); err != nil {
			cells[4] = "cannot: press e"
		} else if a.Tag != 0 {
			cells[4] += fmt.Sprintf(", VLAN %d", a.Tag)
		} else if a.PortGroup != "" {
			cells[4] += ", " + a.PortGroup
		}
	case len(nics) > 1:
		cells[2], cells[3] = count(len(nics), "NIC"), "several"
	}
	return cells
}

// nicWord is the NIC that an answer means, and where that is now.
func nicWord(v vm, a answers.AttachVM) (nic, now string) {
	for _, n := range v.defined {
		if strings.EqualFold(n.MAC, a.NIC) || a.NIC == "" {
			return n.MAC, placed(v.live(n))
		}
	}
	if a.NIC == answers.NewNIC || a.NIC == "" {
		return "new " + cmp.Or(a.Model, "virtio"), "-"
	}
	return a.NIC, "-"
}

// live is a NIC as it is now: of a running VM that may be elsewhere than its definition says.
func (v vm) live(n backend.DomainNIC) backend.DomainNIC {
	for _, x := range v.NICs {
		if v.Running && strings.EqualFold(x.MAC, n.MAC) {
			return x
		}
	}
	return n
}

// placed is what a NIC is connected to: "default", "br0", "eth0 (direct)".
func placed(n backend.DomainNIC) string {
	switch {
	case n.Source == "":
		return n.Type
	case n.Type == "network" || n.Type == "bridge":
		return n.Source
	}
	return n.Source + " (" + n.Type + ")"
}

// detail is all NICs of the VM, and what becomes of them.
func (p *vmsPage) detail(r tui.Row) string {
	v, at := p.find(r.ID)
	if at < 0 {
		return ""
	}
	var lines []string
	if slices.Contains(p.table.Chosen, v.Name) {
		lines = append(lines, p.told(v))
	}
	nics := v.defined
	if v.off != "" {
		nics = v.NICs
	}
	for _, n := range nics {
		lines = append(lines, nicLine(v, n))
	}
	if len(nics) == 0 && v.off == "" {
		lines = append(lines, v.Name+" has no NIC; Space gives it one.")
	}
	return strings.Join(lines, "\n")
}

// nicLine is a NIC: "52:54:00:6b:3c:58: virtio, on network default, port vnet0".
func nicLine(v vm, n backend.DomainNIC) string {
	line := n.MAC + ": " + n.Model + ", on " + where(n)
	if n.Model == "" {
		line = n.MAC + ": on " + where(n)
	}
	x := v.live(n)
	if where(x) != where(n) {
		line += " from its next start on; now on " + where(x)
	}
	if x.Target != "" {
		line += ", port " + x.Target
	}
	return line
}

func where(n backend.DomainNIC) string {
	text := n.Type
	if n.Source != "" {
		text += " " + n.Source
	}
	if n.PortGroup != "" {
		text += ", port group " + n.PortGroup
	}
	if n.Tag != 0 {
		text += fmt.Sprintf(", VLAN %d", n.Tag)
	}
	return text
}

// told says in one sentence what becomes of a VM that is chosen.
func (p *vmsPage) told(v vm) string {
	a := p.how(v)
	when, err := p.attachment(v, a)
	if err != nil {
		return sentence(err)
	}
	to := plan.SourceOf(p.w.network(), a)
	target := "bridge " + to.Bridge
	if to.Network != "" {
		target = "network " + to.Network
	}
	if to.PortGroup != "" {
		target += ", port group " + to.PortGroup
	}
	if to.Tag != 0 {
		target += fmt.Sprintf(", VLAN %d", to.Tag)
	}
	nic, _ := nicWord(v, a)
	switch when {
	case atOnce:
		return "It gets a new NIC on " + target + ", at once and for good."
	case nextStart:
		return fmt.Sprintf("%s moves to %s when %s is shut down and started again. Until then it stays where it is: a restart from inside is not enough.", nic, target, v.Name)
	}
	if strings.HasPrefix(nic, "new ") {
		return "It gets a new NIC on " + target + ", from its next start on."
	}
	return nic + " moves to " + target + "; it is there when the VM starts."
}
