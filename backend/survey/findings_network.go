package survey

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"bridgehead/backend"
)

// aboutNICs is what stands in the way of choosing a NIC.
func (e *evidence) aboutNICs(f Facts, claims map[string][]claim) (r report) {
	var usable int
	for _, n := range f.NICs {
		if n.Usable {
			usable++
		}
		if n.MemberOf != "" && !strings.HasPrefix(n.MemberOf, "Open vSwitch") && physical(n) {
			if whole, ok := f.NIC(n.Master); ok && whole.Usable {
				r.info(fmt.Sprintf("%s belongs to %s", n.Name, n.MemberOf), "A bond is taken over whole", "Choose "+whole.Name)
				continue
			}
			r.warn(fmt.Sprintf("%s is a port of %s", n.Name, n.MemberOf), "A NIC can be a port of one bridge or bond only", "Choose another NIC, or take it out of "+n.MemberOf+" first")
		}
		if physical(n) && n.Up && !n.Carrier {
			r.info(n.Name+" has no carrier", "No cable, or the switch port is shut", "Check the cable; press b in the NIC list to blink its light")
		}
		if physical(n) && n.Usable && inUse(n) && localMAC(n.MAC) {
			r.info(fmt.Sprintf("%s has a locally administered MAC address (%s)", n.Name, n.MAC), "Open vSwitch does not take such an address for a bridge by itself", "Nothing: the address is set explicitly, and checked")
		}
	}
	switch done := f.Uplinked(); {
	case len(f.NICs) > 0 && usable == 0 && len(done) > 0 && !foreign(f.Config.Owner):
		r.info("No NIC is free for another bridge", "Each is in use already, or cannot carry a bridge", "Nothing: VMs can be connected to "+list(done))
	case len(f.NICs) > 0 && usable == 0 && !foreign(f.Config.Owner):
		r.refuse("No NIC can be chosen as uplink", "Each is in use already, or cannot carry a bridge: see its problems", "Free one, or add one")
	}
	if len(f.NICs) == 0 && len(e.failed) == 0 {
		r.refuse("This host has no NIC", "There is nothing to attach the bridge to", "Check the hardware and its driver")
	}
	return r
}

func physical(n NIC) bool { return n.Kind == "" && !n.Virtual || n.Kind == "veth" }

// localMAC says whether the locally administered bit is set (IEEE 802 8.2).
func localMAC(mac string) bool {
	return len(mac) > 1 && strings.ContainsRune("2367abef", rune(mac[1]))
}

// aboutSwitch is the state of Open vSwitch.
func (e *evidence) aboutSwitch(f Facts) (r report) {
	if !e.sw.Installed || e.Foreign {
		return r
	}
	if !e.sw.Running {
		r.refuse("Open vSwitch is installed, but does not answer: "+e.sw.Reason, "Without it no bridge can be made, and a change could hang half-way",
			"systemctl start openvswitch-switch; look at: journalctl -u ovs-vswitchd -u ovsdb-server")
		return r
	}
	if !e.sw.KernelModule {
		r.warn("The kernel has no openvswitch module", "A bridge would fail, although ovs-vsctl reports success",
			"Install the kernel's modules, or choose the userspace datapath (bridge: datapath: netdev), which is slower")
	}
	if f.Boot.Known && !f.Boot.OK {
		do := "Order it: systemctl edit ovs-vswitchd, and add Before=networking.service under [Unit]"
		if e.manager == "sysvinit" {
			do = "Order it: give openvswitch-switch a header in /etc/insserv/overrides with Default-Start: S, Required-Start: $local_fs and X-Start-Before: networking, and run insserv"
		}
		r.refuse("Open vSwitch starts after the network: "+f.Boot.Reason, "After a reboot the bridge port would not be there when ifup wants it", do)
	}
	for _, b := range e.sw.Bridges {
		e.aboutBridge(b, &r)
	}
	return r
}

