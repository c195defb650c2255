package steps

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bridgehead/backend/answers"
	"bridgehead/backend/bond"
	"bridgehead/backend/survey"
	"bridgehead/backend/virt"
)

// Draft is what the operator has typed, valid or not. It is kept as long as the wizard runs.
type Draft struct {
	NIC, Kind                        string
	Others                           string // further members of a bond
	Bond, Mode, LACP, Rate, Primary  string
	Members                          []answers.BondMember // as the answers file has them
	KernelMode                       string               // of a kernel bond
	Fallback                         bool
	On                               string // the bridge that is there already and is used; "": a new one
	Bridge, Port, Datapath, Tag, MTU string
	Method, Addresses, Gateway, DNS  string
	Libvirt                          bool
	Network, Default                 string
	Existing, PortGroups             string
	VMs                              *answers.VMs // as the answers file has them
	When, Window, Targets, Command   string
}

// draftOf is the draft that says the same as a.
func draftOf(a answers.Answers) Draft {
	d := Draft{Kind: a.Uplink.Kind, Bridge: a.Bridge.Name, Port: a.Bridge.Port, Datapath: a.Bridge.Datapath,
		Tag: number(a.Bridge.Tag), MTU: number(a.Bridge.MTU), Method: a.Address.Method,
		Addresses: strings.Join(a.Address.Addresses, ", "), Gateway: strings.Join(a.Address.Gateway, ", "),
		DNS: strings.Join(a.Address.DNS, ", "), When: a.Apply.When, Window: a.Apply.ConfirmWithin.String(),
		Targets: strings.Join(a.Verify.Targets, ", "), Command: a.Verify.Command, Default: answers.DefaultKeep, Existing: answers.ExistingUpdate}
	if a.Existing() {
		d.Kind, d.On, d.Bridge, d.Port = answers.KindNIC, a.Bridge.Name, "", ""
	}
	if len(a.Uplink.NICs) > 0 {
		d.NIC, d.Others = a.Uplink.NICs[0], strings.Join(a.Uplink.NICs[1:], " ")
	}
	if b := a.Bond; b != nil {
		d.Bond, d.Mode, d.LACP, d.Rate, d.Fallback = b.Name, b.Mode, cmp.Or(b.LACP, bond.Off), cmp.Or(b.Rate, bond.Slow), b.Fallback
		d.Primary, d.Members = b.Primary, b.Members
		d.KernelMode = bond.ActiveBackup
		if d.Kind == answers.KindKernelBond {
			d.Mode, d.KernelMode = bond.ActiveBackup, b.Mode
		}
	}
	if d.Datapath == "" {
		d.Datapath = "system"
	}
	d.VMs = a.VMs
	if a.Libvirt != nil {
		d.Libvirt, d.Network, d.Default = true, a.Libvirt.Network, a.Libvirt.Default
		d.Existing = cmp.Or(a.Libvirt.Existing, answers.ExistingUpdate)
		var groups []string
		for _, g := range a.Libvirt.PortGroups {
			groups = append(groups, g.String())
		}
		d.PortGroups = strings.Join(groups, ", ")
	}
	return d
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// oneInUse says that of an OVS bond one member is in use, at times at least.
func (d Draft) oneInUse() bool {
	return d.Mode == bond.ActiveBackup || d.LACP != bond.Off && d.Fallback
}

// Answers are what the draft says; the fields' own checks have passed.
func (d Draft) Answers() answers.Answers {
	a := answers.Default()
	if d.On != "" {
		return d.existing(a)
	}
	a.Uplink = answers.Uplink{Kind: d.Kind}
	if d.NIC != "" {
		a.Uplink.NICs = []string{d.NIC}
	}
	if d.Kind == answers.KindOVSBond {
		a.Uplink.NICs = append(a.Uplink.NICs, list(d.Others)...)
		a.Bond = &answers.Bond{Name: d.Bond, Mode: d.Mode, LACP: d.LACP}
		if d.LACP != bond.Off {
			a.Bond.Fallback, a.Bond.Rate = d.Fallback, d.Rate
			a.Bond.Members = slices.DeleteFunc(slices.Clone(d.Members), func(m answers.BondMember) bool { return !slices.Contains(a.Uplink.NICs, m.NIC) })
		}
		if d.Primary != d.NIC && d.oneInUse() && slices.Contains(a.Uplink.NICs, d.Primary) {
			a.Bond.Primary = d.Primary
		}
	}
	if d.Kind == answers.KindKernelBond {
		a.Uplink.NICs = append(a.Uplink.NICs, list(d.Others)...)
		a.Bond = &answers.Bond{Name: d.Bond, Mode: d.KernelMode}
		if d.KernelMode == bond.LACP8023ad {
			a.Bond.Rate = d.Rate
		}
	}
	a.Bridge = answers.Bridge{Name: d.Bridge, Port: d.Port}
	if d.Datapath != "system" {
		a.Bridge.Datapath = d.Datapath
	}
	fmt.Sscan(d.Tag, &a.Bridge.Tag)
	fmt.Sscan(d.MTU, &a.Bridge.MTU)
	a.Address = answers.Address{Method: d.Method}
	if d.Method == answers.MethodStatic {
		a.Address.Addresses, a.Address.Gateway, a.Address.DNS = list(d.Addresses), list(d.Gateway), list(d.DNS)
	}
	return d.rest(a)
}

// existing are the answers about a bridge that is there already.
func (d Draft) existing(a answers.Answers) answers.Answers {
	a.Uplink, a.Bridge = answers.Uplink{Kind: answers.KindExisting}, answers.Bridge{Name: d.On}
	a = d.rest(a)
	a.Apply.When = answers.WhenNow
	return a
}

// rest are the answers about libvirt, the VMs and the safety net.
func (d Draft) rest(a answers.Answers) answers.Answers {
	if d.Libvirt {
		a.Libvirt = &answers.Libvirt{Network: d.Network, Default: d.Default}
		if d.Existing == answers.ExistingLeave {
			a.Libvirt.Existing = d.Existing
		} else if d.Network != "" {
			a.Libvirt.PortGroups, _ = answers.ParsePortGroups(d.PortGroups) // checked by its field
		}
	}
	a.VMs = d.VMs
	a.Apply.When = d.When
	_ = a.Apply.ConfirmWithin.UnmarshalText([]byte(d.Window)) // checked by its field
	a.Verify = answers.Verify{Targets: list(d.Targets), Command: d.Command}
	return a
}

// list splits what was typed with commas or blanks between.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// propose fills the draft with what fits this host, in the tutorial's names. What
// the operator has typed, or the answers file says, stays; what the wizard itself
// proposed follows the facts and the answers it depends on.
func (w *Wizard) propose() {
	d, p := &w.draft, &w.proposed
	switch {
	case d.Kind != "": // not the first time
	case w.Given != nil:
		*d = draftOf(*w.Given)
		w.addressFirst()
	default:
		*d = draftOf(answers.Default())
		*p = *d
	}
	if w.Given == nil {
		follow(&d.On, &p.On, w.facts.Home())
	}
	if w.Given == nil || d.On != "" {
		name, datapath := w.freeName(), "system"
		if w.facts.Switch.Installed && !w.facts.Switch.KernelModule {
			datapath = "netdev"
		}
		follow(&d.NIC, &p.NIC, w.likelyNIC())
		follow(&d.Bridge, &p.Bridge, name)
		follow(&d.Datapath, &p.Datapath, datapath)
		follow(&d.Libvirt, &p.Libvirt, w.facts.Virt.Available)
	}
	if w.Given == nil || w.Given.Bond == nil {
		w.proposeBond()
	}
	if w.Given == nil || w.Given.Bond == nil || w.Given.Bond.Primary == "" {
		follow(&d.Primary, &p.Primary, d.NIC)
	}
	follow(&d.Tag, &p.Tag, w.tag(w.nic()))
	n := w.source()
	follow(&d.Port, &p.Port, d.Bridge+"p1")
	follow(&d.Network, &p.Network, w.networkOf(d.bridge()))
	follow(&d.Addresses, &p.Addresses, strings.Join(globalAddrs(n), ", "))
	follow(&d.Gateway, &p.Gateway, strings.Join(n.Gateway, ", "))
	follow(&d.DNS, &p.DNS, strings.Join(nameservers(w.facts, n.Name), ", "))
}

// bridge is the bridge that VMs are connected to.
func (d Draft) bridge() string { return cmp.Or(d.On, d.Bridge) }

// networkOf is the libvirt network that leads to a bridge, or the name that one is to get.
func (w *Wizard) networkOf(bridge string) string {
	for _, n := range w.facts.Virt.Networks {
		if virt.OnBridge(n.XML, bridge) {
			return n.Name
		}
	}
	return bridge
}

// asked is the draft, or the answers of a run that was there before this wizard: its steps are those that led to it.
func (w *Wizard) asked() Draft {
	if w.run.met && len(w.plan.Items) > 0 {
		return draftOf(w.plan.Answers)
	}
	return w.draft
}

// builds says that a new bridge is made.
func (w *Wizard) builds() bool { return w.asked().On == "" }

// proposeBond fills in what fits the members, and what was heard on them.
func (w *Wizard) proposeBond() {
	d, p := &w.draft, &w.proposed
	r := bond.Recommend(links(w.members()), w.heard)
	if r.Kind == bond.Single { // what is wrong shows on the page
		r.Options = bond.Options{Mode: bond.ActiveBackup}
	}
	follow(&d.Bond, &p.Bond, "examplebond0")
	follow(&d.Mode, &p.Mode, r.Mode)
	follow(&d.KernelMode, &p.KernelMode, r.ByKernel().Mode)
	follow(&d.LACP, &p.LACP, cmp.Or(r.LACP, bond.Off))
	follow(&d.Fallback, &p.Fallback, true)
	follow(&d.Rate, &p.Rate, bond.Slow)
}

// addressFirst has the member with the host's address first, whichever the answers name first.
func (w *Wizard) addressFirst() {
	for _, n := range w.members() {
		if _, tagged := w.managed(n); tagged || configured(n) {
			all := append([]string{w.draft.NIC}, list(w.draft.Others)...)
			w.draft.NIC = n.Name
			w.draft.Others = strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == n.Name }), " ")
			return
		}
	}
}

