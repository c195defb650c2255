#!/bin/sh
# Take the move of kvm1 onto Open vSwitch back
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Undo: Tell ifupdown that eth0 and examplebr0p1 are up
rm -f /run/network/ifstate.eth0
sed -i '\|^eth0=eth0$|d' /run/network/ifstate
rm -f /run/network/ifstate.examplebr0p1
sed -i '\|^examplebr0p1=examplebr0p1$|d' /run/network/ifstate
echo eth0.10 > /run/network/ifstate.eth0.10
grep -qxF eth0.10=eth0.10 /run/network/ifstate || echo eth0.10=eth0.10 >> /run/network/ifstate

# Undo: Write /etc/network/interfaces
cat > /etc/network/interfaces.new <<'EOF'
# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

# The loopback network interface
auto lo
iface lo inet loopback

# The primary network interface: rack 3, switch port 17
auto eth0.10
iface eth0.10 inet static
	address 192.168.1.100
	netmask 255.255.255.0
	gateway 192.168.1.1
	# dns-* options are implemented by the resolvconf package, if installed
	dns-nameservers 192.168.1.1
	dns-search example.com
EOF
chown 0:0 /etc/network/interfaces.new && chmod 0644 /etc/network/interfaces.new
mv /etc/network/interfaces.new /etc/network/interfaces && sync

# Undo: Remove eth0.10, so that frames of VLAN 10 reach examplebr0p1
ip link add link eth0 name eth0.10 address 00:1b:21:3a:4f:10 mtu 1500 type vlan id 10
ip link set eth0.10 up

# Undo: Move the addresses and routes of eth0.10 to examplebr0p1 in one step: 192.168.1.100/24
ip link set eth0.10 up
ip addr replace 192.168.1.100/24 brd 192.168.1.255 dev eth0.10
ip route replace default via 192.168.1.1 dev eth0.10 onlink

# Undo: Attach eth0 to bridge examplebr0
ovs-vsctl --if-exists del-port examplebr0 eth0

# Undo: Bring examplebr0p1 up and prepare its addresses beside those of eth0.10
ip addr del 192.168.1.100/24 dev examplebr0p1
ip link set examplebr0p1 down
arping -q -U -c 3 -I eth0.10 192.168.1.100 || true

# Undo: Create bridge examplebr0 with internal port examplebr0p1, MAC 00:1b:21:3a:4f:10
ovs-vsctl --if-exists del-br examplebr0

