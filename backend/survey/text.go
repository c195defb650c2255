package survey

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// width is that of the narrowest console Bridgehead works on.
const width = 80

// Text writes the facts for a reader, at 80 columns and in plain ASCII where the
// host's own names are. It fails where w does.
func Text(w io.Writer, f Facts) error {
	p := &printer{}
	p.host(f)
	p.nics(f)
	p.sessions(f)
	p.config(f)
	p.openVSwitch(f)
	p.libvirt(f)
	p.packages(f)
	p.findings(f)
	_, err := io.WriteString(w, p.String())
	return err
}

type printer struct{ strings.Builder }

// title starts a section.
func (p *printer) title(s string) { fmt.Fprintf(p, "\n%s\n", s) }

// wrap writes text, broken between words, behind indent; the lines after the
// first are indented by blanks. Only a word that fits no line is broken itself.
func (p *printer) wrap(indent, text string) {
	line, empty := indent, true
	end := func() {
		p.WriteString(strings.TrimRight(line, " ") + "\n")
		line, empty = strings.Repeat(" ", len(indent)), true
	}
	for _, word := range strings.Fields(printable(text)) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			end()
		}
		if !empty {
			line += " "
		}
		rest := []rune(word)
		for room := width - utf8.RuneCountInString(line); len(rest) > room; room = width - len(indent) {
			line += string(rest[:room])
			rest = rest[room:]
			end()
		}
		line, empty = line+string(rest), false
	}
	end()
}

// printable keeps what a host's files or guests are called from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

func (p *printer) host(f Facts) {
	who := []string{orText(f.Host.Name, "this host")}
	for _, s := range []string{f.Host.OS, prefixed("kernel ", f.Host.Kernel), f.Host.Init} {
		if s != "" {
			who = append(who, s)
		}
	}
	p.wrap("", strings.Join(who, ", "))
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func (p *printer) nics(f Facts) {
	p.title("NICs")
	if len(f.NICs) == 0 {
		p.wrap("  ", "none")
	}
	for _, n := range f.NICs {
		fmt.Fprintf(p, "  %-15s %-11s %-12s %-17s %s\n", printable(n.Name), linkState(n), speed(n), n.MAC, printable(kindOf(n)))
		const in = "                  "
		if len(n.AltNames) > 0 {
			p.wrap(in, "also "+strings.Join(n.AltNames, ", "))
		}
		if len(n.Addresses) > 0 {
			p.wrap(in, strings.Join(n.Addresses, ", ")+prefixed(", gateway ", strings.Join(n.Gateway, ", ")))
		}
		if n.Owner.Kind != "none" {
			p.wrap(in, "configured by "+orText(ownerNames[n.Owner.Kind], n.Owner.Kind)+at(n.Owner))
		}
		if n.Neighbour != "" {
			p.wrap(in, "LLDP neighbour "+n.Neighbour)
		}
		for _, s := range n.SessionOf {
			p.wrap(in, s)
		}
		for _, s := range n.Problems {
			p.wrap(in, "! "+s)
		}
	}
}

func linkState(n NIC) string {
	switch {
	case !n.Up:
		return "down"
	case !n.Carrier:
		return "no carrier"
	}
	return "up"
}

func speed(n NIC) string {
	if n.SpeedMbps <= 0 {
		return ""
	}
	return fmt.Sprintf("%d Mbit/s", n.SpeedMbps)
}

func kindOf(n NIC) string {
	if n.Driver != "" {
		return n.Driver
	}
	return n.Kind
}

func (p *printer) sessions(f Facts) {
	p.title("Sessions")
	c := f.Console
	kinds := map[string]string{"serial": "at the serial console", "vt": "at the console", "ssh": "over SSH", "terminal": "in a terminal", "none": "without a terminal"}
	where := "You work " + orText(kinds[c.Kind], "from a place that is not known")
	if c.TTY != "" {
		where += " (" + c.TTY + ")"
	}
	p.wrap("  ", where)
	if c.Unknown != "" {
		p.wrap("  ! ", c.Unknown)
	}
	for _, s := range f.Sessions {
		who := "another SSH session"
		if s.Own {
			who = "this SSH session"
		}
		p.wrap("  ", fmt.Sprintf("%s from %s goes through %s", who, s.From, orText(s.NIC, "an unknown NIC")))
		if s.Reason != "" {
			p.wrap("    ", s.Reason)
		}
	}
	for _, u := range f.Services {
		p.wrap("  ", u.What+prefixed(", through ", u.NIC))
	}
}

func (p *printer) config(f Facts) {
	p.title("Network configuration")
	p.wrap("  ", orText(ownerNames[f.Config.Owner], f.Config.Owner)+prefixed(": ", f.Config.Reason))
	for _, name := range f.Config.Files {
		p.wrap("  ", name)
	}
}

func (p *printer) openVSwitch(f Facts) {
	p.title("Open vSwitch")
	switch s := f.Switch; {
	case !s.Installed:
		p.wrap("  ", "not installed")
	case !s.Running:
		p.wrap("  ", "does not answer"+prefixed(": ", s.Reason))
	default:
		module := "with"
		if !s.KernelModule {
			module = "without"
		}
		p.wrap("  ", fmt.Sprintf("%s, runs, %s the kernel's datapath", orText(s.Version, "version unknown"), module))
		for _, b := range s.Bridges {
			var ports []string
			for _, x := range b.Ports {
				ports = append(ports, x.Name)
			}
			p.wrap("  ", fmt.Sprintf("bridge %s: %s", b.Name, orText(strings.Join(ports, ", "), "no ports")))
		}
	}
	p.wrap("  ", "start order: "+f.Boot.Reason)
}

func (p *printer) libvirt(f Facts) {
	p.title("libvirt")
	if !f.Virt.Available {
		p.wrap("  ", "not available"+prefixed(": ", f.Virt.Reason))
		return
	}
	p.wrap("  ", orText(f.Virt.Version, "runs"))
	for _, n := range f.Virt.Networks {
		state := "off"
		if n.Active {
			state = "active"
		}
		p.wrap("  ", fmt.Sprintf("network %s, %s%s", n.Name, state, prefixed(", bridge ", n.Bridge)))
	}
	for _, d := range f.Virt.Domains {
		state := "off"
		if d.Running {
			state = "running"
		}
		var on []string
		for _, n := range d.NICs {
			if n.Source != "" {
				on = append(on, n.Source)
			}
		}
		p.wrap("  ", fmt.Sprintf("guest %s, %s%s", d.Name, state, prefixed(", on ", strings.Join(on, ", "))))
	}
}

func (p *printer) packages(f Facts) {
	p.title("Packages")
	if !f.Packages.Known {
		p.wrap("  ", "not known")
	}
	for _, n := range f.Packages.Needs {
		have := "missing"
		if n.Have != "" {
			have = f.Packages.Installed[n.Have]
		}
		fmt.Fprintf(p, "  %-24s %s\n", printable(orText(n.Have, n.AnyOf[0])), printable(have))
	}
}

func (p *printer) findings(f Facts) {
	titles := []struct{ level, title string }{
		{Refuse, "What forbids a change"}, {Warn, "What to look out for"}, {Info, "Good to know"},
	}
	for _, t := range titles {
		first := true
		for _, x := range f.Findings {
			if x.Level != t.level {
				continue
			}
			if first {
				p.title(t.title)
				first = false
			}
			p.wrap("  * ", x.What+".")
			p.wrap("    ", x.Why+".")
			p.wrap("    Do: ", x.Do)
		}
	}
	if len(f.Refused()) == 0 {
		p.title("Nothing here forbids a change.")
	}
}
