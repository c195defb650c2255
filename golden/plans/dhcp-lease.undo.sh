#!/bin/sh
# Take the move of kvm1 onto Open vSwitch back
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Undo: Tell ifupdown that examplebr0p1 is up
rm -f /run/network/ifstate.examplebr0p1
sed -i '\|^examplebr0p1=examplebr0p1$|d' /run/network/ifstate

# Undo: Write /etc/network/interfaces
cat > /etc/network/interfaces.new <<'EOF'
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet dhcp
EOF
chown 0:0 /etc/network/interfaces.new && chmod 0644 /etc/network/interfaces.new
mv /etc/network/interfaces.new /etc/network/interfaces && sync

# Undo: Start a DHCP client on examplebr0p1
pkill -KILL -x -f '^dhclient -4 -v -i -pf /run/dhclient.examplebr0p1.pid -lf /var/lib/dhcp/dhclient.examplebr0p1.leases -I -df /var/lib/dhcp/dhclient6.examplebr0p1.leases examplebr0p1$'
rm -f /var/lib/dhcp/dhclient.examplebr0p1.leases

# Undo: Move the addresses and routes of eth0 to examplebr0p1 in one step: 192.168.1.100/24
ip link set eth0 up
ip addr replace 192.168.1.100/24 brd 192.168.1.255 dev eth0
ip route replace default via 192.168.1.1 dev eth0 onlink

# Undo: Attach eth0 to bridge examplebr0
ovs-vsctl --if-exists del-port examplebr0 eth0

# Undo: Bring examplebr0p1 up and prepare its addresses beside those of eth0
ip addr del 192.168.1.100/24 dev examplebr0p1
ip link set examplebr0p1 down
arping -q -U -c 3 -I eth0 192.168.1.100 || true

# Undo: Create bridge examplebr0 with internal port examplebr0p1, MAC 00:1b:21:3a:4f:10
ovs-vsctl --if-exists del-br examplebr0

# Undo: Stop the DHCP client on eth0; the address stays
dhclient -4 -v -i -pf /run/dhclient.eth0.pid -lf /var/lib/dhcp/dhclient.eth0.leases -I -df /var/lib/dhcp/dhclient6.eth0.leases eth0

