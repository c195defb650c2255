package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bridgehead/backend"
)

// hooks runs the commands of a stanza that are simulated and passes over the rest;
// the first that fails ends it, as "sh -e" would.
func (m *Machine) hooks(name string, commands []string) error {
	for _, c := range commands {
		words := strings.Fields(strings.NewReplacer("${IFACE}", name, "$IFACE", name, `"`, "").Replace(c))
		forgiving := len(words) > 2 && words[len(words)-2] == "||"
		if forgiving {
			words = words[:len(words)-2]
		}
		for len(words) > 0 {
			end := slices.Index(words, "&&")
			if end < 0 {
				end = len(words)
			}
			if err := m.hook(words[:end]); err != nil {
				if forgiving {
					break
				}
				return fmt.Errorf("%s: %w", c, err)
			}
			words = words[min(end+1, len(words)):]
		}
	}
	return nil
}

func (m *Machine) hook(words []string) error {
	last := len(words) - 1
	switch {
	case last < 2:
		return nil
	case strings.HasSuffix(words[0], "ifconfig") && (words[last] == "up" || words[last] == "down"):
		l, err := m.needLink(words[1])
		if err == nil {
			m.setUp(l, words[last] == "up")
		}
		return err
	case strings.HasSuffix(words[0], "ip") && words[1] == "link" && words[2] == "set":
		return m.ipLinkSet(words[3:])
	case strings.HasSuffix(words[0], "ip") && words[1] == "link" && words[2] == "add" && last > 2:
		return m.ipLinkAdd(words[3:])
	case strings.HasSuffix(words[0], "ip") && words[1] == "link" && strings.HasPrefix("delete", words[2]) && last > 2:
		return m.ipLinkDel(words[3])
	case strings.HasSuffix(words[0], "ip"):
		return m.ipHook(words[1:])
	}
	return nil
}

// ipHook is the part of ip(8) that hooks of interfaces files use for addresses and routes.
func (m *Machine) ipHook(words []string) error {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, "-") })
	if len(words) < 3 || !slices.Contains([]string{"add", "replace", "a"}, words[1]) {
		return nil
	}
	at := map[string]string{}
	for i := 3; i+1 < len(words); i += 2 {
		at[words[i]] = words[i+1]
	}
	switch {
	case strings.HasPrefix("address", words[0]):
		l, err := m.needLink(at["dev"])
		if err != nil {
			return err
		}
		p, err := hostPrefix(words[2])
		if err != nil {
			return err
		}
		return m.setAddr(l, backend.Addr{Prefix: p, Scope: "global"})
	case strings.HasPrefix("route", words[0]):
		return m.routeHook(words[2], at)
	}
	return nil
}

func (m *Machine) routeHook(dst string, at map[string]string) error {
	r := backend.Route{Dev: at["dev"]}
	if dst == "default" {
		dst = "0.0.0.0/0"
		if strings.Contains(at["via"], ":") {
			dst = "::/0"
		}
	}
	var err error
	if r.Dst, err = hostPrefix(dst); err != nil {
		return err
	}
	if via := at["via"]; via != "" {
		if r.Gateway, err = netip.ParseAddr(via); err != nil {
			return err
		}
	}
	r.Metric, _ = strconv.Atoi(at["metric"])
	r.Table, _ = strconv.Atoi(at["table"])
	return m.setRoute(r)
}

func hostPrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		return netip.PrefixFrom(a, a.BitLen()), err
	}
	return netip.ParsePrefix(s)
}
