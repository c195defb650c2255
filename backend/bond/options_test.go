package bond

import (
	"strings"
	"testing"

	"bridgehead/backend"
)

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want string // field: part of the text; "" where it can work
	}{
		{"active-backup", Options{Kind: OVS, Mode: ActiveBackup}, ""},
		{"active-backup with LACP", Options{Kind: OVS, Mode: ActiveBackup, LACP: Active, Fallback: true, Rate: Fast}, ""},
		{"balance-slb", Options{Kind: OVS, Mode: BalanceSLB, LACP: Off}, ""},
		{"balance-tcp", Options{Kind: OVS, Mode: BalanceTCP, LACP: Passive}, ""},
		{"kernel 802.3ad", Options{Kind: Kernel, Mode: LACP8023ad, Rate: Fast}, ""},
		{"kernel active-backup", Options{Kind: Kernel, Mode: ActiveBackup}, ""},

		{"LACP off with balance-tcp", Options{Kind: OVS, Mode: BalanceTCP, LACP: Off}, "lacp: drops everything"},
		{"LACP left out with balance-tcp", Options{Kind: OVS, Mode: BalanceTCP}, "lacp: drops everything"},
		{"balance-slb with LACP", Options{Kind: OVS, Mode: BalanceSLB, LACP: Active}, "mode: without LACP"},
		{"a fallback from nothing", Options{Kind: OVS, Mode: ActiveBackup, Fallback: true}, "fallback: nothing to fall back from"},
		{"a rate of nothing", Options{Kind: OVS, Mode: BalanceSLB, Rate: Fast}, "rate: LACP is off"},
		{"unknown kind", Options{Kind: "team", Mode: ActiveBackup}, "kind: no kind"},
		{"unknown mode", Options{Kind: OVS, Mode: LACP8023ad}, "mode: use active-backup, balance-slb, balance-tcp"},
		{"mode left out", Options{Kind: OVS}, "mode: is no mode"},
		{"unknown lacp", Options{Kind: OVS, Mode: BalanceTCP, LACP: "on"}, "lacp: active, passive or off"},
		{"unknown rate", Options{Kind: OVS, Mode: BalanceTCP, LACP: Active, Rate: "30"}, "rate: slow"},
		{"the kernel, passive", Options{Kind: Kernel, Mode: LACP8023ad, LACP: Passive}, "lacp: always is active"},
		{"the kernel's active-backup with LACP", Options{Kind: Kernel, Mode: ActiveBackup, LACP: Active}, "lacp: no LACP"},
		{"the kernel with fallback", Options{Kind: Kernel, Mode: LACP8023ad, Fallback: true}, "fallback: use an OVS bond"},
	} {
		t.Run(c.name, func(t *testing.T) { wantProblem(t, c.o.Problems(), c.want) })
	}
}

func wantProblem(t *testing.T, got []Problem, want string) {
	t.Helper()
	field, part, _ := strings.Cut(want, ": ")
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("refused: %v", got)
	case want != "" && (len(got) != 1 || got[0].Field != field || !strings.Contains(got[0].Text, part)):
		t.Errorf("got %v, want %s", got, want)
	}
}

func nic(name string, with ...func(*backend.Link)) backend.Link {
	l := backend.Link{Name: name, Up: true, Carrier: true, SpeedMbps: 1000, Duplex: "full", MTU: 1500}
	for _, w := range with {
		w(&l)
	}
	return l
}

func speed(n int) func(*backend.Link) { return func(l *backend.Link) { l.SpeedMbps = n } }

func TestMemberProblems(t *testing.T) {
	lacp, backup := Options{Kind: OVS, Mode: BalanceTCP, LACP: Active}, Options{Kind: OVS, Mode: ActiveBackup}
	for _, c := range []struct {
		name    string
		o       Options
		members []backend.Link
		want    string
	}{
		{"two alike", lacp, []backend.Link{nic("eth0"), nic("eth1")}, ""},
		{"speeds unknown, as of virtual machines", lacp, []backend.Link{nic("eth0", speed(0)), nic("eth1")}, ""},
		{"a speed that is only from before the cable was pulled", lacp,
			[]backend.Link{nic("eth0"), nic("eth1", speed(100), func(l *backend.Link) { l.Carrier = false })}, ""},
		{"different speeds without LACP", backup, []backend.Link{nic("eth0"), nic("eth1", speed(100))}, ""},
		{"one", backup, []backend.Link{nic("eth0")}, "nics: at least two members, 1 given"},
		{"twice the same", backup, []backend.Link{nic("eth0"), nic("eth0")}, "nics: eth0 is named twice"},
		{"different speeds", Options{Kind: Kernel, Mode: LACP8023ad}, []backend.Link{nic("eth0"), nic("eth1", speed(100)), nic("eth2")},
			"nics: only links of one speed: eth0, eth2 1000 Mb/s; eth1 100 Mb/s"},
		{"half duplex", lacp, []backend.Link{nic("eth0"), nic("eth1", func(l *backend.Link) { l.Duplex = "half" })}, "nics: eth1 runs at half duplex"},
		{"Wi-Fi", backup, []backend.Link{nic("eth0"), nic("wlan0", func(l *backend.Link) { l.Wireless = true })}, "nics: wlan0 is Wi-Fi"},
		{"somebody's slave", backup, []backend.Link{nic("eth0"), nic("eth1", func(l *backend.Link) { l.Master = "bond0" })}, "nics: eth1 belongs to bond0"},
		{"a VLAN", backup, []backend.Link{nic("eth0"), nic("eth0.10", func(l *backend.Link) { l.Kind, l.Virtual = "vlan", true })}, "nics: eth0.10 is no NIC"},
		{"different MTUs", backup, []backend.Link{nic("eth0"), nic("eth1", func(l *backend.Link) { l.MTU = 9000 })}, "nics: different MTUs: eth0 1500; eth1 9000"},
	} {
		t.Run(c.name, func(t *testing.T) { wantProblem(t, c.o.MemberProblems(c.members), c.want) })
	}
}

