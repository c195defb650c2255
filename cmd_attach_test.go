package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/answers"
	"bridgehead/backend/plan"
	"bridgehead/backend/sim"
	"bridgehead/backend/survey"
	"bridgehead/steps/stepstest"
)

func facts(t *testing.T, m *sim.Machine) survey.Facts {
	t.Helper()
	f, err := survey.Take(t.Context(), m.Host(), survey.Options{Root: true})
	must(t, err)
	return f
}

// What is typed after bridgehead attach, and what comes of it: a plan, or the exit code and what to do.
func TestAttachCommandLine(t *testing.T) {
	m := sim.Demo()
	stepstest.Converted(m)
	on := facts(t, m)
	several := on
	several.Virt.Domains = slices.Clone(on.Virt.Domains)
	several.Virt.Domains[1].XML = strings.Replace(several.Virt.Domains[1].XML, "    <memballoon", "    <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/></interface>\n    <memballoon", 1)
	there := on
	there.Virt.Domains = slices.Clone(on.Virt.Domains)
	there.Virt.Domains[1].XML = strings.Replace(there.Virt.Domains[1].XML, "network='default'", "network='examplebr0'", 1)
	blank := on
	blank.Virt.Domains = slices.Clone(on.Virt.Domains)
	blank.Virt.Domains[1].Name += " "
	dead := on
	dead.Virt = backend.VirtState{Reason: "libvirtd is not running"}
	noNetwork := on
	noNetwork.Virt.Networks = on.Virt.Networks[:1]
	grouped := on
	grouped.Virt.Networks = slices.Clone(on.Virt.Networks)
	for i := range grouped.Virt.Networks {
		n := &grouped.Virt.Networks[i]
		n.XML = strings.Replace(n.XML, "</network>", "<portgroup name='office'><vlan><tag id='10'/></vlan></portgroup></network>", 1)
	}
	for _, c := range []struct {
		facts survey.Facts
		flags attachment
		vms   string
		code  int
		words string
	}{
		{on, attachment{}, "example1 example2", exitDone, ""},
		{on, attachment{AttachVM: answers.AttachVM{NIC: "new", Tag: 4094, Via: "bridge"}}, "example1", exitDone, ""},
		{on, attachment{network: "lan"}, "example2", exitDone, ""},
		{noNetwork, attachment{}, "example2", exitDone, ""},
		{several, attachment{AttachVM: answers.AttachVM{NIC: "52:54:00:00:00:01"}}, "example2", exitDone, ""},
		{on, attachment{portGroup: "office=10"}, "example1 example2", exitDone, ""},
		{noNetwork, attachment{network: "lan", portGroup: "all=1n+20"}, "example2", exitDone, ""},
		{grouped, attachment{portGroup: "office"}, "example2", exitDone, ""},
		{grouped, attachment{portGroup: "sales"}, "example2", exitUsage, "no port group sales; it has office"},
		{on, attachment{portGroup: "office"}, "example2", exitUsage, "no port groups; give it office with its VLANs"},
		{on, attachment{portGroup: "office=10,all=20"}, "example2", exitUsage, "give one"},
		{on, attachment{portGroup: "office=5000"}, "example2", exitUsage, "1 to 4094"},
		{on, attachment{portGroup: "a b"}, "example2", exitUsage, "cannot be the name of a port group"},
		{on, attachment{portGroup: "office=10", AttachVM: answers.AttachVM{Tag: 7}}, "example2", exitUsage, "leave tag 7 out"},
		{on, attachment{portGroup: "office=10", AttachVM: answers.AttachVM{Via: "bridge"}}, "example2", exitUsage, "connect by the network"},
		{noNetwork, attachment{portGroup: "office=10"}, "example2", exitUsage, "--network"},
		{on, attachment{}, "web", exitUsage, "does not know a VM web; it has example1, example2"},
		{blank, attachment{}, "example2", exitUsage, `does not know a VM example2; it has example1, "example2 "`},
		{on, attachment{}, "example1 example1", exitUsage, "named twice"},
		{on, attachment{}, "a/b", exitUsage, "cannot be the name of a VM"},
		{on, attachment{AttachVM: answers.AttachVM{NIC: "52:54:00:00:00:99"}}, "example2", exitUsage, "has no NIC 52:54:00:00:00:99; it has 52:54:00:9e:11:a4"},
		{on, attachment{AttachVM: answers.AttachVM{NIC: "eth0"}}, "example2", exitUsage, "neither a MAC"},
		{on, attachment{AttachVM: answers.AttachVM{Tag: 4095}}, "example2", exitUsage, "1 to 4094"},
		{on, attachment{AttachVM: answers.AttachVM{Via: "air"}}, "example2", exitUsage, "network or bridge"},
		{on, attachment{AttachVM: answers.AttachVM{Model: "a b"}}, "example2", exitUsage, "model"},
		{on, attachment{bridge: "br9"}, "example2", exitUsage, "no bridge br9; it has examplebr0"},
		{noNetwork, attachment{AttachVM: answers.AttachVM{Via: "network"}}, "example2", exitUsage, "--network"},
		{several, attachment{}, "example2", exitUsage, "several NICs"},
		{there, attachment{}, "example2", exitUsage, "already"},
		{dead, attachment{}, "example2", exitRefused, "libvirtd is not running"},
		{facts(t, sim.Demo()), attachment{}, "example2", exitRefused, "run bridgehead first"},
	} {
		given, err := c.flags.answers(c.facts, strings.Fields(c.vms))
		if err == nil {
			_, err = plan.Build(c.facts, given)
			err = onCommandLine(err)
		}
		if got := exitCode(err); got != c.code || c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)) {
			t.Errorf("%s with %+v: exit code %d, %v; want %d and %q", c.vms, c.flags, got, err, c.code, c.words)
		}
	}
	if usage := (usageError{}); !errors.As(someVMs(nil, nil), &usage) {
		t.Error("without a VM it is no error")
	}
}
