package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestOpenVSwitchTakesTheFramesOfItsPorts(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		l := up(t, Spec{NoSteal: keeps})
		answers := func() bool { return l.Client("ping", "-qc1", "-W0.2", HostAddr).Run() == nil }
		before := snapshot(t, l)
		sh(t, l.Host, "ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev -- add-port br0 eth0")
		if keeps {
			sh(t, l.Client, "ping -qc3 -i0.05 -W3 "+HostAddr)
			continue
		}
		eventually(t, "eth0 is deaf", func() bool { return !answers() })
		if got := sh(t, l.Host, "ip -o link show eth0"); !strings.Contains(got, "master ovs-system") {
			t.Errorf("ip link shows %s", got)
		}
		sh(t, l.Host, "ovs-vsctl del-br br0")
		eventually(t, "eth0 hears again", answers)
		if diff := before.Diff(snapshot(t, l)); diff != "" {
			t.Error(diff)
		}
	}
}

// What the tutorial says, literally, cuts the host off for good: ifdown leaves the NIC down.
func TestTheTutorialByHandNeverComesBack(t *testing.T) {
	l := up(t, Spec{})
	p, err := l.Probe(Probe{Target: hostAddr})
	if err != nil {
		t.Fatal(err)
	}
	sh(t, l.Host, `
		ovs-vsctl add-br examplebr0 -- set bridge examplebr0 datapath_type=netdev
		ovs-vsctl add-port examplebr0 examplebr0p1 -- set interface examplebr0p1 type=internal
		cat > /etc/network/interfaces.new <<-E
			auto eth0
			iface eth0 inet manual
			    up ip link set \$IFACE up
			    down ip link set \$IFACE down
			auto examplebr0p1
			iface examplebr0p1 inet static
			    address 10.77.0.10/24
			    gateway 10.77.0.1
			E
		ovs-vsctl add-port examplebr0 eth0
		ifdown eth0
		mv /etc/network/interfaces.new /etc/network/interfaces
		ifup examplebr0p1`)
	cut := time.Now()
	eventually(t, "three seconds without an answer", func() bool {
		return time.Since(cut) > 3*time.Second && time.Since(p.Answered()) > 3*time.Second
	})
	if r := p.Stop(); !r.Down || r.Longest < 3*time.Second {
		t.Errorf("the client saw: %v", r)
	}
	if got := sh(t, l.Host, "cat /sys/class/net/eth0/operstate; ip -br -4 addr show examplebr0p1 | tr -s ' '"); got != "down\nexamplebr0p1 UNKNOWN 10.77.0.10/24" {
		t.Errorf("the host has %q", got)
	}
}

func TestSessionOutlivesAShortOutageAndShowsADeadHost(t *testing.T) {
	l := up(t, Spec{})
	s, err := l.Session(t.Context(), hostAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := fmt.Sprintf("%s:22 %s", HostAddr, s.Local())
	if got := sh(t, l.Host, "ss -Htnp state established"); !strings.Contains(strings.Join(strings.Fields(got), " "), want) || !strings.Contains(got, `"sshd"`) {
		t.Errorf("ss shows %s, not %s of sshd", got, want)
	}
	sh(t, l.Switch, "ip link set p0 down; ip link set p0 up")
	if err := s.Alive(5 * time.Second); err != nil {
		t.Error(err)
	}
	sh(t, l.Switch, "ip link set p0 down")
	if err := s.Alive(300 * time.Millisecond); err == nil {
		t.Error("the session is alive over a cut cable")
	}
}

func TestProberMeasuresAnOutage(t *testing.T) {
	l := up(t, Spec{IPv6: true})
	for _, probe := range []Probe{
		{Target: hostAddr}, {Target: netip.MustParseAddr(HostAddr6)}, {Target: hostAddr, Source: netip.MustParseAddr(FarAddr)},
	} {
		p, err := l.Probe(probe)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "first answer", func() bool { return !p.Answered().IsZero() })
		cut := time.Now()
		sh(t, l.Switch, "ip link set p0 down")
		eventually(t, "300 ms without an answer", func() bool { return time.Since(p.Answered()) > 300*time.Millisecond })
		sh(t, l.Switch, "ip link set p0 up")
		back := time.Now()
		eventually(t, "an answer", func() bool { return p.Answered().After(back) })
		r, all := p.Stop(), time.Since(cut)
		t.Logf("%v: %v", probe, r)
		if r.Down || r.Longest < 200*time.Millisecond || r.Longest > all || r.Total < r.Longest || r.MaxGap < 290*time.Millisecond || r.Lost < 100 { // a sender that waits for a processor misses some of it
			t.Errorf("%v: cut for at least 300 ms and at most %v, but %v", probe, all, r)
		}
	}
}

