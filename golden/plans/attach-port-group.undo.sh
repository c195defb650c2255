#!/bin/sh
# Take back how VMs of kvm1 were connected to bridge examplebr0
# Written by bridgehead for host kvm1. Run it as root at the console: unlike
# bridgehead it has no guard, and nothing takes it back but you.
set -eu
# Without ovs-vswitchd, ovs-vsctl would wait for ever.
alias ovs-vsctl='ovs-vsctl --timeout=30'

# Undo: Connect NIC 52:54:00:9e:11:a4 of VM example2 to libvirt network examplebr0, port group office, from its next start
virsh update-device example2 /dev/stdin --config <<'EOF'
<interface type='network'>
      <mac address='52:54:00:9e:11:a4'/>
      <source network='default'/>
      <model type='virtio'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
EOF

# Undo: Give libvirt network examplebr0 the port group office, while it goes on
virsh net-update examplebr0 delete portgroup '<portgroup name="office"><vlan><tag id="10"/></vlan></portgroup>' --live --config

