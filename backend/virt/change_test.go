package virt

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/hosttest"
)

// slowSocket is libvirt's socket by way of somebody who delivers what has the marker only once released is closed.
func slowSocket(t *testing.T, marker string, released <-chan struct{}) (dir string) {
	dir = t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "libvirt-sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("unix", "/run/libvirt/libvirt-sock")
			if err != nil {
				from.Close()
				continue
			}
			go func() { _, _ = io.Copy(from, to); from.Close() }()
			go func() {
				defer to.Close()
				buf := make([]byte, 1<<16)
				for {
					n, err := from.Read(buf)
					if bytes.Contains(buf[:n], []byte(marker)) {
						<-released
					}
					if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
						return
					}
				}
			}()
		}
	}()
	return dir
}

// A change that was given up may still be carried out. Whoever looks then, as a rollback does, sees what came of it
// or that nobody knows yet; and nothing more of it is begun.
func TestChangeThatComesLate(t *testing.T) {
	hosttest.StartLibvirtd(t)
	direct := New(Options{})
	network := func(name, bridge string) string {
		return "<network><name>" + name + "</name><bridge name='" + bridge + "'/></network>"
	}
	defined := func(st backend.VirtState) (names string) {
		for _, n := range st.Networks {
			names += n.Name + " "
		}
		return names
	}
	released := make(chan struct{})
	v := New(Options{Timeout: time.Second, Dir: slowSocket(t, "late0", released)})
	state(t, v)

	err := v.change(t.Context(), "define two networks", v.networkDaemons(), func(c connection) error {
		if _, err := c.NetworkDefineXML(network("late", "late0")); err != nil {
			return err
		}
		_, err := c.NetworkDefineXML(network("never", "never0"))
		return err
	})
	var timeout *backend.TimeoutError
	if !errors.As(err, &timeout) {
		t.Fatalf("%v, want a TimeoutError", err)
	}
	if _, err := v.State(t.Context()); !errors.As(err, &timeout) || !strings.Contains(err.Error(), "cannot tell whether libvirt will yet define two networks") {
		t.Errorf("looked at while the change is on its way: %v", err)
	}
	if names := defined(state(t, direct)); strings.Contains(names, "late") {
		t.Fatalf("carried out already: %s", names)
	}
	close(released)
	if names := defined(state(t, v)); !strings.Contains(names, "late ") || strings.Contains(names, "never") {
		t.Errorf("afterwards there are %s", names)
	}
	if err := direct.UndefineNetwork(t.Context(), "late"); err != nil {
		t.Error(err)
	}
}
