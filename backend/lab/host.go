package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Host is a command inside the host, Switch inside the switch, Client inside the
// client, each in all its namespaces with a small, fixed environment. The command
// runs by way of nsenter(1): killing it kills argv, other signals do not reach
// argv. Use Start for what needs a terminal, signals, or its own pid. Where argv
// leaves something running that holds its output, Wait ends 3 s after argv with exec.ErrWaitDelay.
func (l *Lab) Host(argv ...string) *exec.Cmd   { return l.host.command(argv...) }
func (l *Lab) Switch(argv ...string) *exec.Cmd { return l.sw.command(argv...) }
func (l *Lab) Client(argv ...string) *exec.Cmd { return l.client.command(argv...) }

// Start starts cmd inside the host like cmd.Start, but without a process in
// between: cmd.Process is the process itself, a terminal and signals work as outside.
// It starts in this process's directory where the host has it too, else in "/".
// cmd.Path must name a file that the host has; SysProcAttr.Pdeathsig must not be
// set, for the thread that starts it ends at once. With the lab it ends anyway.
func (l *Lab) Start(cmd *exec.Cmd) error { return l.host.start(cmd) }

// InHost runs f on a thread in the host's network namespace, InClient in the
// client's: netlink calls, sockets opened and /proc/sys/net belong to it. Files are
// the machine's. f must not start goroutines that rely on it.
func (l *Lab) InHost(f func() error) error   { return l.host.inNet(f) }
func (l *Lab) InClient(f func() error) error { return l.client.inNet(f) }

// clearOVS are the machine's Open vSwitch files.
var clearOVS = []string{"/etc/openvswitch/conf.db", "/etc/openvswitch/.conf.db.~lock~", "/etc/openvswitch/system-id.conf", "/var/lib/openvswitch/*", "/var/lib/openvswitch/.conf.db*", "/var/log/openvswitch/*"}

// clearHost are the machine's files that the host of a lab must not have: state of
// Bridgehead and of daemons, its network configuration (the Spec brings another),
// and its guests, which libvirtd would start a second time on the same disks.
var clearHost = append([]string{
	"/var/lib/bridgehead",
	"/etc/network/interfaces", "/etc/network/interfaces.d/*",
	"/etc/netplan/*", "/etc/systemd/network/*", "/etc/NetworkManager/system-connections/*", "/etc/cloud",
	"/var/lib/dhcp/*", "/var/lib/misc/dnsmasq.leases",
	"/etc/libvirt/qemu/*.xml", "/etc/libvirt/qemu/autostart", "/etc/libvirt/lxc", "/etc/libvirt/storage", "/etc/libvirt/secrets",
	"/var/lib/libvirt/qemu", "/var/lib/libvirt/dnsmasq/*",
}, clearOVS...)

func (l *Lab) hostConfig() nodeConfig {
	c := nodeConfig{
		Name: hostNode, Hostname: l.spec.Hostname, Clear: clearHost, Bind: l.spec.Bind,
		Files:   map[string]string{"/etc/network/interfaces": l.spec.Interfaces},
		Sysctls: map[string]string{"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0"}, // as on Debian
		Systemd: l.spec.Systemd, Sysvinit: l.spec.Sysvinit, Cgroup: l.cgroup,
	}
	if !l.spec.NoSteal {
		for _, n := range l.spec.NICs {
			c.Steal = append(c.Steal, n.Name)
		}
	}
	if !l.spec.IPv6 {
		ipv6Off(c.Sysctls)
	}
	for k, v := range l.spec.Sysctls {
		c.Sysctls[k] = v
	}
	if l.spec.Libvirt {
		for path, content := range libvirtFiles() {
			c.Files[path] = content
		}
	}
	if l.spec.Systemd {
		c.Units = l.units()
	}
	for path, content := range l.spec.Files {
		c.Files[path] = content
	}
	return c
}

func ipv6Off(sysctls map[string]string) {
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		return // the kernel runs without it
	}
	sysctls["ipv6/conf/all/disable_ipv6"], sysctls["ipv6/conf/default/disable_ipv6"] = "1", "1"
}

