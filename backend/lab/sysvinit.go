package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sysvinit makes the node look like one whose first process is sysvinit's, with the scripts that matter
// here: Open vSwitch before the network, as an administrator has to order them.
func (c nodeConfig) sysvinit() error {
	if err := os.WriteFile("/proc/self/comm", []byte("init"), 0); err != nil {
		return err
	}
	if !c.First {
		return nil
	}
	if err := os.Remove("/sbin/init"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	links, err := filepath.Glob("/etc/rc?.d/[SK]*")
	if err != nil {
		return err
	}
	for _, link := range links {
		if err := os.Remove(link); err != nil {
			return err
		}
	}
	for name, script := range map[string]string{"S10openvswitch-switch": "openvswitch-switch", "S12networking": "networking"} {
		if err := os.Symlink("../init.d/"+script, "/etc/rcS.d/"+name); err != nil {
			return err
		}
	}
	return nil
}

// runScripts does what sysvinit's rc does at a boot: the links of runlevel S, then those of 2, by their names.
func (l *Lab) runScripts(ctx context.Context) error {
	l.say("Running the scripts of sysvinit")
	for _, level := range []string{"S", "2"} {
		out, err := l.Host("sh", "-c", "ls /etc/rc"+level+".d | grep ^S || true").Output()
		if err != nil {
			return err
		}
		for link := range strings.FieldsSeq(string(out)) {
			if strings.HasSuffix(link, "openvswitch-switch") { // it would load kernel modules
				err = l.StartOVS(ctx)
			} else {
				err = l.host.run(ctx, "sh", "-c", "/etc/rc"+level+".d/"+link+" start </dev/null >>/var/log/boot 2>&1")
			}
			if err != nil && ctx.Err() != nil {
				return fmt.Errorf("%s: %w", link, err)
			}
		}
	}
	return nil
}
