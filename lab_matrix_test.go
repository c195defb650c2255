package main

import (
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"bridgehead/backend/lab"
	"bridgehead/backend/lab/strike"
	"bridgehead/backend/op"
	"bridgehead/backend/plan/plantest"
	"bridgehead/backend/trial"
)

// scene is a host with a change whose operations are struck.
type scene struct {
	name    string
	spec    lab.Spec
	prepare func(host)
	answers []string
	kinds   []string // of operations that are struck here; nil: all
}

var scenes = []scene{
	{name: "tutorial", spec: lab.Spec{Libvirt: true}, answers: []string{"libvirt: {network: examplebr0, default: keep}"}},
	{name: "VM", spec: lab.Spec{Libvirt: true}, prepare: func(h host) { h.guest("example1", "52:54:00:aa:00:01") },
		answers: []string{"libvirt: {network: examplebr0, default: keep}", "vms: {attach: [example1]}"}, kinds: []string{"attach-vm"}},
	{name: "default removed", spec: lab.Spec{Libvirt: true}, prepare: func(h host) { h.sh("virsh -q net-start default || true; virsh -q net-autostart default") },
		answers: []string{"libvirt: {network: examplebr0, default: remove}"}, kinds: []string{"retire-network"}},
	{name: "port groups", spec: lab.Spec{Libvirt: true}, prepare: leadsToTheBridge,
		answers: []string{"libvirt: {network: examplebr0, default: keep, portgroups: [{name: office, vlans: [10]}, {name: all, vlans: [1, 20], native: 1}]}"},
		kinds:   []string{"set-port-groups"}},
	{name: "lease", spec: lab.Spec{DHCP: true, Interfaces: "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n"},
		kinds: []string{"stop-dhcp", "start-dhcp"}},
	{name: "bond", spec: lab.Spec{Switch: lab.SwitchOVS}, prepare: speaksLACPFast,
		answers: []string{"uplink: {nics: [eth0, eth1], kind: ovs-bond}", "bond: {name: examplebond0, mode: balance-tcp, lacp: active, rate: slow}"},
		kinds:   []string{"add-bond", "set-bond-rate"}},
	{name: "bond with a primary", spec: lab.Spec{Switch: lab.SwitchOVS}, prepare: leadsBothCables,
		answers: []string{"uplink: {nics: [eth0, eth1], kind: ovs-bond}", "bond: {name: examplebond0, mode: active-backup, primary: eth1}"},
		kinds:   []string{"set-bond-primary"}},
}

// leadsBothCables has the switch pass what comes by the cable of eth1, too, and soon forget by which one the host was: Open vSwitch
// learns that again from frames of a moment before the host went over to the other.
func leadsBothCables(h host) {
	if out, err := h.Switch("ovs-vsctl", "add-port", "sw0", "p1", "--", "set", "Bridge", "sw0", "other_config:mac-aging-time=15").CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	h.reaches(hostAddr)
}

// leadsToTheBridge defines a network that leads to the bridge before there is one, and has a port group.
func leadsToTheBridge(h host) {
	must(h.t, h.WriteFile("/run/net.xml", []byte("<network><name>examplebr0</name><forward mode='bridge'/><bridge name='examplebr0'/>"+
		"<virtualport type='openvswitch'/><portgroup name='office'><vlan><tag id='9'/></vlan></portgroup></network>")))
	h.sh("virsh -q net-define /run/net.xml; virsh -q net-start examplebr0; virsh -q net-autostart examplebr0")
}

// speaksLACPFast has the switch make a port-channel of the cables of eth0 and eth1, which passes a host without LACP, too.
func speaksLACPFast(h host) {
	out, err := h.Switch("sh", "-ec", "ovs-vsctl del-port p0 -- add-bond sw0 po1 p0 p1 lacp=active bond_mode=balance-tcp "+
		"other_config:lacp-fallback-ab=true other_config:bond-primary=p0 other_config:lacp-time=fast").CombinedOutput()
	if err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	h.reaches(hostAddr)
}

// act is something that the program does, in which the fault strikes.
type act struct {
	name    string
	kept    bool   // it begins with a change that has been confirmed
	first   string // command that is waiting for confirmation meanwhile
	command string // in which it strikes; watch is the guard, once the time is up
	ends    []trial.Phase
}

