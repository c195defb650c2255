package bond

import (
	"fmt"
	"slices"
)

// rows are what can be wrong, in the order in which it is looked for: what lies
// below first. Each adds its finding where it applies.
var rows = []func(*diagnosis){
	portError, adminDown, noCarrier, configured, noLACP, bothPassive, stopped, twoPartners, leftOut,
	oneUnplugged, cabledSelf, tcpWithout, flapping, somePeers, silent,
}

func portError(d *diagnosis) {
	for _, m := range d.are(func(m Member) bool { return m.Error != "" }) {
		d.say(Finding{Cause: PortError, Level: Broken, What: fmt.Sprintf("Open vSwitch cannot open %s: %s", m.Name, m.Error),
			Do: "check the NIC's name, and that the kernel has Open vSwitch's module"}, []Member{m})
	}
}

func adminDown(d *diagnosis) {
	if down := d.are(func(m Member) bool { return !m.Up && m.Error == "" }); len(down) > 0 {
		d.say(Finding{Cause: AdminDown, Level: d.level(), What: join(down) + plural(len(down), " is", " are") + " down; a NIC that is down sends no LACP",
			Do: "set " + plural(len(down), "it", "them") + " up: ip link set NIC up"}, down)
	}
}

func dark(m Member) bool { return m.Up && !m.Carrier && m.Error == "" }

func noCarrier(d *diagnosis) {
	if dead := d.are(dark); len(dead) > 0 && d.all(dead) {
		d.say(Finding{Cause: NoCarrier, Level: d.lights(Broken), What: "No member has a link: " + places(dead),
			Do: "plug the cables in, or have the switch ports enabled"}, dead)
	}
}

func configured(d *diagnosis) {
	for _, m := range d.are(func(m Member) bool { return m.Configured != "" }) {
		d.say(Finding{Cause: Configured, Level: Broken, What: fmt.Sprintf("%s is still configured: %s", m.Name, m.Configured),
			Do: "take that away from it; a member of a bond has nothing of its own"}, []Member{m})
	}
}

// mute says that a member has a link and hears nobody.
func mute(m Member) bool {
	return m.Up && m.Carrier && m.Error == "" && m.Status == "defaulted" && !m.Partner.Known() && (!m.Counted || m.Received == 0)
}

// deserted says that a member heard a partner that has fallen silent. Its aggregate lasts on paper
// until the partner's last word expires, 90 s at slow rate.
func deserted(m Member) bool {
	return m.Up && m.Carrier && (m.Status == "expired" || m.Status == "defaulted" && m.Counted && m.Received > 0)
}

// allMute says that no member that has a link hears anybody.
func (d *diagnosis) allMute() ([]Member, bool) {
	lit := d.are(func(m Member) bool { return m.Up && m.Carrier })
	quiet := d.are(mute)
	return quiet, d.s.speaks() && len(lit) > 0 && len(quiet) == len(lit)
}

// chooseAnew is what is to be done about a bond of the kernel where one key changes one of Open vSwitch: the kernel changes
// the mode only of a bond without members, and its stanza, which the boot makes it from, was shown as it is.
const chooseAnew = "roll back and choose"

func noLACP(d *diagnosis) {
	quiet, ok := d.allMute()
	if !ok || d.s.LACP == Passive {
		return
	}
	f := Finding{Cause: NoLACP, Level: d.waits(Broken), What: "LACPDUs are sent on " + join(quiet) + " and none come back: the switch has no LACP there, or a static channel",
		Do: "have LACP enabled on these switch ports, in one port-channel; or use active-backup", Remedy: FallbackOn}
	if d.s.Kind == Kernel {
		f.Remedy, f.Do = "", "have LACP enabled on these switch ports, in one port-channel; or "+chooseAnew+" active-backup"
		if d.reach.Answered > 0 { // the driver uses a single port without a partner
			f.Level = d.waits(Degraded)
			f.What += "; the kernel uses one NIC meanwhile"
		}
	} else if d.s.Fallback {
		f.Level, f.Remedy = d.waits(Degraded), UseActiveBackup
		f.What = "The switch has no LACP on " + join(quiet) + ", or a static channel; the bond has fallen back to active-backup"
	}
	d.say(f, quiet)
}

func bothPassive(d *diagnosis) {
	if quiet, ok := d.allMute(); ok && d.s.LACP == Passive {
		d.say(Finding{Cause: BothPassive, Level: d.waits(Broken), What: "Nobody begins: this host is passive, and nothing is heard on " + join(quiet) + ", so the switch is passive too, or has no LACP",
			Do: "use lacp=active on this host", Remedy: UseActive}, quiet)
	}
}

func stopped(d *diagnosis) {
	gone := d.are(deserted)
	if !d.s.speaks() || len(gone) == 0 {
		return
	}
	f := Finding{Cause: Stopped, Level: Broken, What: "The switch spoke LACP on " + join(gone) + " and has stopped",
		Do: "ask what was changed on these switch ports; LACP has to be on, in one port-channel", Remedy: FallbackOn}
	switch {
	case len(d.s.Working()) > 0 && !d.s.fellBack():
		f.Level, f.Remedy = Degraded, DropMembers
	case d.s.Fallback:
		f.Level, f.Remedy = d.level(), UseActiveBackup
	}
	if d.s.Kind == Kernel {
		f.Remedy, f.Do = "", f.Do+"; or "+chooseAnew+" active-backup"
		if d.reach.Answered > 0 { // the driver uses a single port without a partner
			f.Level = Degraded
		}
	}
	d.say(f, gone)
}

