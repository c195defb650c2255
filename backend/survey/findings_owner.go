package survey

import (
	"fmt"
	"slices"
	"strings"
)

// refusals say for each foreign owner why its files are not edited, and what to do.
var refusals = map[string][2]string{
	"proxmox": {"ifupdown2 deletes bridge ports that it does not list, and Proxmox VE removes the Open vSwitch database at boot: the change would not last",
		"Set up the bridge in Proxmox VE itself (Host, Network, Create, OVS Bridge)"},
	"ifupdown2": {"A reload of ifupdown2 deletes bridge ports that it does not list, guests' ports among them",
		"Go back to ifupdown (apt install ifupdown), or configure the bridge in ifupdown2's own way"},
	"netplan": {"netplan generates the network configuration: an edit of " + interfacesFile + " would be wrong, and the next `netplan apply` takes the address back",
		"Move the host to ifupdown first: install ifupdown, write its stanzas, remove the files below /etc/netplan. Bridgehead does not convert them"},
	"networkmanager": {"NetworkManager would put the address back on the NIC",
		"Give the NIC a stanza in " + interfacesFile + ", set `[ifupdown] managed=false` in NetworkManager.conf, and restart NetworkManager from the console"},
	"networkd": {"systemd-networkd would put the address back on the NIC",
		"Narrow Name= in the .network file so that it no longer matches, or: systemctl disable --now systemd-networkd systemd-networkd.socket; give the NIC a stanza in " + interfacesFile + ""},
	"none": {"Bridgehead edits " + interfacesFile + " for ifupdown, and finds neither here",
		"Install ifupdown and write the NIC's stanza: apt install ifupdown"},
}

// aboutOwner says who owns the network, and refuses all but ifupdown.
func (e *evidence) aboutOwner(f Facts, claims map[string][]claim) (r report) {
	owner := f.Config.Owner
	if x, ok := refusals[owner]; ok {
		what := fmt.Sprintf("The network is configured by %s: %s", ownerNames[owner], f.Config.Reason)
		if owner == "none" {
			what = "No program configures the network"
		}
		r.refuse(what, x[0], x[1])
	}
	e.twoOwners(f, claims, &r)
	e.otherOwners(f, claims, &r)
	e.idleOwners(f, &r)
	return r
}

// twoOwners are NICs that two programs configure. They race at each boot.
func (e *evidence) twoOwners(f Facts, claims map[string][]claim, r *report) {
	for _, n := range f.NICs {
		var who []string
		for _, c := range claims[n.Name] {
			if c.Kind != "dhclient" {
				who = append(who, ownerNames[c.Kind]+at(c.Owner))
			}
		}
		if len(who) > 1 {
			r.refuse(fmt.Sprintf("%s is configured twice: by %s", n.Name, list(who)),
				"Both set addresses at boot; which one wins is chance", "Leave one of them: remove the other's definition of "+n.Name)
		}
	}
}

// otherOwners are NICs beside the host's own that another program has.
func (e *evidence) otherOwners(f Facts, claims map[string][]claim, r *report) {
	if foreign(f.Config.Owner) {
		return
	}
	var names []string
	var kind string
	for _, n := range f.NICs {
		if foreign(n.Owner.Kind) && len(claims[n.Name]) == 1 {
			names, kind = append(names, n.Name), n.Owner.Kind
		}
	}
	if len(names) > 0 {
		r.warn(fmt.Sprintf("%s has %s", ownerNames[kind], list(names)), "It would configure the NIC again after it became a bridge port, so it cannot be chosen",
			"Exclude the NIC there, or choose another")
	}
}

