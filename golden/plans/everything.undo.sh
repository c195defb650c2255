#!/bin/sh
# Take the move of kvm1 onto Open vSwitch back
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Undo: Tell ifupdown that examplebr0p1:1 and examplebr0p1 are up
rm -f /run/network/ifstate.examplebr0p1:1
sed -i '\|^examplebr0p1:1=examplebr0p1:1$|d' /run/network/ifstate
rm -f /run/network/ifstate.examplebr0p1
sed -i '\|^examplebr0p1=examplebr0p1$|d' /run/network/ifstate

# Undo: Write /etc/network/interfaces.d/eth0-v6
cat > /etc/network/interfaces.d/eth0-v6.new <<'EOF'
iface eth0 inet6 static
	address 2001:db8:1::100/64
	gateway fe80::1
	accept_ra 0
EOF
chown 0:0 /etc/network/interfaces.d/eth0-v6.new && chmod 0644 /etc/network/interfaces.d/eth0-v6.new
mv /etc/network/interfaces.d/eth0-v6.new /etc/network/interfaces.d/eth0-v6 && sync

# Undo: Write /etc/network/interfaces
cat > /etc/network/interfaces.new <<'EOF'
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

# Uplink: rack 3, switch port 17
allow-hotplug eth0
iface eth0 inet static
	address 192.168.1.100/24
	gateway 192.168.1.1
	mtu 9000
	dns-nameservers 192.168.1.1 \
		9.9.9.9
	up ip route add 10.0.0.0/8 via 192.168.1.254 dev $IFACE || true
	down ip route del 10.0.0.0/8 via 192.168.1.254 dev $IFACE || true
	post-up ethtool -K eth0 tso off

auto eth0:1
iface eth0:1 inet static
	address 192.168.1.101/24
EOF
chown 0:0 /etc/network/interfaces.new && chmod 0640 /etc/network/interfaces.new
mv /etc/network/interfaces.new /etc/network/interfaces && sync

# Undo: Move the addresses and routes of eth0 to examplebr0p1 in one step: 192.168.1.100/24 and 2 more
ip link set eth0 up
ip addr replace 192.168.1.100/24 brd 192.168.1.255 dev eth0
ip addr replace 192.168.1.101/24 label eth0:1 dev eth0
ip addr replace 2001:db8:1::100/64 dev eth0
ip route replace 10.0.0.0/8 via 192.168.1.254 dev eth0
ip route replace default via 192.168.1.1 dev eth0 onlink
ip -6 route replace default via fe80::1 dev eth0 metric 1024

# Undo: Attach eth0 to bridge examplebr0
ovs-vsctl --if-exists del-port examplebr0 eth0

# Undo: Bring examplebr0p1 up and prepare its addresses beside those of eth0
ip addr del 2001:db8:1::100/64 dev examplebr0p1
ip addr del 192.168.1.101/24 dev examplebr0p1
ip addr del 192.168.1.100/24 dev examplebr0p1
ip link set examplebr0p1 down
arping -q -U -c 3 -I eth0 192.168.1.100 || true
arping -q -U -c 3 -I eth0 192.168.1.101 || true

# Undo: Create bridge examplebr0 with internal port examplebr0p1, MAC 00:1b:21:3a:4f:10
ovs-vsctl --if-exists del-br examplebr0