func TestApart(t *testing.T) {
	at := func(nic, name, system string) backend.Neighbour {
		n := backend.Neighbour{NIC: nic, Switch: name, Port: "1"}
		if system != "" {
			n.LACP = &backend.Partner{System: system}
		}
		return n
	}
	for name, c := range map[string]struct {
		heard []backend.Neighbour
		want  string
	}{
		"one switch":                   {[]backend.Neighbour{at("eth0", "sw1", ""), at("eth1", "sw1", "")}, ""},
		"silence on one":               {[]backend.Neighbour{at("eth0", "sw1", ""), {NIC: "eth1"}}, ""},
		"two switches":                 {[]backend.Neighbour{at("eth0", "sw1", ""), at("eth1", "sw2", "")}, "eth0 to sw1 port 1; eth1 to sw2 port 1"},
		"two that speak LACP":          {[]backend.Neighbour{at("eth0", "sw1", "aa"), at("eth1", "sw2", "bb")}, "different switches"},
		"two that speak as one (MLAG)": {[]backend.Neighbour{at("eth0", "sw1", "aa"), at("eth1", "sw2", "aa")}, ""},
	} {
		if got := Apart(c.heard); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestRecommend(t *testing.T) {
	hears := func(nic, system string, key int) backend.Neighbour {
		return backend.Neighbour{NIC: nic, LACP: &backend.Partner{System: system, Key: key}}
	}
	two := []backend.Link{nic("eth0"), nic("eth1")}
	dark := func(l *backend.Link) { l.Carrier = false }
	for _, c := range []struct {
		name  string
		nics  []backend.Link
		heard []backend.Neighbour
		mode  string // "" is one NIC
		why   string
	}{
		{"one NIC", two[:1], nil, "", "one NIC is chosen"},
		{"silence", two, []backend.Neighbour{{NIC: "eth0"}, {NIC: "eth1"}}, ActiveBackup, "which proves nothing"},
		{"one port-channel", two, []backend.Neighbour{hears("eth0", "aa", 1), hears("eth1", "aa", 1)}, BalanceTCP, "the switch speaks LACP on eth0, eth1"},
		{"two keys", two, []backend.Neighbour{hears("eth0", "aa", 1), hears("eth1", "aa", 2)}, ActiveBackup, "different port-channels: eth0 to system aa key 1; eth1 to system aa key 2"},
		{"two systems", two, []backend.Neighbour{hears("eth0", "aa", 1), hears("eth1", "bb", 1)}, ActiveBackup, "different port-channels"},
		{"LACP on one", two, []backend.Neighbour{hears("eth1", "aa", 1)}, ActiveBackup, "heard on eth1 only"},
		{"the other has no link", []backend.Link{nic("eth0"), nic("eth1", dark)}, nil, "", "only eth0 has a link"},
		{"different speeds under LACP", []backend.Link{nic("eth0"), nic("eth1", speed(100))},
			[]backend.Neighbour{hears("eth0", "aa", 1), hears("eth1", "aa", 1)}, ActiveBackup, "only links of one speed"},
		{"Wi-Fi", []backend.Link{nic("eth0"), nic("wlan0", func(l *backend.Link) { l.Wireless = true })}, nil, "", "Wi-Fi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Recommend(c.nics, c.heard)
			if r.Mode != c.mode || !strings.Contains(r.Why, c.why) {
				t.Errorf("recommended %+v, want %q because %q", r, c.mode, c.why)
			}
			if r.Kind == Single {
				return
			}
			if bad := append(r.Problems(), r.MemberProblems(c.nics)...); len(bad) > 0 {
				t.Errorf("what is recommended is refused: %v", bad)
			}
		})
	}
}
