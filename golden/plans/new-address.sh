#!/bin/sh
# Move kvm1 onto Open vSwitch
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Create bridge br0 with internal port mgmt, MAC 00:1b:21:3a:4f:10
ovs-vsctl --may-exist add-br br0 -- set Bridge br0 external_ids:created-by=bridgehead 'other_config:hwaddr="00:1b:21:3a:4f:10"' -- --may-exist add-port br0 mgmt -- set Interface mgmt type=internal 'mac="00:1b:21:3a:4f:10"'

# Bring mgmt up and prepare its addresses beside those of eth0
ip link set mgmt up
ip addr replace 192.168.1.77/24 brd 192.168.1.255 metric 1000 dev mgmt
ip addr replace 2001:db8:1::77/64 metric 1000 nodad dev mgmt

# Attach eth0 to bridge br0
ip link set eth0 up
ovs-vsctl --may-exist add-port br0 eth0

# Move the addresses and routes of eth0 to mgmt in one step: 192.168.1.77/24 and 1 more
ip addr replace 192.168.1.77/24 brd 192.168.1.255 dev mgmt
ip addr replace 2001:db8:1::77/64 metric 256 nodad dev mgmt
ip route replace default via 192.168.1.1 dev mgmt
ip -6 route replace default via 2001:db8:1::1 dev mgmt
ip addr del 192.168.1.100/24 dev eth0
arping -q -U -c 3 -I mgmt 192.168.1.77 || true

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

auto mgmt
iface mgmt inet static
	address 192.168.1.77/24
	gateway 192.168.1.1
	# dns-* options are implemented by the resolvconf package, if installed
	dns-nameservers 192.168.1.1 9.9.9.9
	dns-search example.com

iface mgmt inet6 static
	address 2001:db8:1::77/64
	gateway 2001:db8:1::1
EOF
chown 0:0 /etc/network/interfaces.new && chmod 0644 /etc/network/interfaces.new
mv /etc/network/interfaces.new /etc/network/interfaces && sync

# Tell ifupdown that mgmt is up
echo mgmt > /run/network/ifstate.mgmt
grep -qxF mgmt=mgmt /run/network/ifstate || echo mgmt=mgmt >> /run/network/ifstate

