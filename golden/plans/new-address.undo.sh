#!/bin/sh
# Take the move of kvm1 onto Open vSwitch back
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Undo: Tell ifupdown that mgmt is up
rm -f /run/network/ifstate.mgmt
sed -i '\|^mgmt=mgmt$|d' /run/network/ifstate

# Undo: Write /etc/network/interfaces
cat > /etc/network/interfaces.new <<'EOF'
# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

# The primary network interface: rack 3, switch port 17
auto eth0
iface eth0 inet static
	address 192.168.1.100
	netmask 255.255.255.0
	gateway 192.168.1.1
	# dns-* options are implemented by the resolvconf package, if installed
	dns-nameservers 192.168.1.1
	dns-search example.com
EOF
chown 0:0 /etc/network/interfaces.new && chmod 0644 /etc/network/interfaces.new
mv /etc/network/interfaces.new /etc/network/interfaces && sync

# Undo: Move the addresses and routes of eth0 to mgmt in one step: 192.168.1.77/24 and 1 more
ip link set eth0 up
ip addr replace 192.168.1.100/24 brd 192.168.1.255 dev eth0
ip route replace default via 192.168.1.1 dev eth0 onlink

# Undo: Attach eth0 to bridge br0
ovs-vsctl --if-exists del-port br0 eth0

# Undo: Bring mgmt up and prepare its addresses beside those of eth0
ip addr del 2001:db8:1::77/64 dev mgmt
ip addr del 192.168.1.77/24 dev mgmt
ip link set mgmt down
arping -q -U -c 3 -I eth0 192.168.1.100 || true

# Undo: Create bridge br0 with internal port mgmt, MAC 00:1b:21:3a:4f:10
ovs-vsctl --if-exists del-br br0

