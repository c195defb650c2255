#!/bin/sh
# Move kvm1 onto Open vSwitch
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Create bridge examplebr0 with internal port examplebr0p1, MAC 00:1b:21:3a:4f:10
ovs-vsctl --may-exist add-br examplebr0 -- set Bridge examplebr0 external_ids:created-by=bridgehead 'other_config:hwaddr="00:1b:21:3a:4f:10"' datapath_type=netdev -- --may-exist add-port examplebr0 examplebr0p1 tag=10 -- set Interface examplebr0p1 type=internal 'mac="00:1b:21:3a:4f:10"' mtu_request=1400

# Bring examplebr0p1 up
ip link set examplebr0p1 up

# Attach eth0 to bridge examplebr0
ip link set eth0 up
ovs-vsctl --may-exist add-port examplebr0 eth0

# Move the addresses and routes of eth0 to examplebr0p1 in one step
ip addr del 192.168.1.100/24 dev eth0

# Start a DHCP client on examplebr0p1
dhclient -4 -v -i -pf /run/dhclient.examplebr0p1.pid -lf /var/lib/dhcp/dhclient.examplebr0p1.leases -I -df /var/lib/dhcp/dhclient6.examplebr0p1.leases examplebr0p1

# Define libvirt network examplebr0, start it, and start it with the host
virsh net-define /dev/stdin <<'EOF'
<network>
  <name>examplebr0</name>
  <forward mode='bridge'/>
  <bridge name='examplebr0'/>
  <virtualport type='openvswitch'/>
</network>
EOF
virsh net-start examplebr0
virsh net-autostart examplebr0

# Remove libvirt network default
virsh net-destroy default
virsh net-undefine default

# Write /etc/network/interfaces
cat > /etc/network/interfaces.new <<'EOF'
# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

# The primary network interface: rack 3, switch port 17
auto eth0
iface eth0 inet manual
	up ip link set $IFACE up
	down ip link set $IFACE down

auto examplebr0p1
iface examplebr0p1 inet dhcp
	# dns-* options are implemented by the resolvconf package, if installed
	dns-nameservers 192.168.1.1
	dns-search example.com
EOF
chown 0:0 /etc/network/interfaces.new && chmod 0644 /etc/network/interfaces.new
mv /etc/network/interfaces.new /etc/network/interfaces && sync

# Tell ifupdown that examplebr0p1 is up
echo examplebr0p1 > /run/network/ifstate.examplebr0p1
grep -qxF examplebr0p1=examplebr0p1 /run/network/ifstate || echo examplebr0p1=examplebr0p1 >> /run/network/ifstate

