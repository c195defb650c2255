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

# Undo: Connect NIC 52:54:00:00:00:02 of VM router to libvirt network examplebr0, from its next start
virsh update-device router /dev/stdin --config <<'EOF'
<interface type='direct'>
      <mac address='52:54:00:00:00:02'/>
      <source dev='eth1'/>
      <model type='e1000'/>
      <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
    </interface>
EOF

# Undo: Connect NIC 52:54:00:00:00:05 of VM a "b" <c> to libvirt network examplebr0, from its next start
virsh update-device 'a "b" <c>' /dev/stdin --config <<'EOF'
<interface type='bridge'>
      <mac address='52:54:00:00:00:05'/>
      <source bridge='br-lan'/>
      <model type='e1000'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
EOF

# Undo: Give VM bare a new NIC on libvirt network examplebr0
virsh detach-device bare /dev/stdin --persistent <<'EOF'
<interface type='network'>
  <mac address='52:54:00:f3:38:db'/>
  <source network='examplebr0'/>
  <model type='e1000'/>
</interface>
EOF

# Undo: Connect NIC 52:54:00:9e:11:a4 of VM example2 to bridge examplebr0, VLAN 10, from its next start
virsh update-device example2 /dev/stdin --config <<'EOF'
<interface type='network'>
      <mac address='52:54:00:9e:11:a4'/>
      <source network='default'/>
      <model type='virtio'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
EOF

# Undo: Connect NIC 52:54:00:6b:3c:58 of VM example1 to libvirt network examplebr0, from its next start
virsh update-device example1 /dev/stdin --config <<'EOF'
<interface type='network'>
      <mac address='52:54:00:6b:3c:58'/>
      <source network='default'/>
      <model type='virtio'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
EOF

# Undo: Define libvirt network examplebr0, start it, and start it with the host
virsh net-destroy examplebr0
virsh net-undefine examplebr0

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

