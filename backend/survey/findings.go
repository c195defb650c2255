package survey

import (
	"fmt"
	"slices"
	"strings"
)

// findings is everything that the operator has to know, what forbids a change
// first. Within a level the order is that of the parts below.
func (e *evidence) findings(f Facts, claims map[string][]claim) []Finding {
	all := slices.Concat(
		slices.Clone(e.failed),
		e.aboutSystem(f),
		e.aboutOwner(f, claims),
		e.aboutStanzas(f),
		e.aboutNICs(f, claims),
		e.aboutSwitch(f),
		e.aboutSessions(f),
		e.aboutAddresses(f),
		e.aboutDHCP(f),
		e.aboutTraffic(f),
		e.aboutGuests(f),
		e.aboutPackages(f),
	)
	rank := map[string]int{Refuse: 0, Warn: 1, Info: 2}
	slices.SortStableFunc(all, func(a, b Finding) int { return rank[a.Level] - rank[b.Level] })
	return all
}

// report collects the findings of one part. Each text is a sentence without its
// full stop: others put them together.
type report []Finding

func (r *report) refuse(what, why, do string) { *r = append(*r, Finding{Refuse, what, why, do}) }
func (r *report) warn(what, why, do string)   { *r = append(*r, Finding{Warn, what, why, do}) }
func (r *report) info(what, why, do string)   { *r = append(*r, Finding{Info, what, why, do}) }

// aboutSystem is what the machine and earlier changes have to say.
func (e *evidence) aboutSystem(f Facts) (r report) {
	if e.Foreign {
		r.info("The files are those of another root", "Links, services, packages and processes are those of the running system", "Run the survey on the host itself before a change")
	}
	if !e.Root {
		r.warn("This is not run as root", "Some files and processes cannot be seen, and nothing can be changed", "Run it again with sudo")
	}
	if e.armed {
		r.refuse("A trial is running, with a watch that takes it back", "A second change would be measured against a state that may vanish",
			"Look at it with `bridgehead status`; then `bridgehead confirm` or `bridgehead rollback`")
	}
	if f.Unfinished {
		r.info("An earlier change is not finished", "It was neither confirmed nor taken back: "+journal(e.StateDir)+" is there", "Look at it with `bridgehead status`")
	}
	if e.full != nil {
		r.refuse("There is no room to record a change: "+oneLine(e.full), "What cannot be recorded could not be taken back", "Make room, or make the file system writable, and run the survey again")
	}
	if !f.Host.Bonding && !e.Foreign && f.Host.Kernel != "" {
		r.info("Bonds of the kernel are not possible here", "The running kernel "+f.Host.Kernel+" has no module bonding", "Use a bond of Open vSwitch, or boot a kernel that has the module")
	}
	if f.Host.Init != "systemd" && !e.Foreign {
		why := "A detached process will watch the trial instead: it survives the terminal, but no reboot and no power cut"
		if f.Host.Guard.Restart {
			why = "A detached process will watch the trial instead. It survives the terminal, and a boot script takes back after a reboot or a power cut what was not confirmed; but nobody starts the process again if it is killed"
		}
		r.warn("systemd does not run here", why, "Stay at the console until the change is confirmed")
	}
	if id, version := osRelease(e.osRelease(), "ID"), osRelease(e.osRelease(), "VERSION_ID"); id != "" && !tested(id, version) {
		r.info("This release was not tested: "+f.Host.OS, "Bridgehead is made for Debian 11 to 13 and Ubuntu 20.04 and later", "Rehearse first: `bridgehead rehearse`")
	}
	if owner := e.cloudInit(); owner != "" {
		r.warn("cloud-init is installed, and may write the network configuration", owner+". At a boot it may restore the old configuration beside the new one",
			"Switch that off: write `network: {config: disabled}` to /etc/cloud/cloud.cfg.d/99-disable-network-config.cfg")
	}
	if strings.Contains(" "+e.files.text("/proc/cmdline"), " ip=") {
		r.warn("The kernel command line configures the network (ip=)", "The initramfs sets the address on the NIC before Open vSwitch runs", "Take ip= out of the boot loader's configuration")
	}
	return r
}

func (e *evidence) osRelease() string {
	if t := e.files.text("/etc/os-release"); t != "" {
		return t
	}
	return e.files.text("/usr/lib/os-release")
}

// tested says whether Bridgehead was made for a release. Testing and unstable have no version.
func tested(id, version string) bool {
	switch id {
	case "debian":
		return version == "11" || version == "12" || version == "13"
	case "ubuntu":
		return len(version) == 5 && version >= "20.04"
	}
	return false
}

// cloudInit says why cloud-init may touch the network, "" where it does not.
func (e *evidence) cloudInit() string {
	_, configured := e.files.read["/etc/cloud/cloud.cfg"]
	switch {
	case !configured && !e.has("cloud-init"), e.files.see("/etc/cloud/cloud-init.disabled"):
		return ""
	}
	for _, name := range append(e.files.in("/etc/cloud/cloud.cfg.d", ".cfg"), "/etc/cloud/cloud.cfg") {
		var inNetwork bool
		for line := range strings.Lines(e.files.text(name)) {
			flat := strings.Join(strings.Fields(strings.NewReplacer("{", " ", "}", " ", `"`, "", "'", "").Replace(line)), " ")
			if flat == "network: config: disabled" || inNetwork && flat == "config: disabled" {
				return ""
			}
			inNetwork = flat == "network:" || inNetwork && strings.HasPrefix(line, " ")
		}
	}
	if configured {
		return "/etc/cloud/cloud.cfg is there, and nothing keeps it off the network"
	}
	return "the package is there, and nothing keeps it off the network"
}

// aboutPackages says what is missing for what.
func (e *evidence) aboutPackages(f Facts) (r report) {
	for _, n := range f.Packages.Needs {
		switch {
		case n.Have != "":
		case n.Mandatory:
			r.info(n.AnyOf[0]+" is not installed", "It is "+n.For+"; nothing can be done without it", "The packages step installs it, or: apt install "+n.AnyOf[0])
		default:
			r.info(n.AnyOf[0]+" is not installed", "It is needed for "+n.For, "The packages step can install it, or: apt install "+n.AnyOf[0])
		}
	}
	return r
}

// list joins words for a sentence.
func list(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
