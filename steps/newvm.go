package steps

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/newvm"
	"bridgehead/tui"
)

// newVM is what the operator has typed about a new VM, valid or not. It comes after the change and is no part of it.
type newVM struct {
	wanted                                  bool   // its pages are shown
	from                                    string // the step from where it was asked for
	making                                  bool
	Name, Memory, VCPUs, Path, Size, Format string
	ISO, OS, Console, Connection, PortGroup string
	proposedName, proposedPath              string
	made                                    []string // names, by this wizard
}

func newVMStep(w *Wizard) tui.Step {
	return tui.Step{ID: "newvm", Title: "New VM",
		When: func() bool { return w.newVM.wanted },
		Page: func() tui.Page { return newNewVMPage(w) }}
}

const (
	viaNetwork = "network "
	viaBridge  = "bridge "
)

// newVMPage asks what virt-install needs to know.
type newVMPage struct {
	tui.Form
	w       *Wizard
	connect *tui.ChoiceField
	systems []string // that virt-install knows; none as long as that is not known
}

// systemsMsg are the operating systems that virt-install knows.
type systemsMsg []string

func newNewVMPage(w *Wizard) *newVMPage {
	d := &w.newVM
	p := &newVMPage{w: w}
	p.connect = &tui.ChoiceField{Label: "Connected by", Value: &d.Connection, Help: "By the name of a libvirt network, or straight by the bridge's."}
	p.Fields = []tui.Field{
		&tui.TextField{Label: "Name", Value: &d.Name, Check: p.free, Help: "No blanks and no slashes."},
		&tui.TextField{Label: "Memory", Value: &d.Memory, Check: numberFrom(16, 16<<20), Help: "In MiB: 2048 is 2 GiB."},
		&tui.TextField{Label: "Processors", Value: &d.VCPUs, Check: numberFrom(1, 710), Help: "How many the VM sees; 1 or 2 do for most."},
		&tui.TextField{Label: "Disk", Value: &d.Path, Check: p.diskPath, Help: "A new file. Directories that are missing are made."},
		&tui.TextField{Label: "Disk size", Value: &d.Size, Check: numberFrom(1, 64<<10), Help: "In GiB."},
		&tui.ChoiceField{Label: "Disk format", Value: &d.Format, Options: []tui.Option{
			{Value: answers.FormatQCOW2, Label: "qcow2", Explain: "grows as it is filled; snapshots"},
			{Value: answers.FormatRaw, Label: "raw", Explain: "plain"},
		}},
		&tui.TextField{Label: "ISO", Value: &d.ISO, Check: answers.FilePath, Help: "The image to install from, with its whole path."},
		&tui.TextField{Label: "Operating system", Value: &d.OS, Check: p.system, Help: "Like debian12 or ubuntu22.04; a part of it lists those that have it. Empty: found out from the ISO."},
		&tui.ChoiceField{Label: "Console", Value: &d.Console, Options: []tui.Option{
			{Value: answers.ConsoleVNC, Label: "VNC", Explain: "a screen, on this host's 127.0.0.1 only"},
			{Value: answers.ConsoleSerial, Label: "serial", Explain: "virsh console; the ISO has to write there"},
		}},
		p.connect,
		&tui.TextField{Label: "Port group", Value: &d.PortGroup, Help: "One of the network, for a VLAN. Empty: the network's default.",
			When: func() bool { return strings.HasPrefix(d.Connection, viaNetwork) }},
	}
	p.Intro = "A VM on the bridge, made by virt-install. Nothing is made yet."
	p.LongHelp = "This is the tutorial's virt-install. The VM is connected to the bridge from the start. The next page shows what stands in the way and the command."
	return p
}

// Enter fills in what was not typed.
func (p *newVMPage) Enter() tea.Cmd {
	w, d := p.w, &p.w.newVM
	p.connect.Options = nil
	a := w.plan.Answers
	if len(w.plan.Items) == 0 { // the bridge was there before
		a = w.network()
	}
	offer := func(value string) {
		if !slices.ContainsFunc(p.connect.Options, func(o tui.Option) bool { return o.Value == value }) {
			p.connect.Options = append(p.connect.Options, tui.Option{Value: value, Label: value})
		}
	}
	if a.Libvirt != nil && a.Libvirt.Network != "" {
		offer(viaNetwork + a.Libvirt.Network)
	}
	for _, n := range w.facts.Virt.Networks {
		if n.Active && n.Bridge == a.Bridge.Name {
			offer(viaNetwork + n.Name)
		}
	}
	offer(viaBridge + a.Bridge.Name)
	if d.Memory == "" {
		*d = newVM{wanted: true, from: d.from, Memory: "2048", VCPUs: "2", Size: "20", Format: answers.FormatQCOW2, Console: answers.ConsoleVNC,
			Connection: p.connect.Options[0].Value}
		p.given()
	}
	offer(d.Connection)
	p.follow()
	h := w.Host
	return tea.Batch(p.Form.Enter(), func() tea.Msg {
		room, _ := h.Guests.Look(background()) // what is wrong with it, the next page tells
		return systemsMsg(room.Systems)
	})
}

