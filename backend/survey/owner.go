package survey

import (
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
)

// claim is one program that configures a NIC, or would.
type claim struct {
	Owner
	why string
}

func (c claim) reason(nic string) string {
	return fmt.Sprintf("it configures %s%s, and %s", nic, at(c.Owner), c.why)
}

// ownerNames are the owners as the operator knows them.
var ownerNames = map[string]string{
	"ifupdown":       "ifupdown",
	"ifupdown2":      "ifupdown2",
	"proxmox":        "Proxmox VE",
	"netplan":        "netplan",
	"networkmanager": "NetworkManager",
	"networkd":       "systemd-networkd",
	"dhclient":       "a DHCP client",
	"none":           "nothing",
}

// OwnerName is the owner as the operator knows it: "systemd-networkd", "nothing".
func (c NetworkConfig) OwnerName() string { return orText(ownerNames[c.Owner], c.Owner) }

// owners is what the files of other programs than ifupdown say, and whether
// those programs run.
type owners struct {
	devices  []device
	broken   []error // netplan files that are not understood
	networkd []networkFile
	nm       networkManager

	networkdOn, nmOn   bool
	networkdWhy, nmWhy string
}

// readOwners parses those files, once for all NICs.
func (e *evidence) readOwners() {
	o := &e.owners
	o.devices, o.broken = e.files.netplan()
	o.networkd = e.files.networkFiles()
	o.nm = e.files.networkManager()
	o.nmOn, o.nmWhy = e.service("NetworkManager.service", "NetworkManager")
	o.networkdOn, o.networkdWhy = e.service("systemd-networkd.service", "systemd-network")
	if e.Foreign && !o.nm.there() {
		o.nmOn = false
	}
}

// claims are the programs that configure a link, the strongest first: netplan
// writes the configuration of NetworkManager and networkd, and both take a link
// whether or not it has a stanza.
func (e *evidence) claims(l backend.Link, dhcp []DHCPClient) []claim {
	var list []claim
	for _, d := range e.owners.devices {
		if d.names(l) {
			list = append(list, claim{Owner{"netplan", d.file, d.line}, "netplan defines it"})
			break
		}
	}
	stanza, listed := e.stanzas.ifupdown(l)
	if e.owners.nmOn {
		if o, ok := e.owners.nm.owns(l, listed); ok && !strings.Contains(o.File, "/netplan-") {
			list = append(list, claim{o, e.owners.nmWhy})
		}
	}
	if e.owners.networkdOn {
		if o, ok := networkd(e.owners.networkd, l); ok && !strings.Contains(o.File, "-netplan-") {
			list = append(list, claim{o, e.owners.networkdWhy})
		}
	}
	if listed {
		stanza.Kind = e.stanzaReader()
		list = append(list, claim{stanza, "it has a stanza"})
	}
	if i := slices.IndexFunc(dhcp, func(c DHCPClient) bool { return c.NIC == l.Name }); i >= 0 {
		list = append(list, claim{Owner{Kind: "dhclient"}, fmt.Sprintf("%s (process %d) runs on it", dhcp[i].Name, dhcp[i].PID)})
	}
	return list
}

// stanzaReader is the program that reads /etc/network/interfaces here.
func (e *evidence) stanzaReader() string {
	pve := e.files.see("/etc/pve", "/usr/bin/pveversion") || e.has("pve-manager", "proxmox-ve")
	two := e.files.see("/usr/share/ifupdown2") || e.has("ifupdown2") ||
		e.files.see("/etc/network/ifupdown2") && !e.has("ifupdown") // its configuration may outlive it
	switch {
	case pve:
		return "proxmox"
	case two:
		return "ifupdown2"
	}
	return "ifupdown"
}

// has says whether one of the packages is installed here.
func (e *evidence) has(names ...string) bool {
	return !e.Foreign && slices.ContainsFunc(names, func(n string) bool { return e.packages[n] != "" })
}

// networkOwner says which program configures this host's network, and why.
// Only ifupdown is one whose files may be edited.
func (e *evidence) networkOwner(nics []NIC, claims map[string][]claim) (kind, reason string) {
	switch reader := e.stanzaReader(); reader {
	case "proxmox":
		return reader, "this is a Proxmox VE host"
	case "ifupdown2":
		return reader, "ifupdown2 reads " + interfacesFile
	}
	switch devices, broken := e.owners.devices, e.owners.broken; {
	case len(devices) > 0:
		d := devices[0]
		return "netplan", fmt.Sprintf("%s:%d defines %s", d.file, d.line, d.id)
	case len(broken) > 0:
		return "netplan", broken[0].Error()
	}
	for _, n := range nics {
		for _, c := range claims[n.Name] {
			if foreign(c.Kind) && (inUse(n) || has(claims[n.Name], "ifupdown")) {
				return c.Kind, c.reason(n.Name)
			}
		}
	}
	for _, i := range e.stanzas.configured() {
		if i.Name != "lo" {
			return "ifupdown", fmt.Sprintf("%s:%d configures %s", i.File, i.Line, i.Name)
		}
	}
	switch {
	case e.stanzas.err != nil:
		return "ifupdown", interfacesFile + " is there, but is not understood"
	case e.stanzas.config != nil && (e.Foreign || e.has("ifupdown") || e.files.see("/sbin/ifup", "/usr/sbin/ifup") || !e.packagesKnown):
		return "ifupdown", interfacesFile + " is there and ifupdown is installed"
	}
	for _, n := range nics {
		for _, c := range claims[n.Name] {
			if foreign(c.Kind) {
				return c.Kind, c.reason(n.Name)
			}
		}
	}
	return "none", "no program that configures the network was found"
}

// foreign says that an owner's files are not ours to edit.
func foreign(kind string) bool {
	return kind == "netplan" || kind == "networkmanager" || kind == "networkd"
}

func has(claims []claim, kind string) bool {
	return slices.ContainsFunc(claims, func(c claim) bool { return c.Kind == kind })
}

// inUse says that the host's own traffic goes through a NIC.
func inUse(n NIC) bool {
	return len(n.Gateway) > 0 || len(n.SessionOf) > 0 ||
		slices.ContainsFunc(n.Addrs, func(a backend.Addr) bool { return !a.Prefix.Addr().IsLinkLocalUnicast() })
}

// at is where an owner says so, for the end of a sentence.
func at(o Owner) string {
	switch {
	case o.File == "":
		return ""
	case o.Line == 0:
		return " (" + o.File + ")"
	}
	return fmt.Sprintf(" (%s:%d)", o.File, o.Line)
}
