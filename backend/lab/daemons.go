package lab

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

const (
	ovsDB     = "/var/lib/openvswitch/conf.db" // what Debian's /etc/openvswitch/conf.db points to
	ovsSchema = "/usr/share/openvswitch/vswitch.ovsschema"
	ovsSocket = "/run/openvswitch/db.sock"
)

// StartOVS starts what does not run of ovsdb-server and ovs-vswitchd in the host, with the
// command lines of Debian's ovs-ctl; ovs-ctl itself would load kernel modules.
func (l *Lab) StartOVS(ctx context.Context) error { return l.host.startOVS(ctx) }

func (n *node) startOVS(ctx context.Context) error {
	script := strings.NewReplacer("$DB", ovsDB, "$SCHEMA", ovsSchema, "$SOCK", ovsSocket).Replace(`set -e
mkdir -p /run/openvswitch /var/lib/openvswitch /var/log/openvswitch /etc/openvswitch
[ -e /etc/openvswitch/conf.db ] || ln -sf $DB /etc/openvswitch/conf.db
[ -e /etc/openvswitch/.conf.db.~lock~ ] || ln -sf /var/lib/openvswitch/.conf.db.~lock~ /etc/openvswitch/.conf.db.~lock~
[ -e $DB ] || ovsdb-tool create $DB $SCHEMA
runs() { p=$(cat /run/openvswitch/$1.pid 2>/dev/null) && [ -n "$p" ] && [ "$(cat /proc/$p/comm 2>/dev/null)" = "$1" ]; }
if ! runs ovsdb-server; then
  rm -f $SOCK
  ovsdb-server /etc/openvswitch/conf.db -vconsole:emer -vsyslog:off -vfile:info --remote=punix:$SOCK \
    --private-key=db:Open_vSwitch,SSL,private_key --certificate=db:Open_vSwitch,SSL,certificate \
    --bootstrap-ca-cert=db:Open_vSwitch,SSL,ca_cert --no-chdir \
    --log-file=/var/log/openvswitch/ovsdb-server.log --pidfile=/run/openvswitch/ovsdb-server.pid --detach
  [ -e /etc/openvswitch/system-id.conf ] || cat /proc/sys/kernel/random/uuid > /etc/openvswitch/system-id.conf
  ovs-vsctl --no-wait -- init -- set Open_vSwitch . db-version=$(ovsdb-tool schema-version $SCHEMA) \
    ovs-version=$(ovs-vswitchd --version | sed -n '1s/.* //p') external-ids:system-id=\"$(cat /etc/openvswitch/system-id.conf)\" \
    external-ids:rundir=\"/var/run/openvswitch\" system-type=\"debian\" system-version=\"12\"
fi
if ! runs ovs-vswitchd; then
  ovs-vswitchd unix:$SOCK -vconsole:emer -vsyslog:off -vfile:info --no-chdir \
    --log-file=/var/log/openvswitch/ovs-vswitchd.log --pidfile=/run/openvswitch/ovs-vswitchd.pid --detach
fi
`)
	return n.run(ctx, "sh", "-c", script)
}

// ovsSwitch makes the switch an Open vSwitch, with ports p1… left free.
func (n *node) ovsSwitch(ctx context.Context) error {
	if err := n.startOVS(ctx); err != nil {
		return err
	}
	return n.run(ctx, "ovs-vsctl", "--timeout=10", "add-br", switchBridge,
		"--", "set", "bridge", switchBridge, "datapath_type=netdev",
		"--", "add-port", switchBridge, clientPort, "--", "add-port", switchBridge, nicPort(0))
}

// libvirtFiles make libvirtd run where it is not the machine's own: no polkit, no
// cgroups, no security driver, guests as root.
func libvirtFiles() map[string]string {
	return map[string]string{
		"/etc/libvirt/qemu.conf": `stdio_handler = "file"
security_driver = "none"
user = "root"
group = "root"
cgroup_controllers = [ ]
namespaces = [ ]
`,
		"/etc/libvirt/libvirtd.conf": "auth_unix_ro = \"none\"\nauth_unix_rw = \"none\"\n",
	}
}

// StartLibvirt starts libvirtd in the host and waits until it answers.
func (l *Lab) StartLibvirt(ctx context.Context) error {
	if err := l.host.run(ctx, "libvirtd", "-d"); err != nil {
		return err
	}
	return l.host.run(ctx, "virsh", "-q", "-c", "qemu:///system", "net-list", "--all")
}

// serveDHCP starts dnsmasq on the switch, for leases and router advertisements.
func (l *Lab) serveDHCP() error {
	args := []string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--port=0", "--no-ping",
		"--interface=" + switchBridge, "--bind-interfaces", "--dhcp-leasefile=/run/dnsmasq.leases", "--pid-file=/run/dnsmasq.pid",
		"--dhcp-authoritative", "--user=root", "--log-facility=/var/log/dnsmasq-lab.log",
	}
	if l.spec.DHCP {
		for _, gw := range l.spec.Gateways {
			if !gw.Addr().Is4() {
				continue
			}
			mask := ipNet(gw).Mask
			first, last := leaseRange(gw)
			args = append(args, fmt.Sprintf("--dhcp-range=%s,%s,%d.%d.%d.%d,1h", first, last, mask[0], mask[1], mask[2], mask[3]))
			args = append(args, fmt.Sprintf("--dhcp-option=option:router,%s", gw.Addr()), fmt.Sprintf("--dhcp-option=option:dns-server,%s", gw.Addr()))
			break
		}
		for _, n := range l.spec.NICs {
			for _, a := range n.Addrs {
				if a.Addr().Is4() {
					args = append(args, fmt.Sprintf("--dhcp-host=%s,%s", n.MAC, a.Addr()))
					break
				}
			}
		}
	}
	if l.spec.RA {
		args = append(args, "--enable-ra", fmt.Sprintf("--dhcp-range=::,constructor:%s,ra-only", switchBridge), "--ra-param="+switchBridge+",5,1800")
	}
	path, err := exec.LookPath("dnsmasq")
	if err != nil {
		return err
	}
	cmd := &exec.Cmd{Path: path, Args: append([]string{"dnsmasq"}, args...)}
	if err := l.sw.start(cmd); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}
