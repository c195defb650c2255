package main

import (
	"testing"

	"bridgehead/backend/lab"
)

// A host that was changed since: undo shows how, asks, and then leads to where the change began.
func TestUndoOfAChangedHost(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	h.run("apply", "--answers", answersPath, "--auto-confirm").want(t, 0, "Confirmed")
	h.sh(`echo '# by hand' >>/etc/network/interfaces; ip address add 10.77.0.77/24 dev examplebr0p1
ip route add 10.99.0.0/16 via 10.77.0.1; echo 1 >/proc/sys/net/ipv4/conf/examplebr0p1/arp_ignore`)
	edited, look := h.snapshot(), "cat /etc/network/interfaces /proc/sys/net/ipv4/conf/examplebr0p1/arp_ignore; ip -4 -br address show examplebr0p1 | tr -s \" \" | sort; ip route | sort" // the userspace datapath's own link gets another MAC each time
	seen := h.sh(look)
	h.run("undo").want(t, 3, "/etc/network/interfaces has been changed since", "+# by hand", "10.77.0.77", "10.99.0.0/16", "arp_ignore set to 1", "--accept-changes", "nothing was changed")
	h.same(edited)
	r := h.begin(programPath, "undo", "--accept-changes")
	r.says("The change is active")
	h.changed(edited)
	h.run("rollback").want(t, 0, "as it was before") // not kept: also what was changed by hand is there again
	r.wait().want(t, 4, "the operator asked for it")
	if got := h.sh(look); got != seen {
		t.Errorf("after the undo was rolled back:\n%s\nwant:\n%s", got, seen)
	}
	h.run("undo", "--accept-changes", "--auto-confirm").want(t, 0, "+# by hand", "Confirmed")
	h.same(before)
	h.unguarded()
}

// What somebody has set in Open vSwitch since on the bridge, its ports and their interfaces: undo shows it, and brings it back
// if it is not kept. What it could not bring back it does not take away.
func TestUndoOfAChangedSwitch(t *testing.T) {
	h := up(t, lab.Spec{})
	before := h.snapshot()
	h.run("apply", "--answers", answersPath, "--auto-confirm").want(t, 0, "Confirmed")
	h.sh(`ovs-vsctl set Bridge examplebr0 fail_mode=standalone mcast_snooping_enable=true protocols=OpenFlow13 other_config:mac-aging-time=60 \
stp_enable=true other_config:stp-forward-delay=4 other_config:stp-max-age=6 other_config:stp-hello-time=1 'external_ids:owner="the network team, floor=2"' \
-- set Port examplebr0 external_ids:a=b -- set Port examplebr0p1 protected=true -- set Interface examplebr0p1 mtu_request=1480 \
-- set Port eth0 trunks=0,10,20 vlan_mode=trunk -- set Interface eth0 ingress_policing_rate=900000 lldp:enable=false
timeout 60 sh -c 'until ping -c1 -W1 ` + lab.GatewayAddr + `; do :; done'`) // a port of spanning tree passes nothing at first, nor will it when it is made again
	const look = `for t in Bridge:datapath_type,fail_mode,flood_vlans,mcast_snooping_enable,protocols,rstp_enable,stp_enable,mirrors,controller \
Port:bond_mode,bond_updelay,cvlans,lacp,mac,protected,qos,tag,trunks,vlan_mode \
Interface:type,mac,mtu_request,ofport_request,options,ingress_policing_rate,ingress_policing_burst,bfd,cfm_mpid,lldp
do for r in $(ovs-vsctl --bare --columns=name list ${t%%:*} | sort); do ovs-vsctl --columns=name,external_ids,other_config,${t#*:} list ${t%%:*} $r; done; done`
	seen := h.sh(look)
	h.run("undo").want(t, 3, "bridge examplebr0 has got", "mcast_snooping_enable=true", "other_config:mac-aging-time=60", "stp_enable=true", `external_ids:owner="the network team, floor=2"`,
		"port examplebr0p1 has got protected=true since", "interface examplebr0p1 has got mtu_request=1480 since", "port eth0 has got trunks=[0,10,20], vlan_mode=trunk since",
		"interface eth0 has got ingress_policing_rate=900000, lldp:enable=false since", "--accept-changes", "nothing was changed")

	h.sh("ovs-vsctl set-controller examplebr0 tcp:127.0.0.1:6653")
	h.run("undo", "--accept-changes").want(t, 1, "ovs-vsctl clear Bridge examplebr0 controller")
	h.sh("ovs-vsctl clear Bridge examplebr0 controller; ovs-ofctl -O OpenFlow13 add-flow examplebr0 in_port=99,actions=drop")
	const usual = "echo priority=0,actions=NORMAL | ovs-ofctl -O OpenFlow10,OpenFlow13 replace-flows examplebr0 -"
	h.run("undo", "--accept-changes").want(t, 1, "flows of its own by now (1)", usual)
	h.sh(usual)
	if got := h.sh(look); got != seen {
		t.Errorf("after nothing was changed:\n%s\nwant:\n%s", got, seen)
	}

	h.undoneBackAndForth(look, seen, before)
	h.unguarded()
}

// The same of a bond, which may take half a minute until it is agreed upon again.
func TestUndoOfAChangedBond(t *testing.T) {
	h := up(t, lab.Spec{Switch: lab.SwitchOVS})
	h.tell(speaksLACP)
	h.reaches(hostAddr)
	before := h.snapshot()
	h.answers(bonded("mode: balance-tcp, lacp: active, rate: slow")...)
	h.run("apply", "--answers", answersPath, "--accept-risk", "lose-ssh", "--auto-confirm").want(t, 0, "Confirmed")
	h.sh("ovs-vsctl set Port examplebond0 lacp=passive bond_updelay=10 trunks=0,7 other_config:bond-primary=eth1 -- set Interface eth1 lldp:enable=false ofport_request=9")
	const look = "ovs-vsctl --columns=bond_mode,lacp,bond_updelay,trunks,other_config list Port examplebond0; for i in eth0 eth1; do ovs-vsctl --columns=name,lldp,ofport_request,other_config list Interface $i; done"
	seen := h.sh(look)
	h.run("undo").want(t, 3, "port examplebond0 has got bond_updelay=10, trunks=[0,7] since; interface eth1 has got lldp:enable=false, ofport_request=9 since")
	h.undoneBackAndForth(look, seen, before)
}

// undoneBackAndForth takes the confirmed change back, with what was set since: once not kept, so that look prints what was seen,
// then for good.
func (h host) undoneBackAndForth(look, seen string, before lab.Snapshot) {
	h.t.Helper()
	r := h.begin(programPath, "undo", "--accept-changes")
	r.says("The change is active")
	h.run("rollback").want(h.t, 0, "as it was before")
	r.wait().want(h.t, 4, "the operator asked for it")
	if got := h.sh(look); got != seen {
		h.t.Errorf("after the undo was rolled back:\n%s\nwant:\n%s", got, seen)
	}
	h.run("undo", "--accept-changes", "--auto-confirm").want(h.t, 0, "Confirmed")
	h.same(before)
}