// split are the members with partners, if these are not all the same. A partner that is
// this host itself is another matter.
func (d *diagnosis) split() (heard []Member, odd []Member) {
	heard = d.are(func(m Member) bool { return m.Carrier && m.Partner.Known() && m.Partner.System != d.s.System })
	lead := -1
	for i, m := range heard {
		if lead < 0 || m.Attached && !heard[lead].Attached {
			lead = i
		}
	}
	for _, m := range heard {
		if p := heard[lead].Partner; m.Partner.System != p.System || m.Partner.Key != p.Key {
			odd = append(odd, m)
		}
	}
	return heard, odd
}

func twoPartners(d *diagnosis) {
	heard, odd := d.split()
	if !d.s.speaks() || len(odd) == 0 {
		return
	}
	what := "The cables lead to two port-channels of one switch"
	if slices.ContainsFunc(heard, func(m Member) bool { return m.Partner.System != heard[0].Partner.System }) {
		what = "The cables lead to two switches"
	}
	d.say(Finding{Cause: TwoPartners, Level: d.level(), What: what + ": " + partners(heard),
		Do: "move the cable of " + join(odd) + " to the others' switch and port-channel", Remedy: d.drop()}, odd)
}

// drop is the remedy of leaving members out, which the kernel's bonds are not offered.
func (d *diagnosis) drop() Remedy {
	if d.s.Kind == Kernel {
		return ""
	}
	return DropMembers
}

func leftOut(d *diagnosis) {
	quiet := d.are(mute)
	if _, all := d.allMute(); all || !d.s.speaks() || len(quiet) == 0 || len(d.s.Working()) == 0 {
		return
	}
	d.say(Finding{Cause: LeftOut, Level: d.waits(Degraded), What: "Some members negotiate, and nobody is heard on " + places(quiet) + ": the switch port is not in the port-channel",
		Do: "have that switch port put into the port-channel of " + join(d.s.Working()), Remedy: d.drop()}, quiet)
}

func oneUnplugged(d *diagnosis) {
	if dead := d.are(dark); len(dead) > 0 && !d.all(dead) {
		d.say(Finding{Cause: OneUnplugged, Level: d.lights(Degraded), What: places(dead) + plural(len(dead), " has", " have") + " no link; the bond works without",
			Do: "plug the cable in, or have the switch port enabled", Remedy: d.drop()}, dead)
	}
}

func cabledSelf(d *diagnosis) {
	self := d.are(func(m Member) bool { return m.Carrier && m.Partner.Known() && m.Partner.System == d.s.System })
	if d.s.speaks() && len(self) > 0 {
		d.say(Finding{Cause: CabledSelf, Level: d.level(), What: join(self) + plural(len(self), " hears", " hear") + " this host itself: two of its NICs are cabled together",
			Do: "cable them to the switch"}, self)
	}
}

func tcpWithout(d *diagnosis) {
	if d.s.Mode == BalanceTCP && !d.s.speaks() {
		d.say(Finding{Cause: TCPWithout, Level: Broken, What: "balance-tcp without LACP drops everything that arrives",
			Do: "turn LACP on, or use active-backup", Remedy: UseActiveBackup}, d.s.Members)
	}
}

// flaps is how many changes of carrier are more than the plugging in of a cable.
const flaps = 4

func flapping(d *diagnosis) {
	how := "it changed %d times"
	if d.s.Kind == Kernel { // which counts since the bond was made, perhaps long before this change
		how = "it was lost %d times since the bond was made"
	}
	for _, m := range d.are(func(m Member) bool { return m.Flaps >= flaps }) {
		d.say(Finding{Cause: Flapping, Level: Degraded, What: "The link of " + m.place() + " comes and goes: " + fmt.Sprintf(how, m.Flaps),
			Do: "change the cable or the transceiver, or leave it out", Remedy: d.drop()}, []Member{m})
	}
}

func somePeers(d *diagnosis) {
	if d.s.speaks() && !d.s.fellBack() || d.reach.Answered == 0 || d.reach.Answered == d.reach.Asked {
		return
	}
	d.say(Finding{Cause: SomePeers, Level: Degraded, What: "Some machines answer and others do not: the switch has a static channel, while this host uses one NIC at a time",
		Do: "make both sides agree: no channel on these switch ports, or LACP on both sides"}, d.s.Members)
}

func silent(d *diagnosis) {
	if len(d.s.Working()) == 0 || d.reach.Asked == 0 || d.reach.Answered > 0 {
		return
	}
	what := "The bond works"
	if d.s.speaks() && !d.s.fellBack() {
		what = "LACP is negotiated"
	}
	d.say(Finding{Cause: Silent, Level: d.waits(Broken), What: what + ", and still nobody answers",
		Do: "wait a minute for the switch's spanning tree; then look at the VLAN of the port-channel, at MAC filters, and for an address left on a member"}, d.s.Working())
}
