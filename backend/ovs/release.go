package ovs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// kernelDatapath is the one datapath that all bridges of type system share.
const kernelDatapath = "ovs-system"

// Release implements backend.Switch, with ovs-dpctl(8), which speaks to the kernel's
// datapath and to no daemon.
//
// An ovs-vswitchd that lives takes a NIC again within milliseconds as long as the database says that it is a
// port, and a database that hangs cannot be changed: then ovs-vswitchd has to go, or the host stays deaf. It
// leaves the datapath as it is, and does not come back before it is started.
//
// The userspace datapath's internal ports are taps that outlive a dead ovs-vswitchd
// (TUNSETPERSIST, netdev-linux.c): they are removed. Its NICs it leaves promiscuous: they no longer are, unless an
// ovs-vswitchd that lives has them.
func (s *Switch) Release(ctx context.Context, nic string) error {
	if done, err := releaseTap(nic); done {
		return err
	}
	err := s.takeOut(ctx, nic)
	if s.has(ctx, nic) {
		return err
	}
	return errors.Join(err, calm(nic))
}

// has says whether an ovs-vswitchd that lives has the NIC, which it says by itself, without the database. Then the NIC has
// to be promiscuous, or the VMs behind it get nothing.
func (s *Switch) has(ctx context.Context, nic string) bool {
	out, _ := s.run(ctx, s.readTimeout(), "ovs-appctl", "dpif/show")
	for line := range strings.Lines(out) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == nic { // "    eth0 1/2: (system)"
			return true
		}
	}
	return false
}

// takeOut takes the NIC out of the kernel's datapath.
func (s *Switch) takeOut(ctx context.Context, nic string) error {
	held, err := holds(nic)
	if err != nil || !held {
		return err
	}
	freeErr := s.free(ctx, nic)
	if again, err := s.takenAgain(ctx, nic); err != nil {
		return err
	} else if again {
		_, exitErr := s.run(ctx, s.readTimeout(), "ovs-appctl", "exit")
		for s.switchAnswers(ctx) && exitErr == nil && ctx.Err() == nil { // it ends once it has done what it is at
			<-time.After(10 * time.Millisecond)
		}
		freeErr = errors.Join(exitErr, s.free(ctx, nic))
	}
	if held, err = holds(nic); err == nil && held {
		err = errors.Join(freeErr, errors.New("it is still in it"))
	}
	if err != nil {
		return fmt.Errorf("cannot take %s out of the datapath: %w", nic, err)
	}
	return nil
}

// calm ends the promiscuous mode in which a dead ovs-vswitchd left the NIC. The next one takes that for what it was like before.
func calm(nic string) error {
	l, err := netlink.LinkByName(nic)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) || err == nil && l.Attrs().RawFlags&unix.IFF_PROMISC == 0 {
		return nil
	}
	if err == nil {
		err = netlink.SetPromiscOff(l)
	}
	if err != nil {
		return fmt.Errorf("cannot end the promiscuous mode of %s: %w", nic, err)
	}
	return nil
}

// releaseTap removes the link if it is a tap.
func releaseTap(name string) (done bool, err error) {
	l, err := netlink.LinkByName(name)
	if err != nil || l.Type() != tapKind {
		return false, nil
	}
	if err := netlink.LinkDel(l); err != nil {
		return true, fmt.Errorf("cannot remove %s: %w", name, err)
	}
	return true, nil
}

// tapKind is what the library calls a tap.
const tapKind = "tuntap"

// free takes a link out of the datapath. A NIC that still says that it belongs to it after that is freed
// as from any other master.
func (s *Switch) free(ctx context.Context, nic string) error {
	_, err := s.run(ctx, s.readTimeout(), "ovs-dpctl", "del-if", kernelDatapath, nic)
	l, linkErr := netlink.LinkByName(nic)
	if linkErr != nil || l.Type() == internalKind || l.Attrs().MasterIndex == 0 {
		return err
	}
	return errors.Join(err, netlink.LinkSetNoMaster(l))
}

// retakeTime is how long a busy ovs-vswitchd may take to see that a port is gone.
const retakeTime = time.Second

// takenAgain says whether the datapath still has the link, or has it again, by an ovs-vswitchd that answers.
func (s *Switch) takenAgain(ctx context.Context, nic string) (bool, error) {
	if !s.switchAnswers(ctx) {
		return false, nil
	}
	for end := time.Now().Add(retakeTime); ; <-time.After(10 * time.Millisecond) {
		held, err := holds(nic)
		if err != nil || held || time.Now().After(end) {
			return held, err
		}
	}
}

func (s *Switch) switchAnswers(ctx context.Context) bool {
	_, err := s.run(ctx, s.readTimeout(), "ovs-appctl", "version")
	return err == nil
}

// internalKind is the rtnetlink kind of internal ports, which have no master.
const internalKind = "openvswitch"

// holds says whether the kernel's datapath has the link.
func holds(nic string) (bool, error) {
	l, err := netlink.LinkByName(nic)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if l.Type() == internalKind || l.Attrs().MasterIndex == 0 {
		return l.Type() == internalKind, nil
	}
	master, err := netlink.LinkByIndex(l.Attrs().MasterIndex)
	return err == nil && master.Attrs().Name == kernelDatapath, err
}
