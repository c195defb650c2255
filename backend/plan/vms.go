package plan

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/check"
	"bridgehead/backend/domain"
	"bridgehead/backend/op"
	"bridgehead/backend/process"
	"bridgehead/backend/virt"
)

// vms adds the operations on the virtual machines.
func (b *builder) vms() error {
	if b.answers.VMs == nil {
		return nil
	}
	if !b.facts.Virt.Available && len(b.answers.VMs.Attach) > 0 {
		return refuse("libvirt does not answer", b.facts.Virt.Reason, "start it (systemctl start libvirtd), or leave the section vms out")
	}
	for _, c := range b.answers.VMs.Create {
		b.out.Notes = append(b.out.Notes, fmt.Sprintf("VM %s is not created with this, but once it is confirmed: bridgehead create --answers FILE", c.Name))
	}
	for i, want := range b.answers.VMs.Attach {
		if err := b.attachVM(want); err != nil {
			return b.wrong(fmt.Sprintf("vms.attach[%d]", i), "%v", err)
		}
	}
	return nil
}

func (b *builder) attachVM(want answers.AttachVM) error {
	d, err := Attachable(b.facts.Virt, want.Name)
	if err != nil {
		return err
	}
	to := SourceOf(b.answers, want)
	if err := b.reaches(to); err != nil {
		return err
	}
	port := check.Spec{Kind: check.VMPort, Name: d.Name, Link: b.answers.Bridge.Name, Tag: to.Tag}
	if err := b.grouped(to, &port); err != nil {
		return err
	}
	o, err := Attachment(d, want, to)
	if err != nil {
		return err
	}
	if o.New {
		o.MAC = b.freeMAC(d)
	}
	b.add(Trial, o)
	b.out.Scope.Domains = append(b.out.Scope.Domains, d.Name)
	for _, i := range b.out.Items {
		if set, ok := i.Op.(*op.SetPortGroups); ok && to.PortGroup != "" {
			set.VMs = append(set.VMs, d.Name)
		}
	}
	port.MAC = o.MAC
	b.out.Checks = append(b.out.Checks, port)
	if d.Running && o.New {
		b.out.Notes = append(b.out.Notes, fmt.Sprintf("VM %s gets its new NIC while it runs; if its machine has no free slot, all of this is taken back. To take it back, its system has to let go of the NIC, or the VM has to be shut down", d.Name))
	}
	if d.Running && !o.New {
		b.out.Notes = append(b.out.Notes, fmt.Sprintf("VM %s runs: its NIC moves when it is shut down and started again; a restart from inside is not enough", d.Name))
	}
	return nil
}

// reaches says why a network that is left as it is does not connect VMs to the bridge.
func (b *builder) reaches(to domain.Source) error {
	n, found := b.network(to.Network)
	if to.Network == "" || !found || b.answers.Libvirt.Existing != answers.ExistingLeave || virt.OnBridge(n.XML, b.answers.Bridge.Name) {
		return nil
	}
	return fmt.Errorf("libvirt network %s is left as it is and does not lead to %s; update it, or connect by the bridge (via: bridge)", to.Network, b.answers.Bridge.Name)
}

// grouped finds the VLANs that a NIC gets by its network's port group, or says why it gets none. A tag of its own counts more.
func (b *builder) grouped(to domain.Source, port *check.Spec) error {
	if to.Network == "" || to.Tag != 0 {
		return nil
	}
	n, _ := b.network(to.Network)
	text := n.XML
	for _, i := range b.out.Items {
		switch o := i.Op.(type) {
		case *op.DefineNetwork: // the one that the answers name, as to does
			text = o.XML
		case *op.SetPortGroups:
			text = o.After
		}
	}
	groups := virt.PortGroups(text)
	at := slices.IndexFunc(groups, func(g virt.PortGroup) bool { return g.Name == to.PortGroup || to.PortGroup == "" && g.Default })
	switch {
	case at >= 0 && len(groups[at].VLANs) == 1:
		port.Tag = groups[at].VLANs[0]
	case at >= 0:
		port.Tag, port.Trunks = groups[at].Native, slices.Sorted(slices.Values(groups[at].VLANs))
	case to.PortGroup != "" && len(groups) == 0:
		return fmt.Errorf("libvirt network %s has no port groups; give it %s with its VLANs, or use a tag", to.Network, to.PortGroup)
	case to.PortGroup != "":
		var have []string
		for _, g := range groups {
			have = append(have, g.Name)
		}
		return fmt.Errorf("libvirt network %s has no port group %s; it has %s", to.Network, to.PortGroup, strings.Join(have, ", "))
	}
	return nil
}

// SourceOf is what an answer connects the NIC to: the libvirt network where one is asked for, else the bridge.
func SourceOf(a answers.Answers, want answers.AttachVM) domain.Source {
	if want.Via != answers.ViaBridge && a.Libvirt != nil && a.Libvirt.Network != "" {
		return domain.Source{Network: a.Libvirt.Network, PortGroup: want.PortGroup, Tag: want.Tag}
	}
	return domain.Source{Bridge: a.Bridge.Name, Tag: want.Tag}
}

