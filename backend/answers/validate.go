package answers

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Problems returns everything that is wrong with a, whatever the host is like.
// File and Line of the errors are empty.
func (a Answers) Problems() []*Error {
	var out []*Error
	bad := func(field, format string, args ...any) {
		out = append(out, &Error{Field: field, Text: fmt.Sprintf(format, args...)})
	}
	if a.Version != Version {
		bad("version", "this program reads version %d; the file says %d", Version, a.Version)
	}
	a.Uplink.problems(bad)
	a.bondProblems(bad)
	a.existingProblems(bad)
	a.Bridge.problems(a.Uplink, bad)
	a.Address.problems(bad)
	a.Libvirt.problems(bad)
	a.VMs.problems(a.Libvirt, bad)
	a.Apply.problems(bad)
	for i, t := range a.Verify.Targets {
		if _, err := netip.ParseAddr(t); err != nil {
			bad(fmt.Sprintf("verify.targets[%d]", i), "%q is no IP address; names are not looked up, since a name server may be out of reach just then", t)
		}
	}
	return out
}

type reporter func(field, format string, args ...any)

func (u Uplink) problems(bad reporter) {
	switch u.Kind {
	case KindNIC:
		if len(u.NICs) != 1 {
			bad("uplink.nics", "kind nic takes exactly one NIC, %d given; two uplinks without a bond are a loop", len(u.NICs))
		}
	case KindOVSBond, KindKernelBond, KindExisting: // see bondProblems, existingProblems
	default:
		bad("uplink.kind", "%q is no kind of uplink; use nic, ovs-bond, kernel-bond or existing", u.Kind)
	}
	for i, n := range u.NICs {
		if err := LinkName(n); err != nil {
			bad(fmt.Sprintf("uplink.nics[%d]", i), "%v", err)
		} else if slices.Contains(u.NICs[:i], n) {
			bad(fmt.Sprintf("uplink.nics[%d]", i), "%s is named twice", n)
		}
	}
}

func (b Bridge) problems(u Uplink, bad reporter) {
	for _, f := range []struct{ field, name string }{{"bridge.name", b.Name}, {"bridge.port", b.Port}} {
		if f.name == "" && f.field == "bridge.port" && u.Kind == KindExisting {
			continue
		}
		if err := LinkName(f.name); err != nil {
			bad(f.field, "%v", err)
		} else if slices.Contains(u.NICs, f.name) {
			bad(f.field, "%s is the name of the uplink NIC; choose another name", f.name)
		}
	}
	if b.Name != "" && b.Name == b.Port {
		bad("bridge.port", "the port needs a name of its own, for example %sp1", b.Name)
	}
	if !slices.Contains([]string{"", "system", "netdev"}, b.Datapath) {
		bad("bridge.datapath", "%q is no datapath; use system (the kernel's) or netdev (userspace)", b.Datapath)
	}
	if b.Tag < 0 || b.Tag > 4094 {
		bad("bridge.tag", "%d is no VLAN id; use 1 to 4094, or leave it out", b.Tag)
	}
	if b.MTU != 0 && (b.MTU < 576 || b.MTU > 65535) {
		bad("bridge.mtu", "%d is out of range; use 576 to 65535, or leave it out to keep the NIC's", b.MTU)
	}
}

func (a Address) problems(bad reporter) {
	switch a.Method {
	case MethodKeep, MethodDHCP:
		if len(a.Addresses) > 0 || len(a.Gateway) > 0 || len(a.DNS) > 0 {
			bad("address.method", "addresses, gateway and dns go with method static; method is %s", a.Method)
		}
		return
	case MethodStatic:
	default:
		bad("address.method", "%q is no method; use keep, static or dhcp", a.Method)
		return
	}
	prefixes := a.prefixes(bad)
	for i, s := range a.Gateway {
		field := "address.gateway"
		if len(a.Gateway) > 1 {
			field = fmt.Sprintf("address.gateway[%d]", i)
		}
		if err := Gateway(s, prefixes); err != nil {
			bad(field, "%v", err)
		} else if slices.ContainsFunc(a.Gateway[:i], func(x string) bool { return strings.Contains(x, ":") == strings.Contains(s, ":") }) {
			bad(field, "%s is the second gateway of its family; a host has one default route of each", s)
		}
	}
	for i, s := range a.DNS {
		if _, err := netip.ParseAddr(s); err != nil {
			bad(fmt.Sprintf("address.dns[%d]", i), "%q is no IP address; write it like 192.168.1.1 or fd00::1", s)
		}
	}
}

func (a Address) prefixes(bad reporter) []netip.Prefix {
	var out []netip.Prefix
	if len(a.Addresses) == 0 {
		bad("address.addresses", "method static needs at least one address, for example 192.168.1.100/24")
	}
	for i, s := range a.Addresses {
		p, err := HostAddress(s)
		if err != nil {
			bad(fmt.Sprintf("address.addresses[%d]", i), "%v", err)
			continue
		}
		if slices.ContainsFunc(out, func(x netip.Prefix) bool { return x.Addr() == p.Addr() }) {
			bad(fmt.Sprintf("address.addresses[%d]", i), "%s is there twice", p.Addr())
		}
		out = append(out, p)
	}
	return out
}

