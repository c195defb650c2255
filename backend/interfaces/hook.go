package interfaces

import (
	"net/netip"
	"slices"
	"strings"
)

// hook is what a pre-up, up, down or post-down command is about.
type hook struct {
	link    bool     // only the link: it stays with the NIC
	assigns bool     // it gives the interface an address
	refuse  string   // why the NIC cannot be moved with it
	changes []splice // in the command, so that it names the port
	unclear bool     // it may still mean the NIC
}

// inspect reads a command of a stanza of the NIC. What is about addresses,
// routes, rules and filters, and what is not known, moves to the port and has to
// name it; what is about the link stays.
func inspect(command, nic, port string) hook {
	var h hook
	link, other := false, false
	for _, c := range shellCommands(command) {
		if h.refuse = refuseCommand(c, nic); h.refuse != "" {
			return h
		}
		switch about(c) {
		case "link":
			link = true
			continue
		case "address":
			other = true
		}
		h.assigns = h.assigns || assigns(c)
		h.changes = append(h.changes, rename(c, nic, port)...)
	}
	h.link = link && !other
	if h.link {
		h.changes = nil
	}
	slices.SortFunc(h.changes, func(a, b splice) int { return a.from - b.from })
	h.unclear = !h.link && mentions(apply(command, h.changes), nic)
	return h
}

// onlyLinks says that a command is about links and nothing else: of such a bond may be made.
func onlyLinks(command string) bool {
	return !slices.ContainsFunc(shellCommands(command), func(c shellCommand) bool {
		return !c.isLink() && !slices.Contains(neutral, c.program)
	})
}

func apply(text string, changes []splice) string {
	for _, s := range slices.Backward(changes) {
		text = text[:s.from] + s.with + text[s.to:]
	}
	return text
}

var (
	neutral  = []string{"true", "false", ":", "echo", "printf", "logger", "sleep", "test", "[", "[[", "exit", "fi", "done", "}"}
	linkOnly = []string{"ethtool", "mii-tool", "mii-diag", "tc"}
	wireless = []string{"iw", "iwconfig", "iwpriv", "wpa_supplicant", "wpa_cli", "hostapd"}
	enslaves = []string{"brctl", "bridge", "ifenslave", "ovs-vsctl", "teamd", "teamdctl"}
	byName   = []string{"route", "ifconfig", "dhclient", "dhcpcd", "udhcpc", "arp", "arping", "ping", "ping6", "ndisc6", "rdisc6"}
	dhcp     = []string{"dhclient", "dhcpcd", "udhcpc"}
	filters  = []string{"iptables", "ip6tables", "iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft", "arptables", "ebtables"}
)

// about says what a command is about: "link", "address", or "" for neither.
func about(c shellCommand) string {
	switch {
	case slices.Contains(linkOnly, c.program), c.isLink():
		return "link"
	case c.program == "ifconfig" && !assigns(c):
		return "link"
	case !slices.Contains(neutral, c.program) && c.program != "":
		return "address"
	}
	for _, file := range c.files {
		if strings.HasPrefix(file.text, "/sys/class/net/") {
			return "link"
		}
	}
	return ""
}

// ipObject is the object of an ip(8) command, link, address, route …, and what follows it.
func ipObject(c shellCommand) (object string, rest []string) {
	args := c.words()
	for i, w := range args {
		if strings.HasPrefix(w, "-") || i > 0 && slices.Contains([]string{"-f", "-family", "-n", "-netns"}, args[i-1]) {
			continue
		}
		for _, o := range []string{"address", "link", "route", "rule", "neighbour"} { // the first that w abbreviates
			if strings.HasPrefix(o, w) {
				return o, args[i+1:]
			}
		}
		return w, args[i+1:]
	}
	return "", nil
}

func (c shellCommand) isLink() bool {
	object, _ := ipObject(c)
	return c.program == "ip" && object == "link"
}

// assigns says whether a command gives an interface an address.
func assigns(c shellCommand) bool {
	switch object, rest := ipObject(c); {
	case slices.Contains(dhcp, c.program):
		return true
	case c.program == "ip" && object == "address" && len(rest) > 0:
		return strings.HasPrefix("add", rest[0]) || strings.HasPrefix("change", rest[0]) || strings.HasPrefix("replace", rest[0])
	case c.program == "ifconfig":
		return slices.ContainsFunc(c.words(), func(a string) bool {
			a, _, _ = strings.Cut(a, "/")
			address, err := netip.ParseAddr(a)
			return err == nil && !address.IsUnspecified() || a == "add" || strings.Contains(a, "IF_ADDRESS")
		})
	}
	return false
}

func refuseCommand(c shellCommand, nic string) string {
	args := c.words()
	names := slices.ContainsFunc(args, func(a string) bool { return own(a, nic) || a == "$IFACE" || a == "${IFACE}" })
	switch {
	case slices.Contains(wireless, c.program):
		return "a wireless interface cannot be a port of a bridge"
	case names && slices.Contains(enslaves, c.program), names && c.isLink() && slices.Contains(args, "master"):
		return nic + " already belongs to a bridge or bond by this command"
	case names && c.program == "vconfig", names && c.isLink() && slices.Contains(args, "add"):
		return "this command puts another interface on top of " + nic
	}
	return ""
}

// own says that word is the NIC or an alias of it.
func own(word, nic string) bool {
	rest, ok := strings.CutPrefix(word, nic)
	return ok && (rest == "" || rest[0] == ':')
}

// rename lists the changes after which the command names the port where it
// surely named the NIC as an interface.
func rename(c shellCommand, nic, port string) []splice {
	var changes []splice
	change := func(w shellWord) {
		changes = append(changes, splice{w.from, w.to, port + strings.TrimPrefix(w.text, nic)})
	}
	for i, w := range c.args {
		before := ""
		if i > 0 {
			before = c.args[i-1].text
		}
		switch {
		case !own(w.text, nic):
		case slices.Contains(byName, c.program),
			c.program == "ip" && slices.Contains([]string{"dev", "oif", "iif", "label"}, before),
			slices.Contains(filters, c.program) && slices.Contains([]string{"-i", "-o", "--in-interface", "--out-interface"}, before),
			c.program == "nft" && slices.Contains([]string{"iif", "oif", "iifname", "oifname"}, before):
			change(w)
		}
		if c.program == "sysctl" {
			changes = append(changes, renameKey(w, ".", nic, port)...)
		}
	}
	for _, w := range c.files {
		changes = append(changes, renameKey(w, "/", nic, port)...)
	}
	return changes
}

// renameKey changes the interface in a kernel setting: net.ipv4.conf.eth0.rp_filter.
func renameKey(w shellWord, separator, nic, port string) []splice {
	for _, kind := range []string{"conf", "neigh"} {
		old := separator + kind + separator + nic + separator
		if strings.Contains(w.text, old) && w.to-w.from == len(w.text) {
			at := w.from + strings.Index(w.text, old) + len(separator+kind+separator)
			return []splice{{at, at + len(nic), port}}
		}
	}
	return nil
}

// mentions says whether text holds name, not as a part of a longer word.
func mentions(text, name string) bool {
	for i := 0; ; {
		at := strings.Index(text[i:], name)
		if at < 0 {
			return false
		}
		i += at + len(name)
		if !letter(text, i-len(name)-1) && !letter(text, i) {
			return true
		}
	}
}

func letter(text string, i int) bool {
	if i < 0 || i >= len(text) {
		return false
	}
	c := text[i]
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
