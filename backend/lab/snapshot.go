package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Snapshot is what a host has that a change could touch and an undo must bring back, as
// deterministic text: without indexes, UUIDs, counters, PIDs and remaining lifetimes. Two
// snapshots of a host that nobody touched are equal.
type Snapshot struct {
	Files   string // of SnapshotPaths: mode, owner and content
	Switch  string // what the Open vSwitch database is told, rows by name
	Links   string // links and addresses (ip -d addr)
	Routes  string // all tables, both families
	Rules   string
	Sysctls string // per interface, those that matter for one address on two links
	Libvirt string // networks and domains, or that it does not run
	DHCP    string // running DHCP clients
	Ifstate string // /run/network/ifstate and ifstate.NAME: what ifupdown believes to be up
}

// SnapshotPaths are the files and directories of a host that a Snapshot holds.
var SnapshotPaths = []string{
	"/etc/network", "/etc/libvirt/qemu", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname",
	"/etc/systemd/system", "/etc/systemd/network", "/etc/netplan", "/etc/udev/rules.d", "/etc/modules", "/etc/modules-load.d",
	"/etc/sysctl.conf", "/etc/sysctl.d", "/etc/default/openvswitch-switch", "/etc/dhcp",
}

// snapshotSysctls are the keys below net/FAMILY/conf/LINK of a Snapshot.
var snapshotSysctls = map[string][]string{
	"ipv4": {"accept_local", "arp_announce", "arp_filter", "arp_ignore", "arp_notify", "forwarding", "promote_secondaries", "proxy_arp", "rp_filter"},
	"ipv6": {"accept_dad", "accept_ra", "addr_gen_mode", "autoconf", "disable_ipv6", "forwarding", "keep_addr_on_down", "use_tempaddr"},
}

// Snapshot reads the host, once its IPv6 addresses have settled.
func (l *Lab) Snapshot() (Snapshot, error) {
	var s Snapshot
	if err := l.settle(); err != nil {
		return s, err
	}
	for _, part := range []struct {
		text *string
		read func() (string, error)
	}{
		{&s.Files, l.files},
		{&s.Switch, l.ovsdb},
		{&s.Links, l.links},
		{&s.Routes, func() (string, error) { return l.ip(routeFields, "route", "show", "table", "all") }},
		{&s.Rules, func() (string, error) { return l.ip(nil, "rule") }},
		{&s.Sysctls, l.sysctls},
		{&s.Libvirt, l.libvirt},
		{&s.DHCP, l.dhcpClients},
		{&s.Ifstate, l.ifstate},
	} {
		var err error
		if *part.text, err = part.read(); err != nil {
			return Snapshot{}, fmt.Errorf("cannot take a snapshot of the host: %w", err)
		}
	}
	return s, nil
}

func (s Snapshot) String() string {
	var b strings.Builder
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		fmt.Fprintf(&b, "== %s\n%s\n", v.Type().Field(i).Name, strings.TrimRight(v.Field(i).String(), "\n"))
	}
	return b.String()
}

// Diff is the unified diff from s to later, "" where they are equal.
func (s Snapshot) Diff(later Snapshot) string {
	return udiff.Unified("before", "after", s.String(), later.String())
}