func (e *evidence) aboutBridge(b backend.Bridge, r *report) {
	if b.FailMode == "secure" && b.Controllers == 0 {
		r.warn(fmt.Sprintf("Bridge %s has fail_mode=secure and no controller", b.Name), "It passes nothing", "ovs-vsctl del-fail-mode "+b.Name)
	}
	var uplinks []string
	for _, p := range b.Ports {
		for _, i := range p.Interfaces {
			if i.Error != "" || i.OfPort < 0 {
				r.warn(fmt.Sprintf("Port %s of bridge %s could not be opened: %s", p.Name, b.Name, orText(i.Error, "no reason given")),
					"ovs-vsctl reports success all the same", "Remove it, if it is a left-over: ovs-vsctl del-port "+b.Name+" "+p.Name)
			}
		}
		if len(p.Interfaces) == 1 {
			if n, ok := e.link(p.Interfaces[0].Name); ok && n.Kind == "" && !n.Virtual && !n.Loopback {
				uplinks = append(uplinks, n.Name)
			}
		}
	}
	if len(uplinks) > 1 && !b.STP && !b.RSTP {
		r.warn(fmt.Sprintf("Bridge %s has %s as separate uplinks", b.Name, list(uplinks)), "If they lead to the same network, that is a loop", "Make a bond of them, or remove one")
	}
	if len(uplinks) > 0 {
		r.info(fmt.Sprintf("%s is on Open vSwitch already, through bridge %s", list(uplinks), b.Name), "A NIC can be a port of one bridge only", "Choose another NIC, or use that bridge")
	}
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// aboutSessions says what this session and the others hang on.
func (e *evidence) aboutSessions(f Facts) (r report) {
	if f.Console.Unknown != "" {
		r.warn("Which NIC carries this session is not known: "+f.Console.Unknown, "The cut may end it", "Work from the console (IPMI, serial)")
	}
	others := map[string]int{}
	var order []string
	for _, s := range f.Sessions {
		where := orText(s.NIC, "a NIC that is not known")
		if s.Own && s.NIC != "" {
			r.warn(fmt.Sprintf("This session (SSH from %s) goes through %s", s.From, where), "If that NIC is moved and something fails, it hangs until the change is taken back",
				"Have the console at hand (IPMI, serial)")
		}
		if !s.Own {
			if others[where]++; others[where] == 1 {
				order = append(order, where)
			}
		}
		if a, err := netip.ParseAddr(s.From); err == nil && a.Is6() && a.IsLinkLocalUnicast() {
			r.warn(fmt.Sprintf("An SSH session comes from the link-local address %s", s.From), "Such an address belongs to its NIC: the session ends when the address moves", "Log in by another address")
		}
	}
	for _, where := range order {
		r.warn(fmt.Sprintf("%s of others through %s", plural(others[where], "SSH session", "SSH sessions"), where), "The cut touches them", "Tell them")
	}
	if f.Console.Kind == "vt" || f.Console.Kind == "serial" {
		if !slices.ContainsFunc(f.Sessions, func(s Session) bool { return s.Own }) && f.Console.Unknown == "" {
			r.info(fmt.Sprintf("You are at the console (%s)", f.Console.TTY), "This session does not depend on the network", "Nothing")
		}
	}
	return r
}

// aboutAddresses is what is special about the addresses and routes to be moved.
func (e *evidence) aboutAddresses(f Facts) (r report) {
	for _, n := range f.NICs {
		var global []string
		for i, a := range n.Addrs {
			if a.DADFailed {
				r.warn(fmt.Sprintf("%s on %s is used by another machine", a.Prefix.Addr(), n.Name), "Duplicate address detection failed (RFC 4862)", "Find the other machine before anything else")
			}
			if !a.Prefix.Addr().IsLinkLocalUnicast() {
				global = append(global, n.Addresses[i])
			}
		}
		if len(global) > 1 {
			r.info(fmt.Sprintf("%s has several addresses: %s", n.Name, list(global)), "All of them move, and all come back", "Nothing")
		}
		if onLinkGateway(n) {
			r.info(n.Name+" reaches its gateway outside its own network", "The route to the gateway has to be there first", "Nothing: it is set in that order")
		}
		if n.Kind == "vlan" && len(global) > 0 {
			e.aboutVLAN(f, n, &r)
		}
		if n.MTU > 1500 {
			r.info(fmt.Sprintf("%s has an MTU of %d", n.Name, n.MTU), "The bridge's port has to have it as well", "Nothing: it is kept")
		}
	}
	if gw := defaults(f.NICs); len(gw) > 1 {
		r.warn("Default routes go through "+list(gw), "Which one answers depends on metrics", "Check that this is meant")
	}
	if len(e.rules) > 0 {
		r.info(plural(len(e.rules), "policy routing rule is", "policy routing rules are")+" set", "Those that name the NIC or its addresses move with it", "Nothing")
	}
	return r
}

// onLinkGateway says whether a default route's gateway is in none of the NIC's networks.
func onLinkGateway(n NIC) bool {
	for _, r := range n.Routes {
		if r.Dst.Bits() != 0 || !r.Gateway.IsValid() || r.Gateway.IsLinkLocalUnicast() && r.Gateway.Is6() && r.Dst.Addr().Is6() {
			continue
		}
		if !slices.ContainsFunc(n.Addrs, func(a backend.Addr) bool {
			return a.Prefix.Masked().Contains(r.Gateway) && a.Prefix.Bits() < a.Prefix.Addr().BitLen()
		}) {
			return true
		}
	}
	return false
}

// defaults are the NICs with an IPv4 default route in the main table.
func defaults(nics []NIC) []string {
	var names []string
	for _, n := range nics {
		if slices.ContainsFunc(n.Routes, func(r backend.Route) bool {
			return r.Dst.Bits() == 0 && r.Dst.Addr().Is4() && r.Table == tableMain
		}) {
			names = append(names, n.Name)
		}
	}
	return names
}

// aboutDHCP is what DHCP clients do to a NIC that became a bridge port.
func (e *evidence) aboutDHCP(f Facts) (r report) {
	for _, c := range f.DHCP {
		nic := orText(c.NIC, "every NIC")
		if c.NIC == "" {
			r.warn(fmt.Sprintf("%s (process %d) serves every NIC", c.Name, c.PID), "At the next renewal it would put the address back on the NIC", "Tell it which NIC it may not touch (dhcpcd: denyinterfaces), or stop it")
			continue
		}
		if _, ok := f.NIC(nic); ok {
			r.info(fmt.Sprintf("%s (process %d) renews the lease of %s", c.Name, c.PID, nic), "Left running, it would put the address back on the NIC", "Nothing: it is stopped when the NIC is moved, and that is checked again")
		}
	}
	static := slices.ContainsFunc(f.Config.Interfaces, func(i Interface) bool { return i.Family == "inet6" && i.Method == "static" })
	dhcpcd := e.has("dhcpcd-base", "dhcpcd5") || slices.ContainsFunc(f.DHCP, func(c DHCPClient) bool { return c.Name == "dhcpcd" })
	if static && dhcpcd {
		r.warn("dhcpcd is here beside an `inet6 static` stanza", "On Debian 13 dhcpcd adds addresses from router advertisements to it", "Compare the IPv6 addresses after the change")
	}
	return r
}

// aboutTraffic is what else the cut touches.
func (e *evidence) aboutTraffic(f Facts) (r report) {
	for _, u := range f.Services {
		where := ""
		if u.NIC != "" {
			where = " (" + u.NIC + ")"
		}
		r.warn(u.What+where, "The cut interrupts it for a moment", "Check that it can wait")
	}
	for _, m := range e.files.mounts() {
		if slices.Contains([]string{"/", "/usr", "/var", "/var/lib", "/etc"}, m.dir) {
			r.refuse(fmt.Sprintf("%s is on the network (%s, %s)", m.dir, m.kind, m.source), "If the cut fails, the programs that take it back could not be read", "This host cannot be changed while it runs from the network")
		}
	}
	if e.files.seeBelow("/sys/class/iscsi_session") {
		r.warn("This host has iSCSI sessions", "Disks that are reached through the NIC stall during the cut", "Check that no file system this host needs is among them")
	}
	if len(f.Firewall) > 0 {
		r.warn(plural(len(f.Firewall), "firewall rule names", "firewall rules name")+" a NIC: "+strings.Join(f.Firewall[:min(3, len(f.Firewall))], "; "),
			"The address moves to the bridge's port, and these match no more. Only files were read, not the rules that are loaded", "Write the port's name into them, before or right after the change")
	}
	return r
}

// aboutGuests is the state of libvirt.
func (e *evidence) aboutGuests(f Facts) (r report) {
	installed := !e.packagesKnown || e.has("libvirt-daemon-system", "libvirt-bin")
	if !e.virt.Available {
		if installed && e.virt.Reason != "" && !e.Foreign {
			r.warn("libvirt cannot be reached: "+e.virt.Reason, "Its networks and guests are not known", "systemctl status libvirtd; the host itself can be moved without it")
		}
		return r
	}
	on, unfit := map[string][]string{}, map[string][]string{}
	for _, d := range e.virt.Domains {
		if d.Unfit != "" {
			unfit[d.Unfit] = append(unfit[d.Unfit], d.Name)
		}
		for _, n := range d.NICs {
			if d.Running && n.Source != "" && !slices.Contains(on[n.Source], d.Name) {
				on[n.Source] = append(on[n.Source], d.Name)
			}
		}
	}
	for _, n := range e.virt.Networks {
		if guests := on[n.Name]; len(guests) > 0 {
			r.info(fmt.Sprintf("Running on libvirt network %s: %s", n.Name, list(guests)), "Stopping the network would cut them off: a guest's port does not come back by itself", "Nothing: they are left alone unless you choose otherwise")
		}
	}
	for _, why := range slices.Sorted(maps.Keys(unfit)) {
		r.warn(fmt.Sprintf("Cannot be started as defined: VM %s", list(unfit[why])), "Nor can it be connected to the bridge: "+why, "Correct the definition (virsh edit), or remove a VM that nobody needs")
	}
	return r
}
