package survey

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bridgehead/backend"
)

// services are what long-lived TCP connections serve, by port (IANA service names).
var services = map[uint16]string{
	111: "RPC", 445: "SMB", 2049: "NFS", 3260: "iSCSI", 3300: "Ceph", 4420: "NVMe over TCP", 6789: "Ceph",
	7788: "DRBD", 7789: "DRBD", 9090: "Cockpit", 10809: "NBD", 16509: "libvirt", 16514: "libvirt", 24007: "GlusterFS",
}

// networkFS are the file systems that live on the network.
var networkFS = []string{"nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.glusterfs", "fuse.sshfs", "lustre", "gfs2", "ocfs2", "afs"}

// mount is a mounted network file system.
type mount struct{ source, dir, kind string }

// mounts reads /proc/mounts (fstab(5)).
func (s fileSet) mounts() []mount {
	var list []mount
	for line := range strings.Lines(s.text("/proc/mounts")) {
		f := strings.Fields(line)
		if len(f) >= 4 && slices.Contains(networkFS, f[2]) {
			list = append(list, mount{unescape(f[0]), unescape(f[1]), f[2]})
		}
	}
	return list
}

func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(s)
}

// uses lists what besides logins goes through the network and would notice a
// cut, with the NIC where it is known.
func (e *evidence) uses() []NetworkUse {
	list := []NetworkUse{}
	add := func(u NetworkUse) {
		if !slices.Contains(list, u) {
			list = append(list, u)
		}
	}
	for _, m := range e.files.mounts() {
		add(NetworkUse{fmt.Sprintf("%s mount %s of %s", strings.ToUpper(strings.TrimPrefix(m.kind, "fuse.")), m.dir, m.source), e.serverNIC(m.source)})
	}
	for _, s := range e.sockets {
		local, remote := unmap(s.Local), unmap(s.Remote)
		if s.Listen || remote.Addr().IsLoopback() {
			continue
		}
		what, ok := services[remote.Port()]
		way := "to"
		if !ok {
			what, ok = services[local.Port()]
			way = "from"
		}
		if ok {
			nics := e.way(local.Addr(), remote.Addr()).nics
			add(NetworkUse{fmt.Sprintf("%s connection %s %s", what, way, remote.Addr()), strings.Join(nics, ", ")})
		}
	}
	for _, p := range e.procs.byPID(bindsToNIC) {
		for _, nic := range e.named(p.Args) {
			add(NetworkUse{fmt.Sprintf("%s (process %d) names %s on its command line", p.Name, p.PID, nic), nic})
		}
	}
	return list
}

// serverNIC is the NIC by which the server of a mount is reached, where its
// source has an address: "192.168.1.9:/srv", "//192.168.1.9/share".
func (e *evidence) serverNIC(source string) string {
	host := strings.TrimPrefix(source, "//")
	if i := strings.Index(host, ":/"); i >= 0 {
		host = host[:i]
	} else if i := strings.Index(host, "/"); i >= 0 {
		host = host[:i]
	}
	server, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return ""
	}
	out := e.route(netip.Addr{}, server.Unmap())
	if len(out) != 1 {
		return ""
	}
	nics, _ := e.below(out[0])
	return strings.Join(nics, ", ")
}

// bindsToNIC picks the programs whose command line ties them to a NIC: 802.1X,
// redundancy, PPPoE, DHCP and discovery services.
func bindsToNIC(p backend.Process) bool {
	return slices.Contains([]string{"wpa_supplicant", "hostapd", "keepalived", "ucarp", "pppd", "pppoe",
		"dnsmasq", "dhcpd", "radvd", "lldpd", "tcpdump", "ptp4l"}, p.Name)
}
