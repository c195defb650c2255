package lab

import "context"

// PowerOff ends all of the host at once, as a power cut does, but that what it wrote and did
// not sync is there again after PowerOn: the page cache is the machine's.
func (l *Lab) PowerOff() error {
	if err := l.ctl.Call("Rack.Off", l.host.name, nil); err != nil {
		return err
	}
	// The kernel is in no hurry to remove a network namespace, and until then it answers.
	return l.sw.inNet(func() error {
		for i := range l.spec.NICs {
			if err := unplug(nicPort(i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// PowerOn starts the host after PowerOff: its files are what they were, its processes, addresses,
// routes and NICs new. It returns once the client reaches it.
func (l *Lab) PowerOn(ctx context.Context) error {
	if err := l.bootHost(); err != nil {
		return err
	}
	return l.startHost(ctx)
}

// Reboot is PowerOff and PowerOn.
func (l *Lab) Reboot(ctx context.Context) error {
	if err := l.PowerOff(); err != nil {
		return err
	}
	return l.PowerOn(ctx)
}
