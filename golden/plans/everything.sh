#!/bin/sh
# Move kvm1 onto Open vSwitch
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Create bridge examplebr0 with internal port examplebr0p1, MAC 00:1b:21:3a:4f:10
ovs-vsctl --may-exist add-br examplebr0 -- set Bridge examplebr0 external_ids:created-by=bridgehead 'other_config:hwaddr="00:1b:21:3a:4f:10"' -- --may-exist add-port examplebr0 examplebr0p1 -- set Interface examplebr0p1 type=internal 'mac="00:1b:21:3a:4f:10"' mtu_request=9000

# Bring examplebr0p1 up and prepare its addresses beside those of eth0
ip link set examplebr0p1 up
ip addr replace 192.168.1.100/24 brd 192.168.1.255 metric 1000 dev examplebr0p1
ip addr replace 192.168.1.101/24 label examplebr0p1:1 metric 1000 dev examplebr0p1
ip addr replace 2001:db8:1::100/64 metric 1000 nodad dev examplebr0p1

# Attach eth0 to bridge examplebr0
ip link set eth0 up
ovs-vsctl --may-exist add-port examplebr0 eth0

# Move the addresses and routes of eth0 to examplebr0p1 in one step: 192.168.1.100/24 and 2 more
ip addr replace 192.168.1.100/24 brd 192.168.1.255 dev examplebr0p1
ip addr replace 192.168.1.101/24 label examplebr0p1:1 dev examplebr0p1
ip addr replace 2001:db8:1::100/64 metric 256 nodad dev examplebr0p1
ip route replace 10.0.0.0/8 via 192.168.1.254 dev examplebr0p1
ip route replace default via 192.168.1.1 dev examplebr0p1 onlink
ip -6 route replace default via fe80::1 dev examplebr0p1 metric 1024
ip addr del 2001:db8:1::100/64 dev eth0
ip addr del 192.168.1.101/24 dev eth0
ip addr del 192.168.1.100/24 dev eth0
arping -q -U -c 3 -I examplebr0p1 192.168.1.100 || true
arping -q -U -c 3 -I examplebr0p1 192.168.1.101 || true

# Write /etc/network/interfaces
cat > /etc/network/interfaces.new <<'EOF'
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

# Uplink: rack 3, switch port 17
allow-hotplug eth0
iface examplebr0p1 inet static
	address 192.168.1.100/24
	gateway 192.168.1.1
	mtu 9000
	dns-nameservers 192.168.1.1 \
		9.9.9.9
	up ip route add 10.0.0.0/8 via 192.168.1.254 dev $IFACE || true
	down ip route del 10.0.0.0/8 via 192.168.1.254 dev $IFACE || true

iface examplebr0p1:1 inet static
	address 192.168.1.101/24
EOF
chown 0:0 /etc/network/interfaces.new && chmod 0640 /etc/network/interfaces.new
mv /etc/network/interfaces.new /etc/network/interfaces && sync

# Write /etc/network/interfaces.d/eth0-v6
cat > /etc/network/interfaces.d/eth0-v6.new <<'EOF'
iface eth0 inet manual
	mtu 9000
	post-up ethtool -K eth0 tso off
	up ip link set $IFACE up
	down ip link set $IFACE down

auto examplebr0p1 examplebr0p1:1
iface examplebr0p1 inet6 static
	address 2001:db8:1::100/64
	gateway fe80::1
	accept_ra 0
EOF
chown 0:0 /etc/network/interfaces.d/eth0-v6.new && chmod 0644 /etc/network/interfaces.d/eth0-v6.new
mv /etc/network/interfaces.d/eth0-v6.new /etc/network/interfaces.d/eth0-v6 && sync

# Tell ifupdown that examplebr0p1:1 and examplebr0p1 are up
echo examplebr0p1:1 > /run/network/ifstate.examplebr0p1:1
grep -qxF examplebr0p1:1=examplebr0p1:1 /run/network/ifstate || echo examplebr0p1:1=examplebr0p1:1 >> /run/network/ifstate
echo examplebr0p1 > /run/network/ifstate.examplebr0p1
grep -qxF examplebr0p1=examplebr0p1 /run/network/ifstate || echo examplebr0p1=examplebr0p1 >> /run/network/ifstate

