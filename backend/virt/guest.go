package virt

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/digitalocean/go-libvirt"
)

func (v *Libvirt) storageDaemons() []endpoint {
	return []endpoint{
		{filepath.Join(v.opts.Dir, "libvirt-sock"), "qemu:///system"},
		{filepath.Join(v.opts.Dir, "virtstoraged-sock"), "storage:///system"},
	}
}

// Pools are the names of libvirt's storage pools, sorted.
func (v *Libvirt) Pools(ctx context.Context) (names []string, err error) {
	err = v.with(ctx, "list libvirt's storage pools", v.storageDaemons(), func(c connection) error {
		pools, _, err := c.ConnectListAllStoragePools(1, 0)
		for _, p := range pools {
			names = append(names, p.Name)
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// RemovePool makes libvirt forget a storage pool; the files in its directory stay. An absent one is no error.
func (v *Libvirt) RemovePool(ctx context.Context, name string) error {
	return v.change(ctx, "remove the storage pool "+name, v.storageDaemons(), func(c connection) error {
		p, err := c.StoragePoolLookupByName(name)
		if isError(err, libvirt.ErrNoStoragePool) {
			return nil
		}
		if err != nil {
			return err
		}
		if active, err := c.StoragePoolIsActive(p); err != nil {
			return err
		} else if active != 0 {
			if err := c.StoragePoolDestroy(p); err != nil {
				return err
			}
		}
		return c.StoragePoolUndefine(p)
	})
}

// RemoveDomain ends the domain with this UUID and removes its definition, with its saved state, snapshots'
// descriptions and firmware variables. Disks stay. An absent one is no error.
func (v *Libvirt) RemoveDomain(ctx context.Context, uuid string) error {
	id, err := hex.DecodeString(strings.ReplaceAll(uuid, "-", ""))
	if err != nil || len(id) != libvirt.UUIDBuflen {
		return fmt.Errorf("cannot remove the domain: %q is no UUID", uuid)
	}
	return v.change(ctx, "remove the domain", v.domainDaemons(), func(c connection) error {
		d, err := c.DomainLookupByUUID(libvirt.UUID(id))
		if isError(err, libvirt.ErrNoDomain) {
			return nil
		}
		if err != nil {
			return err
		}
		if active, err := c.DomainIsActive(d); err != nil {
			return err
		} else if active != 0 {
			if err := c.DomainDestroy(d); err != nil {
				return err
			}
		}
		err = c.DomainUndefineFlags(d, libvirt.DomainUndefineManagedSave|libvirt.DomainUndefineSnapshotsMetadata|libvirt.DomainUndefineNvram)
		if isError(err, libvirt.ErrNoDomain) { // a transient one is gone when it has ended
			return nil
		}
		return err
	})
}
