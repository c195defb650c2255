package survey

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"bridgehead/backend/interfaces"
)

// firewallFiles are where firewalls keep their rules on the supported releases.
// Rules that only the kernel holds are not seen.
var firewallFiles = []string{
	"/etc/nftables.conf", "/etc/nftables/*.nft", "/etc/nftables.d/*", "/etc/nftables/*.conf",
	"/etc/iptables/rules.v4", "/etc/iptables/rules.v6", "/etc/iptables.rules", "/etc/iptables.up.rules",
	"/etc/ferm/ferm.conf", "/etc/ferm/conf.d/*", "/etc/ferm/ferm.d/*", "/etc/ferm.conf",
	"/etc/ufw/user.rules", "/etc/ufw/user6.rules", "/etc/ufw/before.rules", "/etc/ufw/before6.rules",
	"/etc/ufw/after.rules", "/etc/ufw/after6.rules",
	"/etc/shorewall/interfaces", "/etc/shorewall/masq", "/etc/shorewall/snat", "/etc/shorewall/rules",
	"/etc/shorewall6/interfaces", "/etc/firewalld/zones/*.xml", "/etc/firewalld/direct.xml",
	"/etc/network/if-up.d/*", "/etc/network/if-pre-up.d/*",
}

// firewall lists the rules that name one of the NICs: once the address is on the
// bridge's port, they match no more. Each is "file:line: the rule as written".
func (e *evidence) firewall(nics []NIC) []string {
	rules := []string{}
	for _, name := range e.firewallFiles() {
		n := 0
		for line := range strings.Lines(e.files.text(name)) {
			n++
			line = strings.TrimSpace(line)
			if !comment(line) && namesNIC(line, nics) {
				rules = append(rules, fmt.Sprintf("%s:%d: %s", name, n, line))
			}
		}
	}
	for _, s := range e.stanzas.all() {
		for _, o := range s.Options {
			if hook(o) && (strings.Contains(o.Value, "tables") || strings.Contains(o.Value, "nft ")) &&
				(namesNIC(o.Value, nics) || strings.Contains(o.Value, "$IFACE")) {
				rules = append(rules, fmt.Sprintf("%s:%d: %s %s", s.File, o.Line, o.Name, o.Value))
			}
		}
	}
	return rules
}

func (e *evidence) firewallFiles() []string {
	var names []string
	for _, pattern := range firewallFiles {
		for name := range e.files.read {
			if ok, _ := path.Match(pattern, name); ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func hook(o interfaces.Option) bool {
	return slices.Contains([]string{"pre-up", "up", "post-up", "down", "pre-down", "post-down"}, o.Name)
}

func comment(line string) bool {
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "<!--")
}

// namesNIC says whether a rule has a word that is a NIC's name, or a pattern of
// iptables ("eth+") or nft ("eth*") that matches one.
func namesNIC(line string, nics []NIC) bool {
	line, _, _ = strings.Cut(line, " #")
	for _, w := range strings.FieldsFunc(line, notInName) {
		w = strings.TrimSuffix(w, ".")
		prefix, wild := strings.CutSuffix(strings.TrimSuffix(w, "*"), "+")
		wild = wild || strings.HasSuffix(w, "*")
		for _, n := range nics {
			if w == n.Name || slices.Contains(n.AltNames, w) || wild && prefix != "" && strings.HasPrefix(n.Name, prefix) {
				return true
			}
		}
	}
	return false
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-:+*@", r))
}