// follow gives value what is proposed now, unless somebody changed what was proposed before.
func follow[T comparable](value, before *T, now T) {
	if *value == *before {
		*value = now
	}
	*before = now
}

// freeName is the tutorial's name for the bridge, with another number where it is taken.
func (w *Wizard) freeName() string {
	for n := 0; ; n++ {
		name := fmt.Sprintf("examplebr%d", n)
		if !w.taken(name) && !w.taken(name+"p1") {
			return name
		}
	}
}

// likelyNIC is the usable NIC with the default route, else with an address, else with carrier.
func (w *Wizard) likelyNIC() string {
	tagged := func(n survey.NIC) bool { v, ok := w.managed(n); return ok && len(v.Gateway) > 0 }
	for _, good := range []func(survey.NIC) bool{
		func(n survey.NIC) bool { return len(n.Gateway) > 0 || tagged(n) },
		func(n survey.NIC) bool { return len(n.Addrs) > 0 && n.Carrier },
		func(n survey.NIC) bool { return n.Carrier },
	} {
		for _, n := range w.facts.NICs {
			if n.Usable && good(n) {
				return n.Name
			}
		}
	}
	return ""
}

// globalAddrs are the addresses of n that somebody gave it.
func globalAddrs(n survey.NIC) []string {
	var out []string
	for _, a := range n.Addrs {
		if a.Scope == "global" && !a.Temporary {
			out = append(out, a.Prefix.String())
		}
	}
	return out
}

// nameservers are those that the NIC's stanzas name (resolvconf(8), dns-nameservers).
func nameservers(f survey.Facts, nic string) []string {
	var out []string
	for _, i := range f.Config.Interfaces {
		for _, o := range i.Options {
			if i.Name != nic || o[0] != "dns-nameservers" && o[0] != "dns-nameserver" {
				continue
			}
			for _, s := range strings.Fields(o[1]) {
				if _, err := netip.ParseAddr(s); err == nil {
					out = append(out, s)
				}
			}
		}
	}
	return out
}