// idleOwners are programs that are there and configure nothing, which the
// operator may wonder about.
func (e *evidence) idleOwners(f Facts, r *report) {
	if f.Config.Owner != "netplan" {
		if names := e.files.shadowed(".yaml", netplanDirs...); len(names) > 0 {
			r.info("netplan's files define no NIC: "+list(names), "They configure nothing, or only lo", "Nothing")
		}
	}
	switch installed := e.has("network-manager") || e.owners.nm.there(); {
	case !installed || f.Config.Owner == "networkmanager":
	case !e.owners.nmOn:
		r.info("NetworkManager is installed, but is not used", e.owners.nmWhy, "Nothing")
	case !slices.ContainsFunc(f.NICs, func(n NIC) bool { return n.Owner.Kind == "networkmanager" }):
		r.info("NetworkManager runs and leaves the NICs alone", "They have a stanza (`[ifupdown] managed=false`), or are excluded", "Nothing: the bridge port gets a stanza as well")
	}
	if e.owners.networkdOn || e.Foreign {
		return
	}
	for _, n := range f.NICs {
		if o, ok := networkd(e.owners.networkd, n.Link); ok {
			r.info(fmt.Sprintf("systemd-networkd would configure %s%s, but is off", n.Name, at(o)), e.owners.networkdWhy, "Leave it off")
			return
		}
	}
}

// aboutStanzas is what interfaces(5) says that matters.
func (e *evidence) aboutStanzas(f Facts) (r report) {
	if err := e.stanzas.err; err != nil {
		r.refuse("The network configuration is not understood: "+oneLine(err), "What is not understood is not edited",
			"Correct that line, or write it more simply, then run the survey again")
	}
	if e.stanzas.config == nil || f.Config.Owner != "ifupdown" {
		return r
	}
	for _, n := range f.NICs {
		e.aboutStanzasOf(n, &r)
	}
	e.aboutIntegration(&r)
	e.aboutBoot(&r)
	return r
}

func (e *evidence) aboutStanzasOf(n NIC, r *report) {
	own, err := e.stanzas.config.Interface(n.Name)
	if err != nil {
		r.refuse(fmt.Sprintf("What configures %s is not clear: %s", n.Name, oneLine(err)), "It is decided when the interface comes up",
			"Give "+n.Name+" a stanza of its own name")
		return
	}
	if len(own) == 0 {
		if inUse(n) && n.Owner.Kind == "none" && n.MemberOf == "" {
			r.warn(n.Name+" has addresses that no file explains", "They were set by hand and are gone after a reboot",
				"Write its stanza first, or let the bridge port's stanza keep them")
		}
		return
	}
	var places []string
	for _, s := range own {
		places = append(places, fmt.Sprintf("%s:%d (%s %s)", s.File, s.Line, s.Family, s.Method))
	}
	if len(own) > 1 || own[0].File != interfacesFile {
		r.info(fmt.Sprintf("The stanzas of %s: %s", n.Name, list(places)), "All of them are taken into account", "Nothing")
	}
	if !own[0].Auto && !own[0].Hotplug {
		r.warn(fmt.Sprintf("%s is not brought up at boot: %s:%d has no auto line", n.Name, own[0].File, own[0].Line), "Its address is gone after a reboot",
			"Add `auto "+n.Name+"`, if that is not meant")
	}
}

// aboutIntegration warns of the other way to have Open vSwitch in interfaces(5),
// in which ifupdown owns the bridge.
func (e *evidence) aboutIntegration(r *report) {
	for _, s := range e.stanzas.all() {
		for _, o := range s.Options {
			if strings.HasPrefix(o.Name, "ovs_") {
				r.warn(fmt.Sprintf("%s has Open vSwitch options (%s:%d)", s.Name, s.File, o.Line),
					"With these, restarting the network deletes the bridge and every guest's port",
					"Let the Open vSwitch database own the bridge, and leave plain stanzas only")
				break
			}
		}
	}
}

// aboutBoot warns where ifupdown would not run at boot.
func (e *evidence) aboutBoot(r *report) {
	if u, ok := e.units["networking.service"]; ok && !e.Foreign && (u.Enabled == "disabled" || u.Enabled == "masked") {
		r.warn("networking.service is "+u.Enabled, "ifupdown brings nothing up at boot", "systemctl enable networking")
	}
	for _, x := range parseINI(e.files.text("/etc/default/networking")) {
		if x.key == "CONFIGURE_INTERFACES" && strings.Trim(x.value, `"'`) == "no" {
			r.warn(fmt.Sprintf("/etc/default/networking:%d says CONFIGURE_INTERFACES=no", x.line), "ifupdown brings nothing up at boot", "Remove that line")
		}
	}
}
