package main

import (
	"strings"
	"testing"

	"bridgehead/backend/lab"
)

// fault is a host or answers that do not fit.
type fault struct {
	name       string
	make, mend string   // scripts
	answers    []string // sections of the answers file
	code       int
	says       []string
}

var faults = []fault{
	{name: "no such NIC", answers: []string{"uplink: {nics: [eth9], kind: nic}"},
		code: 2, says: []string{"/etc/answers.yaml:5: uplink.nics[0]: this host has no NIC eth9; it has eth0, eth1, eth2, eth3"}},
	{name: "name taken by a NIC", answers: []string{"bridge: {name: eth1, port: p1, datapath: netdev}"},
		code: 2, says: []string{"/etc/answers.yaml:5: bridge.name: the host already has a network link eth1"}},
	{name: "name taken by a Linux bridge", make: "ip link add examplebr0 type bridge", mend: "ip link del examplebr0",
		code: 2, says: []string{"/etc/answers.yaml:3: bridge.name: the host already has a network link examplebr0"}},
	{name: "name taken by a bridge of Open vSwitch",
		make: "ovs-vsctl add-br examplebr0 -- set bridge examplebr0 datapath_type=netdev", mend: "ovs-vsctl del-br examplebr0",
		code: 2, says: []string{"/etc/answers.yaml:3: bridge.name: Open vSwitch already has a bridge examplebr0"}},
	{name: "NIC is a port already",
		make: "ovs-vsctl add-br other -- set bridge other datapath_type=netdev -- add-port other eth1", mend: "ovs-vsctl del-br other",
		answers: []string{"uplink: {nics: [eth1], kind: nic}"}, code: 3, says: []string{"eth1 cannot be the uplink", "other"}},
	{name: "NIC is in a Linux bridge", make: "ip link add br9 type bridge; ip link set eth1 master br9", mend: "ip link del br9",
		answers: []string{"uplink: {nics: [eth1], kind: nic}"}, code: 3, says: []string{"eth1 cannot be the uplink", "br9"}},
	{name: "no kernel datapath", answers: []string{"bridge: {name: examplebr0}"},
		code: 3, says: []string{"no module openvswitch", "datapath: netdev"}},
	{name: "switch daemon down", make: "kill $(cat /run/openvswitch/ovs-vswitchd.pid); while pgrep -x ovs-vswitchd; do sleep 0.02; done",
		code: 3, says: []string{"ovs-vswitchd is not running; start it"}},
	{name: "database server down", make: "kill $(cat /run/openvswitch/ovsdb-server.pid); while pgrep -x ovsdb-server; do sleep 0.02; done",
		code: 3, says: []string{"ovsdb-server is not running; start it"}},
	{name: "libvirt is asked for and does not run", answers: []string{"libvirt: {network: examplebr0}"},
		code: 3, says: []string{"libvirt does not answer", "systemctl start libvirtd"}},
	{name: "configuration that is not understood",
		make: "cp -a /etc/network/interfaces /run/keep; echo 'iface eth0 inet' >> /etc/network/interfaces", mend: "cp -a /run/keep /etc/network/interfaces",
		code: 3, says: []string{"/etc/network/interfaces:15"}},
	{name: "netplan has the NIC",
		make: `mkdir -p /etc/netplan; printf 'network:\n  ethernets:\n    eth0: {dhcp4: true}\n' >/etc/netplan/50.yaml`, mend: "rm /etc/netplan/50.yaml",
		code: 3, says: []string{"netplan"}},
	{name: "state directory on a full disk",
		make: "mkdir -p /var/lib/bridgehead; mount -t tmpfs -o size=1m tmpfs /var/lib/bridgehead", mend: "umount /var/lib/bridgehead",
		code: 3, says: []string{"no room", "/var/lib/bridgehead", "no space left"}},
	{name: "read-only state directory",
		make: "mkdir -p /var/lib/bridgehead; mount -t tmpfs -o ro tmpfs /var/lib/bridgehead", mend: "umount /var/lib/bridgehead",
		code: 3, says: []string{"read-only file system"}},
	{name: "configuration on a full disk",
		make: "cp -a /etc/network /run/net; mount -t tmpfs -o size=64k tmpfs /etc/network; cp -a /run/net/. /etc/network; dd if=/dev/zero of=/etc/network/fill bs=4k 2>/dev/null || true",
		mend: "umount /etc/network; rm -r /run/net",
		code: 3, says: []string{"no room", "/etc/network/interfaces", "no space left"}},
	{name: "read-only /etc", make: "mount --bind /etc /etc; mount -o remount,bind,ro /etc", mend: "umount /etc",
		code: 3, says: []string{"read-only file system"}},
}

