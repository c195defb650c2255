package link

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"bridgehead/backend"
)

// addHardware adds what sysfs (Documentation/ABI/testing/sysfs-class-net) and
// the driver say. A file that is missing, or that a link which is down refuses
// to answer, leaves its field empty.
func (l *Links) addHardware(link *backend.Link, a *netlink.LinkAttrs) {
	dir := filepath.Join(l.sys, "class/net", link.Name)
	if exists(dir) {
		link.Virtual = !exists(dir + "/device")
	} else { // a sysfs of another namespace
		link.Virtual = link.Kind != "" || a.ParentDev == ""
	}
	if !link.Virtual {
		link.Wireless = exists(dir+"/wireless") || exists(dir+"/phy80211")
		link.VF = exists(dir + "/device/physfn")
	}
	if speed, err := strconv.Atoi(read(dir + "/speed")); err == nil && speed > 0 {
		link.SpeedMbps = speed
	}
	if duplex := read(dir + "/duplex"); duplex != "unknown" {
		link.Duplex = duplex
	}
	l.addDriver(link, a, dir)
	if link.PermMAC == "" && !link.Virtual { // before Linux 5.6 rtnetlink does not tell
		link.PermMAC = l.permMAC(link.Name)
	}
}

func (l *Links) addDriver(link *backend.Link, a *netlink.LinkAttrs, dir string) {
	if info, err := l.tool.DriverInfo(link.Name); err == nil {
		link.Driver = known(info.Driver)
		link.Bus = known(info.BusInfo)
	}
	if link.Virtual {
		link.Bus = ""
		return
	}
	if link.Driver == "" {
		link.Driver = target(dir + "/device/driver")
	}
	if link.Bus == "" {
		link.Bus = a.ParentDev
	}
	if link.Bus == "" {
		link.Bus = target(dir + "/device")
	}
}

// permMAC asks the driver. The library drops leading zeros: "52:54:0:1:2:3".
func (l *Links) permMAC(name string) string {
	s, err := l.tool.PermAddr(name)
	if err != nil || s == "" {
		return ""
	}
	var mac net.HardwareAddr
	for _, part := range strings.Split(s, ":") {
		b, err := strconv.ParseUint(part, 16, 8)
		if err != nil {
			return ""
		}
		mac = append(mac, byte(b))
	}
	return mac.String()
}

// known drops what drivers say when they have nothing to say.
func known(s string) string {
	if s == "N/A" || s == "unknown" {
		return ""
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// target is the last element of what a symbolic link leads to.
func target(path string) string {
	to, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}
