#!/bin/sh
# Take back how VMs of kvm1 were connected to bridge examplebr0
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Undo: Give VM bare a new NIC on libvirt network examplebr0, VLAN 20
virsh detach-device bare /dev/stdin --persistent <<'EOF'
<interface type='network'>
  <mac address='52:54:00:f3:38:db'/>
  <source network='examplebr0'/>
  <vlan>
    <tag id='20'/>
  </vlan>
  <model type='virtio'/>
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

