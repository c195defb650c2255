#!/bin/sh
# Move kvm1 onto Open vSwitch
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Create bridge examplebr0 with internal port examplebr0p1, MAC 00:1b:21:3a:4f:10
ovs-vsctl --may-exist add-br examplebr0 -- set Bridge examplebr0 external_ids:created-by=bridgehead 'other_config:hwaddr="00:1b:21:3a:4f:10"' -- --may-exist add-port examplebr0 examplebr0p1 -- set Interface examplebr0p1 type=internal 'mac="00:1b:21:3a:4f:10"'

# Bring examplebr0p1 up and prepare its addresses beside those of eth0
ip link set examplebr0p1 up
ip addr replace 192.168.1.100/24 brd 192.168.1.255 metric 1000 dev examplebr0p1

# Attach eth0 to bridge examplebr0
ip link set eth0 up
ovs-vsctl --may-exist add-port examplebr0 eth0

# Move the addresses and routes of eth0 to examplebr0p1 in one step: 192.168.1.100/24
ip addr replace 192.168.1.100/24 brd 192.168.1.255 dev examplebr0p1
ip route replace default via 192.168.1.1 dev examplebr0p1 onlink
ip addr del 192.168.1.100/24 dev eth0
arping -q -U -c 3 -I examplebr0p1 192.168.1.100 || true

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

# Connect NIC 52:54:00:6b:3c:58 of VM example1 to libvirt network examplebr0, from its next start
virsh update-device example1 /dev/stdin --config <<'EOF'
<interface type='network'>
      <mac address='52:54:00:6b:3c:58'/>
      <source network='examplebr0'/>
      <model type='virtio'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
EOF

# Connect NIC 52:54:00:9e:11:a4 of VM example2 to bridge examplebr0, VLAN 10, from its next start
virsh update-device example2 /dev/stdin --config <<'EOF'
<interface type='bridge'>
      <mac address='52:54:00:9e:11:a4'/>
      <source bridge='examplebr0'/>
      <vlan>
        <tag id='10'/>
      </vlan>
      <virtualport type='openvswitch'/>
      <model type='virtio'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
EOF

# Give VM bare a new NIC on libvirt network examplebr0
virsh attach-device bare /dev/stdin --persistent <<'EOF'
<interface type='network'>
  <mac address='52:54:00:f3:38:db'/>
  <source network='examplebr0'/>
  <model type='e1000'/>
</interface>
EOF

# Connect NIC 52:54:00:00:00:05 of VM a "b" <c> to libvirt network examplebr0, from its next start
virsh update-device 'a "b" <c>' /dev/stdin --config <<'EOF'
<interface type='network'>
      <mac address='52:54:00:00:00:05'/>
      <source network='examplebr0'/>
      <model type='e1000'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
EOF

# Connect NIC 52:54:00:00:00:02 of VM router to libvirt network examplebr0, from its next start
virsh update-device router /dev/stdin --config <<'EOF'
<interface type='network'>
      <mac address='52:54:00:00:00:02'/>
      <source network='examplebr0'/>
      <model type='e1000'/>
      <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
    </interface>
EOF

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
iface examplebr0p1 inet static
	address 192.168.1.100
	netmask 255.255.255.0
	gateway 192.168.1.1
	# dns-* options are implemented by the resolvconf package, if installed
	dns-nameservers 192.168.1.1
	dns-search example.com
EOF
chown 0:0 /etc/network/interfaces.new && chmod 0644 /etc/network/interfaces.new
mv /etc/network/interfaces.new /etc/network/interfaces && sync

# Tell ifupdown that examplebr0p1 is up
echo examplebr0p1 > /run/network/ifstate.examplebr0p1
grep -qxF examplebr0p1=examplebr0p1 /run/network/ifstate || echo examplebr0p1=examplebr0p1 >> /run/network/ifstate

