package virt

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bridgehead/backend/hosttest"
)

// A domain that runs is ended and gone with its definition, a storage pool is forgotten; twice is no error.
func TestRemovedDomainAndPool(t *testing.T) {
	hosttest.StartLibvirtd(t)
	v := New(Options{Timeout: time.Minute})
	const plain = `<domain type='qemu'><name>a'"&lt;b&gt;</name><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>`
	dir := t.TempDir()
	err := v.with(t.Context(), "make a domain and a pool", v.domainDaemons(), func(c connection) error {
		d, err := c.DomainDefineXML(plain)
		if err != nil {
			return err
		}
		if err := c.DomainCreate(d); err != nil {
			return err
		}
		p, err := c.StoragePoolDefineXML(fmt.Sprintf("<pool type='dir'><name>tried</name><target><path>%s</path></target></pool>", dir), 0)
		if err != nil {
			return err
		}
		return c.StoragePoolCreate(p, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	before := state(t, v).Domains
	if pools, err := v.Pools(t.Context()); err != nil || !slices.Contains(pools, "tried") || len(before) != 1 || !before[0].Running {
		t.Fatalf("pools %v, domains %+v, %v", pools, before, err)
	}
	for range 2 {
		if err := v.RemoveDomain(t.Context(), before[0].UUID); err != nil {
			t.Error(err)
		}
		if err := v.RemovePool(t.Context(), "tried"); err != nil {
			t.Error(err)
		}
	}
	if pools, err := v.Pools(t.Context()); err != nil || slices.Contains(pools, "tried") || len(state(t, v).Domains) != 0 {
		t.Errorf("left: pools %v, domains %+v, %v", pools, state(t, v).Domains, err)
	}
	if err := v.RemoveDomain(t.Context(), "a'; b"); err == nil {
		t.Error("what is no UUID is taken")
	}
}
