package sim_test

import (
	"testing"

	"bridgehead/backend"
	"bridgehead/backend/hosttest"
	"bridgehead/backend/sim"
)

// bare is a host with two cards that have a cable and nothing else.
func bare() sim.Spec {
	card := func(name, mac string) sim.NIC {
		return sim.NIC{Wire: name, Link: backend.Link{Name: name, MAC: mac, Driver: "igb", SpeedMbps: 1000, Up: true}}
	}
	return sim.Spec{
		Init: "systemd",
		NICs: []sim.NIC{card("eth0", "00:1b:21:3a:4f:10"), card("eth1", "00:1b:21:3a:4f:11")},
		OVS:  &sim.OVS{KernelModule: true},
		Virt: &sim.Libvirt{},
	}
}

func TestLinks(t *testing.T) {
	for name, bonding := range map[string]bool{"kernel with bonding": true, "kernel without": false} {
		t.Run(name, func(t *testing.T) {
			s := bare()
			s.Bonding = bonding
			hosttest.Links(t, sim.New(s).Host().Links, hosttest.LinksEnv{NICs: []string{"eth0", "eth1"}, Bonding: bonding})
		})
	}
}

func TestFiles(t *testing.T) {
	h := sim.New(bare()).Host()
	hosttest.Files(t, h.Files, "/var/lib/bridgehead/test", h.Processes.Self())
}

func TestProcesses(t *testing.T) {
	m := sim.Demo()
	hosttest.Processes(t, m.Host().Processes, 733, 99999)
}

func TestSwitch(t *testing.T) {
	for _, datapath := range []string{"system", "netdev"} {
		t.Run(datapath, func(t *testing.T) {
			hosttest.Switch(t, sim.New(bare()).Host().Switch, hosttest.SwitchEnv{Datapath: datapath, NICs: []string{"eth0", "eth1"}})
		})
	}
}

func TestVirt(t *testing.T) {
	for name, m := range map[string]*sim.Machine{"empty": sim.New(bare()), "with networks": sim.Demo()} {
		t.Run(name, func(t *testing.T) { hosttest.Virt(t, m.Host().Virt) })
	}
}

func TestDomains(t *testing.T) {
	m := sim.Demo()
	hosttest.Domains(t, m.Host().Virt, hosttest.DomainEnv{Start: m.StartDomain, Stop: m.StopDomain, Undefine: m.UndefineDomain})
}

func TestVLANs(t *testing.T) {
	hosttest.VLANs(t, sim.New(bare()).Host().Links, hosttest.LinksEnv{NICs: []string{"eth0", "eth1"}})
}
