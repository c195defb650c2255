// Package real puts the host together that this program runs on.
package real

import (
	"fmt"
	"os"
	"path/filepath"

	"bridgehead/backend"
	"bridgehead/backend/file"
	"bridgehead/backend/guard"
	"bridgehead/backend/link"
	"bridgehead/backend/ovs"
	"bridgehead/backend/packages"
	"bridgehead/backend/process"
	"bridgehead/backend/services"
	"bridgehead/backend/virt"
	"bridgehead/backend/virtinst"
)

// Options say which host is meant.
type Options struct {
	// Root is a directory whose files are read as if it were "/"; then no file can be
	// changed. Links, daemons and processes are those of the running system all the
	// same. "" and "/" mean the host itself.
	Root string
}

// Host returns the real host. Nothing is changed or looked at yet; it fails where the
// kernel cannot be talked to, or Root is no directory.
func Host(o Options) (backend.Host, error) {
	files, err := files(o.Root)
	if err != nil {
		return backend.Host{}, err
	}
	links, err := link.New()
	if err != nil {
		return backend.Host{}, err
	}
	libvirt := virt.New(virt.Options{})
	return backend.Host{
		Links:     links,
		Files:     files,
		Switch:    ovs.New(ovs.Options{}),
		Virt:      libvirt,
		Guests:    virtinst.New(libvirt),
		Packages:  packages.New(),
		Services:  services.New(),
		Processes: process.New(),
		Prober:    link.NewProber(links),
		Listener:  link.NewListener(links),
		Clock:     process.Clock(),
		Guard:     guard.New(),
	}, nil
}

func files(root string) (backend.Files, error) {
	if root == "" || filepath.Clean(root) == "/" {
		return file.New("/"), nil
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("cannot read files below %s: %w", root, err)
	}
	if st, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("cannot read files below %s: %w", root, err)
	} else if !st.IsDir() {
		return nil, fmt.Errorf("cannot read files below %s: it is not a directory", root)
	}
	return file.ReadOnly(root), nil
}