// files prints each file with its metadata, its content indented below it.
func (l *Lab) files() (string, error) {
	var b strings.Builder
	for _, top := range SnapshotPaths {
		root := filepath.Join(l.host.proc, "root")
		err := filepath.WalkDir(root+top, func(path string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			return describeFile(&b, path, strings.TrimPrefix(path, root))
		})
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func describeFile(b *strings.Builder, path, name string) error {
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	uid, gid := owner(fi)
	fmt.Fprintf(b, "%s %d:%d %s", fi.Mode(), uid, gid, name)
	switch {
	case fi.Mode().IsRegular():
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b.WriteString("\n" + indent(string(data)))
	case fi.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		b.WriteString(" -> " + target + "\n")
	default:
		b.WriteString("\n")
	}
	return nil
}

func indent(s string) string {
	if s == "" {
		return ""
	}
	end := ""
	if !strings.HasSuffix(s, "\n") {
		end = "    (no newline at the end)\n"
	}
	return "    " + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n    ") + "\n" + end
}

// linkFields and addrFields are what of "ip -d -j addr" does not change by itself.
var (
	linkFields  = []string{"ifname", "flags", "mtu", "operstate", "master", "group", "txqlen", "address", "altnames", "promiscuity", "kind"}
	addrFields  = []string{"family", "local", "address", "prefixlen", "broadcast", "anycast", "scope", "label", "metric", "protocol", "noprefixroute", "dynamic", "mngtmpaddr", "temporary", "nodad", "deprecated", "tentative", "dadfailed", "optimistic", "home", "autojoin"}
	routeFields = []string{"type", "dst", "gateway", "via", "dev", "table", "protocol", "scope", "prefsrc", "metric", "flags", "metrics", "nexthops", "pref", "src", "encap"}
)

func (l *Lab) links() (string, error) {
	out, err := l.output("ip", "-d", "-j", "addr")
	if err != nil {
		return "", err
	}
	var links []map[string]any
	if err := json.Unmarshal(out, &links); err != nil {
		return "", fmt.Errorf("cannot read ip -d -j addr: %w", err)
	}
	var b strings.Builder
	sort.Slice(links, func(i, j int) bool { return fmt.Sprint(links[i]["ifname"]) < fmt.Sprint(links[j]["ifname"]) })
	for _, link := range links {
		if info, ok := link["linkinfo"].(map[string]any); ok {
			link["kind"] = info["info_kind"]
		}
		b.WriteString(fields(link, linkFields) + "\n")
		addrs, _ := link["addr_info"].([]any)
		var lines []string
		for _, a := range addrs {
			if a, ok := a.(map[string]any); ok {
				lines = append(lines, "    "+fields(a, addrFields)+"\n")
			}
		}
		// The kernel lists IPv4 addresses by age, primary first: that order matters; IPv6's does not.
		slices.SortStableFunc(lines, func(a, b string) int {
			if strings.Contains(a, "family=inet ") && strings.Contains(b, "family=inet ") {
				return 0
			}
			return strings.Compare(a, b)
		})
		b.WriteString(strings.Join(lines, ""))
	}
	return b.String(), nil
}

// ip prints one line per object of an ip command, both families; nil fields is all of them.
func (l *Lab) ip(only []string, args ...string) (string, error) {
	var lines []string
	for _, family := range []string{"-4", "-6"} {
		out, err := l.output(append([]string{"ip", family, "-d", "-j"}, args...)...)
		if err != nil {
			return "", err
		}
		var objects []map[string]any
		if out = bytes.TrimSpace(out); len(out) > 0 {
			if err := json.Unmarshal(out, &objects); err != nil {
				return "", fmt.Errorf("cannot read ip %s: %w", strings.Join(args, " "), err)
			}
		}
		for _, o := range objects {
			lines = append(lines, family+" "+fields(o, only))
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n") + "\n", nil
}

// fields prints an object's members in the given order, or all by name.
func fields(o map[string]any, only []string) string {
	if only == nil {
		only = sortedKeys(o)
	}
	var parts []string
	for _, k := range only {
		switch v := o[k].(type) {
		case nil:
		case []any:
			if len(v) > 0 {
				words := make([]string, len(v))
				for i := range v {
					words[i] = plain(v[i])
				}
				if k != "nexthops" {
					sort.Strings(words)
				}
				parts = append(parts, k+"="+strings.Join(words, ","))
			}
		default:
			parts = append(parts, k+"="+plain(v))
		}
	}
	return strings.Join(parts, " ")
}

func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v) // objects: keys sorted
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// sysctls prints one line per family and link.
func (l *Lab) sysctls() (string, error) {
	var b strings.Builder
	err := l.host.inNet(func() error {
		for _, family := range sortedKeys(snapshotSysctls) {
			dirs, err := filepath.Glob("/proc/sys/net/" + family + "/conf/*")
			if err != nil {
				return err
			}
			for _, dir := range dirs {
				fmt.Fprintf(&b, "%s %s", family, filepath.Base(dir))
				for _, key := range snapshotSysctls[family] {
					v, err := os.ReadFile(filepath.Join(dir, key))
					if err != nil {
						return err
					}
					fmt.Fprintf(&b, " %s=%s", key, strings.TrimSpace(string(v)))
				}
				b.WriteString("\n")
			}
		}
		return nil
	})
	return b.String(), err
}

// output runs a command in the host and returns what it prints to standard output.
func (l *Lab) output(argv ...string) ([]byte, error) {
	cmd := l.Host(argv...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
