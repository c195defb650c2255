package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"syscall"
)

func owner(fi fs.FileInfo) (uid, gid uint32) {
	st := fi.Sys().(*syscall.Stat_t)
	return st.Uid, st.Gid
}

// ovsTables are the tables of the database with what ovs-vswitchd writes there itself
// (ovs-vswitchd.conf.db(5)); all other columns are configuration.
var ovsTables = []struct {
	name     string
	reported []string
}{
	{"Open_vSwitch", []string{"cur_cfg", "next_cfg", "datapaths", "datapath_types", "iface_types", "statistics", "dpdk_initialized", "ovs_version", "db_version", "system_type", "system_version", "dpdk_version"}},
	{"Bridge", []string{"datapath_id", "datapath_version", "rstp_status", "status"}},
	{"Port", []string{"bond_active_slave", "rstp_statistics", "rstp_status", "statistics", "status"}},
	{"Interface", []string{"admin_state", "bfd_status", "cfm_fault", "cfm_fault_status", "cfm_flap_count", "cfm_health", "cfm_mpid", "cfm_remote_mpids", "cfm_remote_opstate", "duplex", "ifindex", "lacp_current", "link_resets", "link_speed", "link_state", "mac_in_use", "mtu", "ofport", "statistics", "status"}},
	{"Controller", []string{"is_connected", "role", "status"}},
	{"Manager", []string{"is_connected", "status"}},
	{"Mirror", []string{"statistics"}},
	{"QoS", nil},
	{"Queue", nil},
	{"Flow_Table", nil},
	{"NetFlow", nil},
	{"sFlow", nil},
	{"IPFIX", nil},
	{"AutoAttach", nil},
}

// ovsdb prints each row with what was configured; references are names.
func (l *Lab) ovsdb() (string, error) {
	if _, err := os.Lstat(filepath.Join(l.host.proc, "root", ovsSocket)); err != nil {
		return "not running\n", nil
	}
	type table struct {
		Headings []string
		Data     [][]any
	}
	args := []string{"ovs-vsctl", "--timeout=5", "--no-wait", "--format=json"}
	for _, t := range ovsTables {
		args = append(args, "--", "list", t.name)
	}
	out, err := l.output(args...)
	if err != nil {
		return "", err
	}
	tables := make([]table, len(ovsTables))
	names := map[string]string{} // by UUID
	dec := json.NewDecoder(bytes.NewReader(out))
	for i, t := range ovsTables {
		if err := dec.Decode(&tables[i]); err != nil {
			return "", fmt.Errorf("cannot read the table %s: %w", t.name, err)
		}
		for _, row := range tables[i].Data {
			id, name := "", t.name
			for c, heading := range tables[i].Headings {
				switch heading {
				case "_uuid":
					id = ovsdbText(row[c], nil)
				case "name", "target":
					name = ovsdbText(row[c], nil)
				}
			}
			names[id] = name
		}
	}
	var b strings.Builder
	for i, t := range ovsTables {
		skip := map[string]bool{"_uuid": true}
		for _, c := range t.reported {
			skip[c] = true
		}
		var rows []string
		for _, row := range tables[i].Data {
			parts := []string{}
			for c, heading := range tables[i].Headings {
				text := ovsdbText(row[c], names)
				unset := text == "" || text == "false" || text == "0" && heading != "tag"
				if !skip[heading] && !unset {
					parts = append(parts, heading+"="+text)
				}
			}
			sort.Strings(parts)
			rows = append(rows, t.name+" "+strings.Join(parts, " ")+"\n")
		}
		sort.Strings(rows)
		b.WriteString(strings.Join(rows, ""))
	}
	return b.String(), nil
}

// ovsdbText prints a value of the database (RFC 7047 5.1): atom, ["uuid", u], ["set", […]], ["map", […]].
func ovsdbText(v any, names map[string]string) string {
	list, ok := v.([]any)
	if !ok || len(list) != 2 {
		return plain(v)
	}
	var parts []string
	switch list[0] {
	case "uuid":
		id := fmt.Sprint(list[1])
		if name, ok := names[id]; ok {
			return name
		}
		return id
	case "set":
		for _, e := range list[1].([]any) {
			parts = append(parts, ovsdbText(e, names))
		}
	case "map":
		for _, pair := range list[1].([]any) {
			kv := pair.([]any)
			parts = append(parts, ovsdbText(kv[0], names)+":"+ovsdbText(kv[1], names))
		}
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

// connections is how many guests use a network just now: virsh prints it into the XML.
var connections = regexp.MustCompile(` connections='\d+'`)

func (l *Lab) libvirt() (string, error) {
	if _, err := os.Lstat(filepath.Join(l.host.proc, "root/run/libvirt/libvirt-sock")); err != nil {
		return "not running\n", nil
	}
	var b strings.Builder
	for _, kind := range []struct{ list, info, dump string }{
		{"net-list", "net-info", "net-dumpxml"},
		{"list", "dominfo", "dumpxml"},
	} {
		out, err := l.virsh(kind.list, "--all", "--name")
		if err != nil {
			return "", err
		}
		names := strings.Fields(out)
		sort.Strings(names)
		for _, name := range names {
			info, err := l.virsh(kind.info, name)
			if err != nil {
				return "", err
			}
			xml, err := l.virsh(kind.dump, "--inactive", name)
			if err != nil {
				return "", err
			}
			nics := ""
			if kind.list == "list" {
				if nics, err = l.virsh("domiflist", name); err != nil {
					return "", err
				}
			}
			fmt.Fprintf(&b, "%s %s\n%s", kind.dump, name, indent(steady(info)+nics+connections.ReplaceAllString(xml, "")))
		}
	}
	return b.String(), nil
}

// steady leaves out of net-info and dominfo what changes by itself.
func steady(info string) string {
	var keep []string
	for line := range strings.Lines(info) {
		if name, _, _ := strings.Cut(line, ":"); name != "Id" && name != "CPU time" && name != "Used memory" {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}

func (l *Lab) virsh(args ...string) (string, error) {
	out, err := l.output(append([]string{"virsh", "-q", "-c", "qemu:///system"}, args...)...)
	return string(out), err
}

// dhcpClients prints the command lines of the host's DHCP clients.
func (l *Lab) dhcpClients() (string, error) {
	names, err := filepath.Glob(filepath.Join(l.host.proc, "root/proc/[0-9]*"))
	if err != nil {
		return "", err
	}
	var lines []string
	for _, dir := range names {
		comm, _ := os.ReadFile(dir + "/comm") // a process may end at any time
		switch strings.TrimSpace(string(comm)) {
		case "dhclient", "dhcpcd", "udhcpc":
			args, _ := os.ReadFile(dir + "/cmdline")
			lines = append(lines, strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))+"\n")
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, ""), nil
}

// ifstate prints what ifupdown believes: its list, and what it keeps for each interface.
func (l *Lab) ifstate() (string, error) {
	text, err := l.readIfThere("/run/network/ifstate")
	if err != nil {
		return "", err
	}
	root := filepath.Join(l.host.proc, "root")
	paths, err := filepath.Glob(root + "/run/network/ifstate.*") // sorted
	if err != nil {
		return "", err
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if one := strings.TrimSpace(string(b)); one != "" { // ifdown leaves an empty one
			text += filepath.Base(path) + ": " + one + "\n"
		}
	}
	return text, nil
}