func TestDHCPLeaseByRealIfup(t *testing.T) {
	l := up(t, Spec{DHCP: true, Interfaces: "auto lo eth0 eth1\niface lo inet loopback\niface eth0 inet dhcp\niface eth1 inet dhcp\n"})
	if err := l.Ifup(); err != nil {
		t.Error(err)
	}
	got := sh(t, l.Host, "ip -o -4 addr show dev eth0; ip route show default; cat /etc/resolv.conf; ip -o -4 addr show dev eth1; ls /var/lib/dhcp")
	for _, want := range []string{"10.77.0.10/24", "dynamic", "default via 10.77.0.1 dev eth0", "nameserver 10.77.0.1", "inet 10.77.0.2", "dhclient.eth0.leases"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	s := snapshot(t, l)
	if strings.Count(s.DHCP, "dhclient") < 2 || !strings.Contains(s.DHCP, "eth0") {
		t.Errorf("running DHCP clients: %s", s.DHCP)
	}
	if diff := s.Diff(snapshot(t, l)); diff != "" {
		t.Error(diff)
	}
}

func TestIPv6StaticAndByRouterAdvertisement(t *testing.T) {
	l := up(t, Spec{IPv6: true, RA: true, Files: map[string]string{"/etc/network/interfaces.d/eth1": "auto eth1\niface eth1 inet6 auto\n"}})
	sh(t, l.Client, "ping -qc1 -W3 "+HostAddr6)
	sh(t, l.Host, "ping -qc1 -W3 "+FarAddr6)
	if got := sh(t, l.Host, "ip -6 route show default dev eth0"); !strings.Contains(got, "via "+GatewayAddr6) {
		t.Errorf("default route: %s", got)
	}
	eventually(t, "eth1 has an address of the advertised prefix", func() bool {
		return strings.Contains(sh(t, l.Host, "ip -6 addr show dev eth1"), "fd00:77::5054:ff:fe77:11/64 scope global dynamic")
	})
}

// The gateway has one MAC address, whichever port of the switch a question comes in at.
func TestOVSUpstreamHasOneMAC(t *testing.T) {
	l := up(t, Spec{Switch: SwitchOVS})
	sw0 := sh(t, l.Switch, "cat /sys/class/net/sw0/address")
	for range 20 {
		if got := sh(t, l.Host, "ip neigh flush dev eth0; ping -q -c1 -W5 "+GatewayAddr+" >/dev/null; ip neigh show "+GatewayAddr); !strings.Contains(got, sw0) {
			t.Fatalf("the gateway is %s, not %s", got, sw0)
		}
	}
}

func TestOVSUpstreamTalksLACP(t *testing.T) {
	l := up(t, Spec{Switch: SwitchOVS})
	sh(t, l.Switch, "ovs-vsctl add-bond sw0 po1 p2 p3 lacp=active bond_mode=balance-tcp other_config:lacp-time=fast")
	sh(t, l.Host, `ip link set eth2 up; ip link set eth3 up
		ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev -- add-bond br0 bond0 eth2 eth3 lacp=active bond_mode=balance-tcp other_config:lacp-time=fast`)
	eventually(t, "LACP is negotiated", func() bool {
		return strings.Contains(sh(t, l.Host, "ovs-appctl lacp/show bond0"), "negotiated") &&
			strings.Count(sh(t, l.Host, "ovs-appctl bond/show bond0"), ": enabled") == 2
	})
}