// Each fault is a clear error with its exit code, and nothing is changed.
func TestRefused(t *testing.T) {
	lab := up(t, lab.Spec{})
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			h := host{lab.Lab, t}
			h.answers(f.answers...)
			h.sh(f.make)
			defer func() {
				h.sh(f.mend)
				must(t, h.StartOVS(t.Context()))
			}()
			before := h.snapshot()
			for _, command := range []string{"apply", "plan"} {
				r := h.run(command, "--answers", answersPath).want(t, f.code, f.says...)
				if n := strings.Count(r.err, "\n"); n > 6 {
					t.Errorf("%s: %d lines for one error:\n%s", command, n, r.err)
				}
			}
			h.same(before)
			h.sh("! test -e /var/lib/bridgehead/current")
		})
	}
}

// What has changed between the plan and its application stops it.
func TestStalePlan(t *testing.T) {
	lab := up(t, lab.Spec{})
	for _, change := range []struct{ name, make, mend, says string }{
		{"another address", "ip addr add 10.77.0.99/24 dev eth0", "ip addr del 10.77.0.99/24 dev eth0",
			"th0 has got the address 10.77.0.99/24 since the plan was made"},
		{"an address gone", "ip addr del 10.77.0.10/24 dev eth0", "ip addr add 10.77.0.10/24 brd + dev eth0; ip route add default via 10.77.0.1 dev eth0 onlink",
			"th0 has lost the address 10.77.0.10/24"},
		{"another file", "cp -a /etc/network/interfaces /run/keep; echo '# mine' >> /etc/network/interfaces", "cp -a /run/keep /etc/network/interfaces",
			"etc/network/interfaces has been changed since the plan was made"},
		{"another bridge", "ovs-vsctl add-br examplebr0 -- set bridge examplebr0 datapath_type=netdev", "ovs-vsctl del-br examplebr0",
			"Open vSwitch already has a bridge examplebr0"},
	} {
		t.Run(change.name, func(t *testing.T) {
			h := host{lab.Lab, t}
			s := h.wizard()
			s.to("Risk")
			h.sh(change.make)
			defer h.sh(change.mend)
			before := h.snapshot()
			s.accept()
			s.want(change.says, "nothing was changed")
			h.same(before)
			h.sh("! test -e /var/lib/bridgehead/current")
			must(t, s.cmd.Process.Kill())
			s.exits(-1)
		})
	}
}

// The switch dies in the middle: what it was told is read back and taken back without it, the host stays in reach,
// and nothing happens when it is back.
func TestSwitchDiesInTheMiddle(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	login := h.session(hostAddr)
	h.sh(`cat >/usr/local/sbin/ovs-vsctl <<'EOF'
#!/bin/sh
case "$*" in *add-port*eth0*) kill -9 $(cat /run/openvswitch/ovs-vswitchd.pid); esac
exec /usr/bin/ovs-vsctl "$@"
EOF
chmod +x /usr/local/sbin/ovs-vsctl`)
	h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh").
		want(t, 4, "cannot add port eth0 to examplebr0", "no answer", "as it was before")
	h.alive(login)
	h.unguarded()
	must(t, h.StartOVS(t.Context()))
	h.sh("ip link del ovs-netdev") // the userspace datapath itself, which the dead daemon left
	h.same(before)
	h.alive(login)
}
