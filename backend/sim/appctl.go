package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// appctl answers the few commands of ovs-vswitchd that are simulated, in the
// form of OVS 3.1.
func (m *Machine) appctl(args []string) (string, error) {
	o := &m.ovs
	switch args[0] {
	case "version":
		return "ovs-vswitchd (Open vSwitch) " + o.version + "\n", nil
	case "bond/show":
		return m.showBonds(args[1:], "no such bond", m.bondText)
	case "lacp/show":
		return m.showBonds(args[1:], "no such lacp object", m.lacpText)
	case "revalidator/wait":
		return "", nil
	case "fdb/show":
		if len(args) != 2 {
			return "", errors.New(`"fdb/show" command requires at least 1 arguments`)
		}
		if o.applied.row(bridgeTable, args[1]) == nil {
			return "", errors.New("no such bridge")
		}
		return " port  VLAN  MAC                Age\n", nil
	case "bridge/dump-flows":
		if len(args) != 2 {
			return "", errors.New(`"bridge/dump-flows" command requires at least 1 arguments`)
		}
		b := o.applied.row(bridgeTable, args[1])
		if b == nil || !o.opened(b) {
			return "", errors.New("Unknown bridge")
		}
		own := "duration=1s, n_packets=0, n_bytes=0, priority=0,actions=NORMAL\n"
		if b.one("fail_mode") == "secure" || len(b.set["controller"]) > 0 {
			own = ""
		}
		return own + "table_id=254, duration=1s, n_packets=0, n_bytes=0, priority=0,reg0=0x2,actions=drop\n", nil
	}
	return "", fmt.Errorf("%q is not a valid command (use \"list-commands\" to see a list of valid commands)", args[0])
}

func (m *Machine) showBonds(names []string, missing string, show func(*row) string) (string, error) {
	var out strings.Builder
	found := false
	for _, p := range sorted(m.ovs.applied.tables[portTable]) {
		if len(p.members) > 1 && (len(names) == 0 || names[0] == p.name) {
			out.WriteString(show(p))
			found = true
		}
	}
	if len(names) > 0 && !found {
		return "", errors.New(missing)
	}
	return out.String(), nil
}

func (p *row) lacpMode() string {
	if mode := p.one("lacp"); mode == "active" || mode == "passive" {
		return mode
	}
	return "off"
}

// attached says whether LACP is negotiated on a member.
func (m *Machine) attached(p *row, l *link) bool {
	return p.lacpMode() != "off" && l.nic != nil && l.nic.PortChannel != "" && slices.Contains(m.ovs.carrying(m, p), l)
}

func (m *Machine) bondText(p *row) string {
	mode := p.one("bond_mode")
	if mode == "" {
		mode = "active-backup"
	}
	carrying := m.ovs.carrying(m, p)
	members := m.ovs.openedMembers(m, p)
	var out strings.Builder
	fmt.Fprintf(&out, "---- %s ----\nbond_mode: %s\nbond may use recirculation: %s, Recirc-ID : %d\nbond-hash-basis: 0\nlb_output action: disabled, bond-id: -1\nupdelay: 0 ms\ndowndelay: 0 ms\n",
		p.name, mode, yesNo(mode == "balance-tcp"), map[bool]int{true: 1, false: -1}[mode == "balance-tcp"])
	status := p.lacpMode()
	if status != "off" {
		status = "configured"
		if slices.ContainsFunc(members, func(l *link) bool { return m.attached(p, l) }) {
			status = "negotiated"
		}
	}
	fallback := p.maps["other_config"]["lacp-fallback-ab"] == "true"
	primary := p.maps["other_config"]["bond-primary"]
	if primary == "" {
		primary = "<none>"
	}
	fmt.Fprintf(&out, "lacp_status: %s\nlacp_fallback_ab: %t\nactive-backup primary: %s\n", status, fallback, primary)
	if len(carrying) > 0 {
		fmt.Fprintf(&out, "active member mac: %s(%s)\n", carrying[0].MAC, carrying[0].Name)
	} else {
		out.WriteString("active member mac: 00:00:00:00:00:00(none)\n")
	}
	for _, l := range members {
		enabled := slices.Contains(carrying, l) || mode == "active-backup" && status == "off" && l.Up && l.Carrier
		fmt.Fprintf(&out, "\nmember %s: %s\n", l.Name, map[bool]string{true: "enabled", false: "disabled"}[enabled])
		if len(carrying) > 0 && carrying[0] == l {
			out.WriteString("  active member\n")
		}
		fmt.Fprintf(&out, "  may_enable: %t\n", enabled)
	}
	return out.String() + "\n"
}

func yesNo(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }

func (m *Machine) lacpText(p *row) string {
	if p.lacpMode() == "off" {
		return ""
	}
	members := m.ovs.openedMembers(m, p)
	negotiated := slices.ContainsFunc(members, func(l *link) bool { return m.attached(p, l) })
	system := m.link(m.ovs.applied.parent(portTable, p.name).name).MAC
	rate := p.maps["other_config"]["lacp-time"]
	if rate == "" {
		rate = "slow"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "---- %s ----\n  status: %s%s\n  sys_id: %s\n  sys_priority: 65534\n  aggregation key: 1\n  lacp_time: %s\n",
		p.name, p.lacpMode(), map[bool]string{true: " negotiated", false: ""}[negotiated], system, rate)
	for n, l := range members {
		on := m.attached(p, l)
		current, partner, key, state := "defaulted detached", "00:00:00:00:00:00", 0, ""
		if p.maps["other_config"]["lacp-fallback-ab"] == "true" {
			current = "defaulted attached"
		}
		if on {
			current, partner, key = "current attached", madeMAC(l.nic.PortChannel), 1
			state = "activity aggregation synchronized collecting distributing"
		}
		fmt.Fprintf(&out, "\nmember: %s: %s\n  port_id: %d\n  port_priority: 65535\n  may_enable: %t\n\n", l.Name, current, n+1, on)
		fmt.Fprintf(&out, "  actor sys_id: %s\n  actor sys_priority: 65534\n  actor port_id: %d\n  actor port_priority: 65535\n  actor key: 1\n  actor state: %s\n\n",
			system, n+1, "activity aggregation "+map[bool]string{true: "synchronized collecting distributing", false: "defaulted"}[on])
		fmt.Fprintf(&out, "  partner sys_id: %s\n  partner sys_priority: %d\n  partner port_id: %d\n  partner port_priority: %d\n  partner key: %d\n  partner state: %s\n",
			partner, key*127, n*key+key, key*255, key, state)
	}
	return out.String() + "\n"
}
