package lab

import (
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// stolen is the link that a NIC has as master while Open vSwitch holds it; with the
// kernel datapath a host shows the same.
const stolen = "ovs-system"

// steal emulates what the kernel datapath does with a NIC that becomes its port, for
// the userspace datapath does not: it takes every frame away from the host's stack.
//
// Open vSwitch makes a NIC promiscuous when it takes it, and undoes that when it lets
// go. At that moment the NIC gets a bridge as master that is down: the stack hears
// nothing any more, packet sockets, by which Open vSwitch listens, hear everything.
// The bridge is there only while it has a port, like the kernel's own.
func steal(nsPath string, nics []string) (stop func(), err error) {
	ns, err := netns.GetFromPath(nsPath)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		return nil, err
	}
	updates, done := make(chan netlink.LinkUpdate, 1024), make(chan struct{})
	err = netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{
		Namespace: &ns, ListExisting: true, ReceiveBufferSize: 4 << 20,
	})
	if err != nil {
		h.Close()
		return nil, err
	}
	t := thief{h: h, names: map[string]bool{}, held: map[string]bool{}}
	for _, n := range nics {
		t.names[n] = true
	}
	go func() {
		defer h.Close()
		for u := range updates {
			if u.IfInfomsg.Family == unix.AF_BRIDGE {
				continue
			}
			if err := t.look(u); err != nil {
				fmt.Fprintf(os.Stderr, "taking frames of %s: %v\n", u.Attrs().Name, err)
			}
		}
	}()
	return func() { close(done) }, nil
}

// thief remembers which NICs it has taken.
type thief struct {
	h     *netlink.Handle
	names map[string]bool
	held  map[string]bool
}

func (t *thief) look(u netlink.LinkUpdate) error {
	name := u.Attrs().Name
	if !t.names[name] {
		return nil
	}
	promisc := u.Header.Type == unix.RTM_NEWLINK && u.IfInfomsg.Flags&unix.IFF_PROMISC != 0
	switch {
	case promisc && !t.held[name]:
		master, err := t.master()
		if err != nil {
			return err
		}
		t.held[name] = true
		return t.h.LinkSetMaster(u.Link, master)
	case !promisc && t.held[name]:
		delete(t.held, name)
		if u.Header.Type == unix.RTM_NEWLINK {
			if err := t.h.LinkSetNoMaster(u.Link); err != nil {
				return err
			}
		}
		if len(t.held) == 0 {
			return t.h.LinkDel(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: stolen}})
		}
	}
	return nil
}

func (t *thief) master() (netlink.Link, error) {
	if l, err := t.h.LinkByName(stolen); err == nil {
		if l.Type() != "bridge" {
			return nil, fmt.Errorf("%s is there already, of kind %s", stolen, l.Type())
		}
		return l, nil
	}
	a := netlink.NewLinkAttrs()
	a.Name = stolen
	if err := t.h.LinkAdd(&netlink.Bridge{LinkAttrs: a}); err != nil {
		return nil, err
	}
	return t.h.LinkByName(stolen)
}