var acts = []act{
	{"apply", false, "", "apply", []trial.Phase{trial.RolledBack}},
	{"confirm", false, "apply", "confirm", []trial.Phase{trial.Confirmed, trial.RolledBack}},
	{"rollback", false, "apply", "rollback", []trial.Phase{trial.RolledBack}},
	{"expiry", false, "apply", "watch", []trial.Phase{trial.RolledBack}},
	{"undo", true, "", "undo", []trial.Phase{trial.RolledBack}},
	{"confirm the undo", true, "undo", "confirm", []trial.Phase{trial.Confirmed, trial.RolledBack}},
	{"roll the undo back", true, "undo", "rollback", []trial.Phase{trial.RolledBack}},
}

// full asks for every case there is, which takes an hour.
var full = os.Getenv("BRIDGEHEAD_TEST") == "full"

// sample is what is tried otherwise: each fault once, in one act or another.
var sample = []scene{{name: "static"}}

// commands are the command lines of the program that a case runs.
var commands = map[string][]string{
	"apply":    {"apply", "--answers", answersPath, "--accept-risk", "lose-ssh"},
	"confirm":  {"confirm", "--anyway"},
	"rollback": {"rollback"},
	"undo":     {"undo"},
}

// struck says whether operations of a kind are struck on this host.
func (s scene) struck(kind string) bool { return s.kinds == nil || slices.Contains(s.kinds, kind) }

// faults are those that there can be on this host.
func (s scene) faults() []string {
	if s.spec.Libvirt {
		return strike.Faults
	}
	return strike.Without("libvirtd")
}

// unloaded are the kinds of operations that need modules of the kernel, which a host in namespaces cannot load.
var unloaded = []string{"add-kernel-bond", "join-bond", "remove-vlan"}

// TestLabMatrix lets every kind of fault happen at every operation that each act does or undoes on a real host, and looks at
// what becomes of the host: it runs what was confirmed, or it is exactly as it was.
func TestLabMatrix(t *testing.T) {
	var (
		counted = plantest.Table{Columns: strike.Columns}
		ran     atomic.Int32 // -run may choose some of them
		all     = sample
	)
	if full {
		all = scenes
	}
	t.Run("of", func(t *testing.T) {
		for _, s := range all {
			for i, a := range acts {
				t.Run(s.name+"/"+a.name, func(t *testing.T) {
					t.Parallel()
					ran.Add(1)
					s.play(t, a, i, &counted)
				})
			}
		}
	})
	t.Logf("passed/tried, by operation and fault\n%s", &counted)
	for _, kind := range op.Kinds() {
		if full && int(ran.Load()) == len(all)*len(acts) && !slices.Contains(unloaded, kind) && !slices.Contains(counted.Rows(), kind) {
			t.Errorf("no fault was tried at %s", kind)
		}
	}
}

// play tries the cases of an act. After one that fails it goes on in a new lab.
func (s scene) play(t *testing.T, a act, i int, counted *plantest.Table) {
	g := s.enter(t, a)
	cases := strike.Cases(g.rehearse(a, counted), s.faults(), s.struck)
	if !full {
		cases = sampled(cases, i)
	}
	for _, c := range cases {
		tried, began := false, time.Now()
		ok := t.Run(c.String(), func(t *testing.T) {
			tried = true
			g.in(t).try(a, c.Strike)
		})
		if tried { // -run may choose
			counted.Count(c.Kind, c.Column(), ok)
			t.Logf("%5.1f s %t %s %s", time.Since(began).Seconds(), ok, c.Kind, c)
		}
		if !ok {
			g = s.enter(t, a)
		}
	}
}

// in is the stage within a test of its own.
func (g *stage) in(t testing.TB) *stage {
	g.t = t
	return g
}

// sampled are a few of the cases of the i-th act. All acts together have each fault once.
func sampled(cases []strike.Case, i int) []strike.Case {
	var out []strike.Case
	for j, fault := range strike.Faults {
		var of []strike.Case
		for _, c := range cases {
			if c.Fault == fault {
				of = append(of, c)
			}
		}
		if j%len(acts) == i && len(of) > 0 {
			out = append(out, of[(3*i+j)%len(of)])
		}
	}
	return out
}
