package lab

import (
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
)

// MissingError says which Debian packages a lab needs and this machine lacks.
type MissingError struct {
	Programs []string
	Packages []string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("cannot build the lab: %s not found; install with: apt-get install --no-install-recommends %s",
		strings.Join(e.Programs, ", "), strings.Join(e.Packages, " "))
}

// check says why this process cannot make the lab, before anything is started.
func (s Spec) check() error {
	if !mainCalled {
		return fmt.Errorf("cannot build the lab: lab.Main is not called first thing in main or TestMain")
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("cannot build the lab: network namespaces need root")
	}
	need := map[string]string{"nsenter": "util-linux", "setpriv": "util-linux", "ip": "iproute2", "ifup": "ifupdown"}
	if !s.NoOVS || s.Switch == SwitchOVS {
		need["ovsdb-server"], need["ovs-vswitchd"], need["ovs-vsctl"] = "openvswitch-switch", "openvswitch-switch", "openvswitch-switch"
	}
	if s.DHCP || s.RA {
		need["dnsmasq"] = "dnsmasq-base"
	}
	if s.DHCP {
		need["dhclient"] = "isc-dhcp-client"
	}
	if s.Libvirt {
		need["libvirtd"], need["virsh"] = "libvirt-daemon-system", "libvirt-clients"
	}
	if s.Systemd {
		need["systemctl"] = "systemd-sysv"
	}
	missing := &MissingError{}
	packages := map[string]bool{}
	for _, prog := range sortedKeys(need) {
		if !programExists(prog) {
			missing.Programs = append(missing.Programs, prog)
			packages[need[prog]] = true
		}
	}
	if len(missing.Programs) == 0 {
		return nil
	}
	for p := range packages {
		missing.Packages = append(missing.Packages, p)
	}
	sort.Strings(missing.Packages)
	return missing
}

func programExists(name string) bool {
	if _, err := exec.LookPath(name); err == nil {
		return true
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"} {
		if _, err := os.Stat(dir + name); err == nil {
			return true
		}
	}
	return false
}