// system says what is wrong with the name of an operating system.
func (p *newVMPage) system(name string) error {
	if err := answers.OSName(name); err != nil || name == "" || len(p.systems) == 0 || slices.Contains(p.systems, name) {
		return err
	}
	like := newvm.Like(p.systems, name)
	if len(like) == 0 {
		return fmt.Errorf("virt-install knows no %s; virt-install --osinfo list lists what it knows", name)
	}
	return fmt.Errorf("virt-install knows no %s; like it: %s", name, some(like, 12))
}

// some are the first names of a list, and how many more there are.
func some(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}

// given takes up the first VM that the answers create.
func (p *newVMPage) given() {
	vms := p.w.plan.Answers.VMs
	if vms == nil || len(vms.Create) == 0 {
		return
	}
	c, d := vms.Create[0], &p.w.newVM
	d.Name, d.Memory, d.VCPUs = c.Name, strconv.Itoa(c.Memory), strconv.Itoa(c.VCPUs)
	d.Path, d.Size, d.Format = c.Disk.Path, strconv.Itoa(c.Disk.Size), c.Disk.Format
	d.ISO, d.OS, d.Console, d.PortGroup, d.Connection = c.ISO, c.OS, c.Console, c.PortGroup, viaNetwork+c.Network
	if c.Network == "" {
		d.Connection = viaBridge + c.Bridge
	}
}

// follow proposes a free name, and a disk of that name.
func (p *newVMPage) follow() {
	d := &p.w.newVM
	name := ""
	for n := 1; name == "" || p.free(name) != nil; n++ {
		name = fmt.Sprintf("example%d", n)
	}
	follow(&d.Name, &d.proposedName, name)
	follow(&d.Path, &d.proposedPath, path.Join("/var/lib/libvirt/images", path.Base(d.Name)+".qcow2"))
}

func (p *newVMPage) Update(msg tea.Msg) tea.Cmd {
	if tui.Pressed(msg, "esc", "ctrl+p") {
		return tui.Goto(p.w.newVM.from)
	}
	if known, ok := msg.(systemsMsg); ok {
		p.systems = known
		return nil
	}
	name := p.w.newVM.Name
	cmd := p.Form.Update(msg)
	if p.w.newVM.Name != name {
		p.follow()
		p.Form.Enter()
	}
	return cmd
}

func (p *newVMPage) Keys() []tui.Key {
	return append(p.Form.Keys(), tui.Bind("back", "esc", "ctrl+p"))
}

func (p *newVMPage) free(name string) error {
	if err := answers.VMName(name); err != nil {
		return err
	}
	if slices.ContainsFunc(p.w.facts.Virt.Domains, func(d backend.Domain) bool { return d.Name == name }) || slices.Contains(p.w.newVM.made, name) {
		return fmt.Errorf("there is a VM %s already; choose another name", name)
	}
	return nil
}

func (p *newVMPage) diskPath(s string) error {
	if err := answers.FilePath(s); err != nil {
		return err
	}
	if p.w.rehearsal() && !strings.HasPrefix(s, "/var/") {
		return errors.New("in a rehearsal it goes below /var: elsewhere it would be on this host itself")
	}
	return nil
}

// numberFrom accepts a number from low to high.
func numberFrom(low, high int) func(string) error {
	return func(s string) error {
		if s == "" {
			return fmt.Errorf("give a number from %d to %d", low, high)
		}
		return numberIn(low, high)(s)
	}
}

// vm is the VM as typed; the fields' own checks have passed.
func (d newVM) vm() answers.CreateVM {
	c := answers.CreateVM{Name: d.Name, Disk: answers.Disk{Path: d.Path, Format: d.Format}, ISO: d.ISO, OS: d.OS, Console: d.Console}
	fmt.Sscan(d.Memory, &c.Memory)
	fmt.Sscan(d.VCPUs, &c.VCPUs)
	fmt.Sscan(d.Size, &c.Disk.Size)
	if network, is := strings.CutPrefix(d.Connection, viaNetwork); is {
		c.Network, c.PortGroup = network, d.PortGroup
	} else {
		c.Bridge = strings.TrimPrefix(d.Connection, viaBridge)
	}
	return c
}

// makeVM goes to the pages on which a VM is made, and comes back to the step from.
func (w *Wizard) makeVM(from string) tea.Cmd {
	w.newVM.wanted, w.newVM.from = true, from
	return tui.Goto("newvm")
}

// noNewVM says why no VM can be made; "" where one can.
func (w *Wizard) noNewVM() string {
	virt := w.facts.Virt
	switch {
	case !virt.Available:
		return sentence(errors.New("libvirt does not answer: " + virt.Reason))
	case slices.Contains(w.facts.Packages.Missing, "virtinst"):
		return "virt-install is not installed: apt-get install virtinst, then start bridgehead again or use bridgehead create."
	}
	return ""
}