func (l *Libvirt) problems(bad reporter) {
	if l == nil {
		return
	}
	if l.Network != "" {
		if err := NetworkName(l.Network); err != nil {
			bad("libvirt.network", "%v", err)
		}
	}
	if !slices.Contains([]string{DefaultKeep, DefaultStop, DefaultRemove}, l.Default) {
		bad("libvirt.default", "%q is not possible; use keep, stop or remove", l.Default)
	}
	if !slices.Contains([]string{"", ExistingUpdate, ExistingLeave}, l.Existing) {
		bad("libvirt.existing", "%q is not possible; use update or leave", l.Existing)
	}
	if err := PortGroups(l.PortGroups); err != nil {
		bad("libvirt.portgroups", "%v", err)
	}
	switch {
	case len(l.PortGroups) > 0 && l.Network == "":
		bad("libvirt.portgroups", "port groups are those of a network; name it (libvirt.network)")
	case len(l.PortGroups) > 0 && l.Existing == ExistingLeave:
		bad("libvirt.portgroups", "a network that is left as it is gets no port groups; use existing: update")
	}
	if l.Network == "default" && l.Default != DefaultKeep {
		bad("libvirt.default", "the new network is itself called default; use keep")
	}
}

func (a Apply) problems(bad reporter) {
	if a.When != WhenNow && a.When != WhenReboot {
		bad("apply.when", "%q is not possible; use now or reboot", a.When)
	}
	if d := time.Duration(a.ConfirmWithin); d < MinWindow || d > MaxWindow {
		bad("apply.confirm_within", "%s is out of range; use %s to %s", a.ConfirmWithin, Duration(MinWindow), Duration(MaxWindow))
	}
}

var (
	linkName    = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	networkName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

// LinkName says why s cannot be the name of a link, bridge or port. The kernel
// takes at most 15 bytes (IFNAMSIZ); Bridgehead takes only what needs no quoting
// in /etc/network/interfaces, ovs-vsctl and libvirt.
func LinkName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("a name is missing")
	case len(s) > 15:
		return fmt.Errorf("%q is %d characters long; a link's name has 15 at most", s, len(s))
	case !linkName.MatchString(s) || s == "." || s == ".." || s[0] == '-':
		return fmt.Errorf("%q cannot be a link's name; use letters, digits, . _ -, and no - at the beginning", s)
	case s == "lo" || s == "all" || s == "default":
		return fmt.Errorf("%q is a name that the system uses itself; choose another", s)
	}
	return nil
}

// HostAddress parses "192.168.1.100/24": an address that one host can have in its net.
func HostAddress(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		if _, e := netip.ParseAddr(s); e == nil {
			return p, fmt.Errorf("%q lacks its prefix length; write it like %s/24", s, s)
		}
		return p, fmt.Errorf("%q is no address with prefix length; write it like 192.168.1.100/24", s)
	}
	a := p.Addr()
	switch {
	case a.Is4In6():
		return p, fmt.Errorf("%s is IPv4 in IPv6 notation; write the IPv4 address", s)
	case a.IsUnspecified(), a.IsMulticast(), a.IsLoopback(), p.Bits() == 0:
		return p, fmt.Errorf("%s is not an address that a host can have", s)
	case a.Is4() && p.Bits() < 31 && a == p.Masked().Addr():
		return p, fmt.Errorf("%s is the address of the net itself, not of a host in it", s)
	case a.Is4() && p.Bits() < 31 && a == Broadcast(p):
		return p, fmt.Errorf("%s is the broadcast address of its net, not of a host in it", s)
	}
	return p, nil
}

// Broadcast is the highest address of an IPv4 net.
func Broadcast(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// Gateway says why s cannot be the gateway of a host with these addresses: it must be in one of their
// nets. A link-local IPv6 gateway always is; beside a /32 or /128 any gateway is
// taken as on-link.
func Gateway(s string, own []netip.Prefix) error {
	g, err := netip.ParseAddr(s)
	if err != nil {
		return fmt.Errorf("%q is no IP address; write it like 192.168.1.1 or fd00::1", s)
	}
	if g.Zone() != "" {
		return fmt.Errorf("%s names a link; leave out what follows the %%", s)
	}
	if g.Is6() && g.IsLinkLocalUnicast() {
		return nil
	}
	var nets []string
	for _, p := range own {
		if p.Addr().BitLen() != g.BitLen() {
			continue
		}
		nets = append(nets, p.Masked().String())
		if p.Addr() == g {
			return fmt.Errorf("%s is this host's own address", s)
		}
		if g.Is4() && p.Bits() < 31 && (g == p.Masked().Addr() || g == Broadcast(p)) {
			return fmt.Errorf("%s is the address of the net itself or its broadcast address, not of a router in it", s)
		}
		if p.IsSingleIP() || p.Contains(g) {
			return nil
		}
	}
	if len(nets) == 0 {
		return fmt.Errorf("%s is out of reach: the host has no address of that family", s)
	}
	return fmt.Errorf("%s is out of reach: it is not in %s", s, strings.Join(nets, ", "))
}

// NetworkName says why s cannot be the name of a libvirt network.
func NetworkName(s string) error {
	if !networkName.MatchString(s) {
		return fmt.Errorf("%q cannot be a network's name; use letters, digits, . _ -", s)
	}
	return nil
}
