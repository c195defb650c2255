package answers

// KindExisting leaves the host's own network as it is: what is asked for is done on a bridge
// that is there already.
const KindExisting = "existing"

// Existing says that the bridge is there already.
func (a Answers) Existing() bool { return a.Uplink.Kind == KindExisting }

// existingProblems names answers that would change a bridge that is there already, or the host's address.
func (a Answers) existingProblems(bad reporter) {
	if !a.Existing() {
		return
	}
	if len(a.Uplink.NICs) > 0 {
		bad("uplink.nics", "kind %s takes no NIC: the bridge has its uplink", KindExisting)
	}
	if a.Bond != nil {
		bad("bond", "kind %s takes no bond: the bridge has its uplink", KindExisting)
	}
	b := a.Bridge
	if b.Datapath != "" || b.Tag != 0 || b.MTU != 0 {
		bad("bridge", "datapath, tag and mtu are those of a new bridge; kind %s leaves them as they are", KindExisting)
	}
	if a.Address.Method != MethodKeep {
		bad("address.method", "kind %s leaves the host's address as it is; use keep, or leave the section out", KindExisting)
	}
	if a.Apply.When == WhenReboot {
		bad("apply.when", "kind %s needs no restart of the host; use now", KindExisting)
	}
	if (a.VMs == nil || len(a.VMs.Attach) == 0) && (a.Libvirt == nil || a.Libvirt.Network == "" && a.Libvirt.Default == DefaultKeep) {
		bad("vms", "there is nothing to do; name VMs to attach, or a network")
	}
}

// What is what a says in a few words: "examplebr0 on eth0".
func (a Answers) What() string {
	if a.Existing() {
		return "VMs of " + a.Bridge.Name
	}
	return a.Bridge.Name + " on " + a.UplinkName()
}
