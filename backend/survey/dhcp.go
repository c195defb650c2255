package survey

import (
	"slices"
	"strings"

	"bridgehead/backend"
)

// dhcpClients are the running DHCP clients, one entry for each interface that
// one names. dhcpcd runs several processes; its children are not counted.
func (e *evidence) dhcpClients() []DHCPClient {
	list := []DHCPClient{}
	clients := e.procs.byPID(func(p backend.Process) bool { return dhcpName(p) != "" })
	for _, p := range clients {
		name := dhcpName(p)
		if dhcpName(e.procs[p.PPID]) == name {
			continue
		}
		c := DHCPClient{PID: p.PID, Name: name, Args: slices.Clone(p.Args)}
		nics := e.named(p.Args)
		if len(nics) == 0 {
			nics = []string{""}
		}
		for _, nic := range nics {
			c.NIC = nic
			list = append(list, c)
		}
	}
	return list
}

// dhcpName is the DHCP client that a process is, "" for none. udhcpc is an applet of busybox.
func dhcpName(p backend.Process) string {
	for _, name := range []string{"dhclient", "dhcpcd", "udhcpc", "udhcpc6", "pump"} {
		if p.Name == name {
			return name
		}
	}
	if p.Name == "busybox" && len(p.Args) > 1 && strings.HasPrefix(p.Args[1], "udhcpc") {
		return p.Args[1]
	}
	return ""
}

// named are the links that a command line names. dhcpcd writes its state into
// one argument: "dhcpcd: eth0 [ip4] [ip6]".
func (e *evidence) named(args []string) []string {
	var names []string
	if len(args) < 1 {
		return nil
	}
	for i, a := range args {
		for j, w := range strings.FieldsFunc(a, func(r rune) bool { return strings.ContainsRune(" ,:=[]", r) }) {
			if i == 0 && j == 0 { // the program itself
				continue
			}
			if l, ok := e.link(w); ok && !l.Loopback && !slices.Contains(names, l.Name) {
				names = append(names, l.Name)
			}
		}
	}
	return names
}