// startHost brings up what runs on the host, and waits until the client reaches it.
func (l *Lab) startHost(ctx context.Context) error {
	if l.spec.Systemd {
		l.say("Booting systemd")
		if err := l.awaitSystemd(ctx); err != nil {
			return err
		}
	} else if l.spec.Sysvinit {
		if err := l.runScripts(ctx); err != nil {
			return err
		}
	} else if err := l.startDaemons(ctx); err != nil {
		return err
	}
	if err := l.host.inNet(l.finishNICs); err != nil {
		return err
	}
	if !l.spec.NoIfup && l.spec.Switch != SwitchNone {
		if err := l.awaitReachable(ctx); err != nil {
			return err
		}
	}
	return l.settle()
}

// startDaemons does what a boot does, in its order: Open vSwitch, network, libvirt.
func (l *Lab) startDaemons(ctx context.Context) error {
	if !l.spec.NoOVS {
		l.say("Starting Open vSwitch")
		if err := l.StartOVS(ctx); err != nil {
			return err
		}
	}
	if !l.spec.NoIfup {
		l.say("Bringing the network up with ifup -a")
		// A stanza that fails here fails on the real host too; what counts is that the host is reached.
		if l.ifup = l.host.run(ctx, "ifup", "-a"); ctx.Err() != nil {
			return l.ifup
		}
	}
	if l.spec.Libvirt {
		l.say("Starting libvirt")
		return l.StartLibvirt(ctx)
	}
	return nil
}

// Ifup returns how ifup -a ended when the host came up: nil, or with what it printed.
func (l *Lab) Ifup() error { return l.ifup }

// finishNICs adds to the NICs what no configuration file gave them.
func (l *Lab) finishNICs() error {
	for _, n := range l.spec.NICs {
		link, err := netlink.LinkByName(n.Name)
		if err != nil {
			return fmt.Errorf("cannot find %s: %w", n.Name, err)
		}
		if !n.Up {
			continue
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("cannot set %s up: %w", n.Name, err)
		}
		if err := addMissing(link, n.Addrs); err != nil {
			return err
		}
	}
	return nil
}

// addMissing leaves the addresses that are there as they are: a lease has its lifetime.
func addMissing(link netlink.Link, want []netip.Prefix) error {
	have, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, a := range have {
		there[a.IPNet.String()] = true
	}
	for _, a := range want {
		if there[ipNet(a).String()] {
			continue
		}
		if err := addAddr(link, a); err != nil {
			return err
		}
	}
	return nil
}

// awaitReachable waits until the client reaches an address of the host's NICs that lies in
// one of its networks; where the host has none, there is nothing to wait for.
func (l *Lab) awaitReachable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var targets []netip.Addr
	for {
		var err error
		if targets, err = l.targets(); err != nil {
			return err
		}
		if len(targets) == 0 {
			return nil
		}
		for _, a := range targets {
			if l.client.run(ctx, "ping", "-q", "-c1", "-W0.3", a.String()) == nil {
				return nil
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the client does not reach the host at %v (ifup: %w)", targets, l.ifup)
		}
	}
}

// settle waits until duplicate address detection is over on the host.
func (l *Lab) settle() error {
	for end := time.Now().Add(15 * time.Second); ; <-time.After(10 * time.Millisecond) {
		tentative := ""
		err := l.host.inNet(func() error {
			addrs, err := netlink.AddrList(nil, netlink.FAMILY_V6)
			for _, a := range addrs {
				if a.Flags&unix.IFA_F_TENTATIVE != 0 && a.Flags&unix.IFA_F_DADFAILED == 0 {
					tentative = a.IPNet.String()
				}
			}
			return err
		})
		if err != nil || tentative == "" {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("the host's address %s stays tentative", tentative)
		}
	}
}

// targets are the host's addresses that the client has on its own link.
func (l *Lab) targets() ([]netip.Addr, error) {
	var found []netip.Addr
	err := l.host.inNet(func() error {
		addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for _, a := range addrs {
			ip, ok := netip.AddrFromSlice(a.IP)
			for _, c := range l.spec.Client {
				if ip = ip.Unmap(); ok && c.Contains(ip) && c.Addr() != ip {
					found = append(found, ip)
				}
			}
		}
		return nil
	})
	return found, err
}

// leaseRange are the first and last address of those that upstream gives to strangers: the
// upper quarter of the network.
func leaseRange(gw netip.Prefix) (first, last netip.Addr) {
	a := gw.Masked().Addr().As4()
	base := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	size := uint32(1) << (32 - gw.Bits())
	at := func(n uint32) netip.Addr {
		n += base
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	return at(size - size/4), at(size - 2)
}