// Attachment is the operation that connects a NIC of d to a source, or says why that cannot be done.
// A new NIC has no MAC yet.
func Attachment(d backend.Domain, want answers.AttachVM, to domain.Source) (*op.AttachVM, error) {
	mac, err := Choose(d, want.NIC)
	if err != nil {
		return nil, err
	}
	o := &op.AttachVM{Domain: d.Name, MAC: mac, Before: d.XML, To: to}
	if mac == "" {
		o.New, o.Model = true, cmp.Or(want.Model, "virtio")
		_, err = domain.Add(d.XML, "<interface/>")
	} else if on, _ := domain.On(d.XML, mac, to); on {
		return nil, fmt.Errorf("the NIC %s of VM %s is connected to it already; leave the VM out, or say nic: new for one more", mac, d.Name)
	} else {
		_, err = domain.Move(d.XML, mac, to)
	}
	if err == nil && o.New && d.Running {
		err = pluggable(d)
	}
	if err != nil {
		return nil, fmt.Errorf("VM %s: %w", d.Name, err)
	}
	return o, nil
}

// pluggable says why a VM that runs takes no NIC: QEMU's older PC plugs in devices by ACPI alone (its bus says "does not
// support hotplugging").
func pluggable(d backend.Domain) error {
	m, err := domain.MachineOf(d.XML)
	if err == nil && (m.Arch == "x86_64" || m.Arch == "i686") && !strings.Contains(m.Type, "q35") && !m.ACPI {
		err = errors.New("it runs without ACPI (<features><acpi/></features>), so no NIC can be plugged in; shut it down first, or move the NIC that it has")
	}
	return err
}

// Attachable finds a VM, and says why its NICs cannot be changed.
func Attachable(st backend.VirtState, name string) (backend.Domain, error) {
	var names []string
	for _, d := range st.Domains {
		switch {
		case d.Name != name:
			names = append(names, visible(d.Name))
		case !d.Persistent:
			return d, fmt.Errorf("VM %s is transient: it has no definition that could be changed; define it first (virsh define)", name)
		case d.Saved:
			return d, fmt.Errorf("VM %s is saved to disk and would come back with its NIC as it was; start it, or drop that (virsh managedsave-remove)", name)
		case d.Unfit != "":
			return d, fmt.Errorf("VM %s cannot be started as it is defined, nor changed: %s; correct it first (virsh edit %s)", name, d.Unfit, process.Words(name))
		default:
			return d, nil
		}
	}
	if len(names) > 10 {
		names = append(names[:10], "…")
	}
	return backend.Domain{}, fmt.Errorf("libvirt does not know a VM %s; it has %s", visible(name), strings.Join(names, ", "))
}

// visible is a name so that blanks around it are seen; libvirt allows them.
func visible(name string) string {
	if strings.TrimSpace(name) != name {
		return strconv.Quote(name)
	}
	return name
}

// Choose is the MAC of the NIC that an answer means; "" is a new one.
func Choose(d backend.Domain, nic string) (string, error) {
	if nic == answers.NewNIC {
		return "", nil
	}
	nics, err := domain.NICs(d.XML)
	if err != nil {
		return "", fmt.Errorf("the definition of VM %s cannot be read: %w", d.Name, err)
	}
	var have []string
	for _, n := range nics {
		if strings.EqualFold(n.MAC, nic) {
			return n.MAC, nil
		}
		have = append(have, n.MAC)
	}
	switch {
	case nic != "":
		return "", fmt.Errorf("VM %s has no NIC %s; it has %s", d.Name, nic, strings.Join(have, ", "))
	case len(have) > 1:
		return "", fmt.Errorf("VM %s has several NICs; say which moves (nic: MAC), or nic: new: %s", d.Name, strings.Join(have, ", "))
	case len(have) == 0:
		return "", nil
	case have[0] == "":
		return "", errors.New("its NIC has no MAC address in its definition; give it one")
	}
	return have[0], nil
}

// freeMAC is a MAC for a new NIC of d: the same whenever the plan is built, and no VM's.
func (b *builder) freeMAC(d backend.Domain) string {
	var used []string
	for _, x := range b.facts.Virt.Domains {
		for _, n := range x.NICs {
			used = append(used, strings.ToLower(n.MAC))
		}
	}
	for _, i := range b.out.Items {
		if o, ok := i.Op.(*op.AttachVM); ok {
			used = append(used, o.MAC)
		}
	}
	for n := 0; ; n++ {
		h := sha256.Sum256(fmt.Append(nil, d.UUID, b.answers.Bridge.Name, n))
		if mac := fmt.Sprintf("52:54:00:%02x:%02x:%02x", h[0], h[1], h[2]); !slices.Contains(used, mac) && !strings.Contains(d.XML, mac) {
			return mac
		}
	}
}
