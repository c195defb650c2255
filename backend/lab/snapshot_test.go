package lab

import (
	"strings"
	"testing"
)

func snapshot(t *testing.T, l *Lab) Snapshot {
	t.Helper()
	s, err := l.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshotIsStableAndSeesEveryChange(t *testing.T) {
	l := up(t, Spec{Libvirt: true, IPv6: true})
	before := snapshot(t, l)
	for _, c := range []struct{ what, do, undo, shows string }{
		{"nothing", "true", "true", ""},
		{"a file", "echo '# x' >> /etc/network/interfaces", "sed -i '/^# x$/d' /etc/network/interfaces", "+    # x"},
		{"a mode", "chmod 600 /etc/network/interfaces", "chmod 644 /etc/network/interfaces", "+-rw------- 0:0 /etc/network/interfaces"},
		{"an owner", "chown 7:8 /etc/network/interfaces", "chown 0:0 /etc/network/interfaces", "+-rw-r--r-- 7:8 /etc/network/interfaces"},
		{"an address", "ip addr add 10.78.0.1/24 dev eth1", "ip addr del 10.78.0.1/24 dev eth1", "local=10.78.0.1"},
		{"a link", "ip link set eth1 up", "ip link set eth1 down", "+ifname=eth1 flags=BROADCAST,LOWER_UP"},
		{"a route", "ip route add 192.0.2.0/24 via 10.77.0.1", "ip route del 192.0.2.0/24", "+-4 type=unicast dst=192.0.2.0/24"},
		{"a v6 route", "ip route add 2001:db8::/64 via fd00:77::1", "ip route del 2001:db8::/64", "+-6 type=unicast dst=2001:db8::/64"},
		{"a rule", "ip rule add from 10.77.0.10 table 100", "ip rule del from 10.77.0.10 table 100", "src=10.77.0.10 table=100"},
		{"a sysctl", "sysctl -qw net.ipv4.conf.eth0.rp_filter=1", "sysctl -qw net.ipv4.conf.eth0.rp_filter=0", "proxy_arp=0 rp_filter=1"},
		{"ifstate", "echo eth3=eth3 >> /run/network/ifstate", "sed -i /eth3/d /run/network/ifstate", "+eth3=eth3"},
		{"ifstate of one", "echo eth3 > /run/network/ifstate.eth3", "rm /run/network/ifstate.eth3", "+ifstate.eth3: eth3"},
		{"a bridge", "ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev", "ovs-vsctl del-br br0", "+Bridge datapath_type=netdev name=br0 ports=br0"},
		{"a port with the NIC", "ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev -- add-port br0 eth1 tag=5", "ovs-vsctl del-br br0", "+Port interfaces=eth1 name=eth1 tag=5"},
		{"a network", "echo '<network><name>n</name></network>' > /run/n.xml; virsh -q net-define /run/n.xml", "virsh -q net-undefine n; rm /run/n.xml", "+net-dumpxml n"},
		{"autostart", "virsh -q net-autostart default", "virsh -q net-autostart --disable default", "Autostart:      yes"},
	} {
		t.Run(c.what, func(t *testing.T) {
			sh(t, l.Host, c.do)
			diff := before.Diff(snapshot(t, l))
			if (diff != "") != (c.shows != "") || !strings.Contains(diff, c.shows) {
				t.Errorf("the diff does not show %q:\n%s", c.shows, diff)
			}
			sh(t, l.Host, c.undo)
			if diff := before.Diff(snapshot(t, l)); diff != "" {
				t.Errorf("undone, but:\n%s", diff)
			}
		})
	}
}
