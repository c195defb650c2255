package virt

import (
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/domain"
	"bridgehead/backend/hosttest"
)

// libvirt's test driver, over the same socket: a host of its own inside libvirtd, which lasts as long as somebody is
// connected to it.
func TestOnTestDriver(t *testing.T) {
	hosttest.StartLibvirtd(t)
	v := New(Options{Timeout: time.Minute})
	v.uri = "test:///default"
	held, done, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- v.with(t.Context(), "stay connected", v.networkDaemons(), func(connection) error {
			close(held)
			<-done
			return nil
		})
	}()
	<-held
	defer func() {
		close(done)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	st := state(t, v)
	if !st.Available || len(st.Networks) != 1 || len(st.Domains) != 1 || len(st.Domains[0].NICs) != 1 || !st.Domains[0].Running {
		t.Fatalf("the test driver's host is %+v", st)
	}
	// It keeps one definition of a network, the active one, undefines none that runs, and takes no port groups.
	hosttest.Virt(t, v, "a new definition replaces the old", "undefined while active", "port groups of a network that is active", "what makes no sense is refused")

	const mac = "aa:bb:cc:dd:ee:ff" // its one VM's
	was := st.Domains[0]
	move := func(edit func(text string) (string, error)) backend.Domain {
		t.Helper()
		text, err := v.DomainXML(t.Context(), was.Name)
		if err == nil {
			text, err = edit(text)
		}
		if err == nil {
			err = v.DefineDomain(t.Context(), text)
		}
		if err != nil {
			t.Fatal(err)
		}
		return state(t, v).Domains[0]
	}
	for _, to := range []domain.Source{{Network: "default", PortGroup: "office"}, {Network: "default", Tag: 7}, {Bridge: "br0"}, {Bridge: "br0", Tag: 4094}} {
		now := move(func(text string) (string, error) { return domain.Move(text, mac, to) })
		if on, err := domain.On(now.XML, mac, to); err != nil || !on || !now.Running {
			t.Errorf("moved to %+v: %v\n%s", to, err, now.XML)
		}
		now = move(func(text string) (string, error) {
			element, err := domain.Element(was.XML, mac)
			if err != nil {
				return "", err
			}
			return domain.Restore(text, mac, element)
		})
		if now.XML != was.XML {
			t.Errorf("back from %+v it is\n%s\nand was\n%s", to, now.XML, was.XML)
		}
	}
	now := move(func(text string) (string, error) {
		return domain.Add(text, domain.NIC("52:54:00:00:00:77", "virtio", domain.Source{Bridge: "br0"}))
	})
	if !strings.Contains(now.XML, "52:54:00:00:00:77") {
		t.Errorf("with a NIC more it is\n%s", now.XML)
	}
	if now = move(func(text string) (string, error) { return domain.Remove(text, "52:54:00:00:00:77", was.XML) }); now.XML != was.XML {
		t.Errorf("without it, it is\n%s\nand was\n%s", now.XML, was.XML)
	}
	if unfit, err := v.Unfit(t.Context(), st.Domains); err != nil || len(unfit) > 0 {
		t.Errorf("unfit: %v %v", unfit, err)
	}
}
