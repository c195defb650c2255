package virt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// DefineNetwork implements backend.Virt. A network of the same name is replaced by
// the new definition; it keeps its UUID where the definition has none.
func (v *Libvirt) DefineNetwork(ctx context.Context, text string) error {
	var parsed libvirtxml.Network
	if err := parsed.Unmarshal(text); err != nil {
		return fmt.Errorf("cannot define the network: its XML is wrong: %w", err)
	}
	return v.change(ctx, "define the network "+parsed.Name, v.networkDaemons(), func(c connection) error {
		old, err := c.NetworkLookupByName(parsed.Name)
		if err != nil && !isError(err, libvirt.ErrNoNetwork) {
			return err
		}
		if err == nil && parsed.UUID == "" {
			if text, err = withUUID(text, uuid(old.UUID)); err != nil {
				return err
			}
		}
		_, err = c.NetworkDefineXML(text)
		return err
	})
}

// withUUID puts a UUID into the definition of a network and changes nothing else.
func withUUID(text, uuid string) (string, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return "", errors.New("the XML has no element")
		}
		if err != nil {
			return "", err
		}
		if _, ok := token.(xml.StartElement); ok {
			at := d.InputOffset()
			if strings.HasSuffix(text[:at], "/>") {
				return "", errors.New("the XML has no name")
			}
			return text[:at] + "<uuid>" + uuid + "</uuid>" + text[at:], nil
		}
	}
}

// UndefineNetwork implements backend.Virt. A network that is active goes on as a
// transient one until it is stopped; one that is absent or transient is no error.
func (v *Libvirt) UndefineNetwork(ctx context.Context, name string) error {
	return v.onNetwork(ctx, "undefine", name, false, func(c connection, n libvirt.Network) error {
		persistent, err := c.NetworkIsPersistent(n)
		if err != nil || persistent == 0 {
			return err
		}
		return c.NetworkUndefine(n)
	})
}

// StartNetwork implements backend.Virt. A network that is active is no error.
func (v *Libvirt) StartNetwork(ctx context.Context, name string) error {
	return v.onNetwork(ctx, "start", name, true, func(c connection, n libvirt.Network) error {
		active, err := c.NetworkIsActive(n)
		if err != nil || active != 0 {
			return err
		}
		return c.NetworkCreate(n)
	})
}

// StopNetwork implements backend.Virt. A network that is inactive or absent is no
// error. Running guests on it lose their link: look at the domains first.
func (v *Libvirt) StopNetwork(ctx context.Context, name string) error {
	return v.onNetwork(ctx, "stop", name, false, func(c connection, n libvirt.Network) error {
		active, err := c.NetworkIsActive(n)
		if err != nil || active == 0 {
			return err
		}
		return c.NetworkDestroy(n)
	})
}

// AutostartNetwork implements backend.Virt.
func (v *Libvirt) AutostartNetwork(ctx context.Context, name string, on bool) error {
	what, value := "disable autostart of", int32(0)
	if on {
		what, value = "enable autostart of", 1
	}
	return v.onNetwork(ctx, what, name, on, func(c connection, n libvirt.Network) error {
		now, err := c.NetworkGetAutostart(n)
		if err != nil || now == value {
			return err
		}
		err = c.NetworkSetAutostart(n, value)
		if err != nil && on && v.removeStaleLink(name) {
			err = c.NetworkSetAutostart(n, value)
		}
		return err
	})
}

// removeStaleLink removes the link that starts a network with the host, of a network that libvirt says it does not start. It
// is left where libvirt could not undefine a network, its files being read-only: libvirt has forgotten it by then
// (virNetworkObjDeleteConfig, virnetworkobj.c), and will not make it again as long as it is there.
func (v *Libvirt) removeStaleLink(name string) bool {
	path := filepath.Join(v.opts.Config, "qemu", "networks", "autostart", name+".xml")
	st, err := os.Lstat(path)
	return err == nil && st.Mode()&fs.ModeSymlink != 0 && os.Remove(path) == nil
}

// onNetwork calls do with a network. Where there is none, that is an error only if it
// is needed.
func (v *Libvirt) onNetwork(ctx context.Context, what, name string, needed bool, do func(connection, libvirt.Network) error) error {
	return v.change(ctx, what+" the network "+name, v.networkDaemons(), func(c connection) error {
		n, err := c.NetworkLookupByName(name)
		if err == nil {
			err = do(c, n)
		}
		if !needed && isError(err, libvirt.ErrNoNetwork) {
			return nil
		}
		return err
	})
}
