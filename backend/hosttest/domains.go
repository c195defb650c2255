package hosttest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/domain"
)

// DomainEnv is what Virt has no part in: how domains come and go.
type DomainEnv struct {
	Start, Stop, Undefine func(name string)
	// Deaf guests let go of no NIC: they have no operating system that would.
	Deaf bool
}

// guestName is one that has to be quoted everywhere.
const guestName = `t 'a' "b" <c> & $d`

const (
	firstMAC  = "52:54:00:00:01:01"
	secondMAC = "52:54:00:00:01:02"
	newMAC    = "52:54:00:00:01:03"
)

const guestXML = `<domain type='qemu'>
  <name>t 'a' "b" &lt;c&gt; &amp; $d</name>
  <uuid>6e6c4e5c-3f4b-4d3a-9b62-8f4b0f1d2a99</uuid>
  <memory unit='MiB'>32</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <interface type='network'><mac address='52:54:00:00:01:01'/><source network='default'/><model type='virtio'/><boot order='1'/></interface>
    <interface type='network'><mac address='52:54:00:00:01:02'/><source network='default'/><model type='e1000'/></interface>
  </devices>
</domain>
`

// Domains holds what every backend.Virt promises of domains. The network default has to be active.
func Domains(t *testing.T, v backend.Virt, env DomainEnv) {
	for _, c := range []struct {
		name string
		test func(virtTest, DomainEnv)
	}{
		{"a dump defines the same domain", domainExact},
		{"a running domain keeps its NICs", domainRuns},
		{"a NIC is plugged in and out", domainPlug},
		{"what cannot be started is known before", domainUnfit},
		{"what makes no sense is refused", domainRefusals},
	} {
		t.Run(c.name, func(t *testing.T) {
			vt := virtTest{t, v}
			before := vt.state()
			vt.ok(v.DefineDomain(t.Context(), guestXML))
			c.test(vt, env)
			env.Undefine(guestName)
			vt.equal("the state afterwards", vt.state(), before)
		})
	}
}

func (t virtTest) domain() backend.Domain {
	t.Helper()
	for _, d := range t.state().Domains {
		if d.Name == guestName {
			return d
		}
	}
	t.Fatalf("there is no domain %s", guestName)
	return backend.Domain{}
}

// nics are the NICs that a domain has now, or will have, without their taps.
func nics(list []backend.DomainNIC) string {
	var out []string
	for _, n := range list {
		out = append(out, fmt.Sprintf("%s %s %s %s %d", n.MAC, n.Type, n.Source, n.Model, n.Tag))
	}
	return strings.Join(out, "; ")
}

const bothNICs = firstMAC + " network default virtio 0; " + secondMAC + " network default e1000 0"

func domainExact(t virtTest, _ DomainEnv) {
	before := t.domain()
	if before.Running || !before.Persistent || before.Saved || nics(before.NICs) != bothNICs {
		t.Errorf("defined: %+v", before)
	}
	text, err := t.v.DomainXML(t.Context(), guestName)
	t.ok(err)
	t.ok(t.v.DefineDomain(t.Context(), text))
	t.equal("defined by its dump", t.domain(), before)

	moved, err := domain.Move(text, secondMAC, domain.Source{Bridge: "tbr0", Tag: 7})
	t.ok(err)
	t.ok(t.v.DefineDomain(t.Context(), moved))
	t.equal("moved", nics(t.domain().NICs), firstMAC+" network default virtio 0; "+secondMAC+" bridge tbr0 e1000 7")
	was, err := domain.Element(text, secondMAC)
	t.ok(err)
	now, err := t.v.DomainXML(t.Context(), guestName)
	t.ok(err)
	back, err := domain.Restore(now, secondMAC, was)
	t.ok(err)
	t.ok(t.v.DefineDomain(t.Context(), back))
	t.equal("moved back", t.domain(), before)
}

func domainRuns(t virtTest, env DomainEnv) {
	text, err := t.v.DomainXML(t.Context(), guestName)
	t.ok(err)
	env.Start(guestName)
	if d := t.domain(); !d.Running || nics(d.NICs) != bothNICs || d.NICs[0].Target == "" || d.NICs[0].Target == d.NICs[1].Target {
		t.Errorf("started: %+v", d)
	}
	const mac = firstMAC + " bridge tbr0 virtio 0"
	moved, err := domain.Move(text, firstMAC, domain.Source{Bridge: "tbr0"})
	t.ok(err)
	t.ok(t.v.DefineDomain(t.Context(), moved))
	d := t.domain()
	t.equal("the NICs while it runs", nics(d.NICs), bothNICs)
	if will, err := domain.NICs(d.XML); err != nil || !strings.HasPrefix(nics(will), mac) {
		t.Errorf("the NICs of its next start are %s (%v)", nics(will), err)
	}
	env.Stop(guestName)
	if d := t.domain(); d.Running || !strings.HasPrefix(nics(d.NICs), mac) || d.NICs[0].Target != "" {
		t.Errorf("stopped: %+v", d)
	}
}

func domainPlug(t virtTest, env DomainEnv) {
	nic := domain.NIC(newMAC, "virtio", domain.Source{Network: "default"})
	t.ok(t.v.UnplugNIC(t.Context(), guestName, newMAC))
	t.refused("plugging into a domain that does not run", t.v.PlugNIC(t.Context(), guestName, nic))
	env.Start(guestName)
	defer env.Stop(guestName)
	defined := t.domain().XML
	for range 2 {
		t.ok(t.v.PlugNIC(t.Context(), guestName, nic))
		d := t.domain()
		t.equal("the NICs", nics(d.NICs), bothNICs+"; "+newMAC+" network default virtio 0")
		if d.XML != defined || d.NICs[2].Target == "" {
			t.Errorf("plugged in: %+v", d)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := t.v.UnplugNIC(ctx, guestName, newMAC); (err != nil) != env.Deaf {
		t.Errorf("unplugged: %v", err)
	}
	if !env.Deaf {
		t.ok(t.v.UnplugNIC(t.Context(), guestName, newMAC))
		t.equal("the NICs", nics(t.domain().NICs), bothNICs)
	}
}

func domainUnfit(t virtTest, _ DomainEnv) {
	before := t.state()
	list := []backend.Domain{{Name: "fit", Persistent: true, XML: t.domain().XML}, {Name: "transient"}}
	for name, text := range map[string]string{
		"/usr/bin/qemu-none": strings.Replace(guestXML, "qemu-system-x86_64", "qemu-none", 1),
		"pc-i440fx-99.0":     strings.Replace(guestXML, "machine='pc'", "machine='pc-i440fx-99.0'", 1),
	} {
		list = append(list, backend.Domain{Name: name, Persistent: true, XML: text})
		t.refused("a change of a domain with "+name, t.v.DefineDomain(t.Context(), text))
	}
	unfit, err := t.v.Unfit(t.Context(), list)
	t.ok(err)
	for _, d := range list {
		if why, is := unfit[d.Name]; is == strings.Contains("fit transient", d.Name) || is && !strings.Contains(why, d.Name) {
			t.Errorf("%s: %q", d.Name, why)
		}
	}
	t.equal("the state", t.state(), before)
}

func domainRefusals(t virtTest, env DomainEnv) {
	before := t.state()
	for what, text := range map[string]string{
		"nothing":                    "",
		"half of it":                 guestXML[:300],
		"a network":                  "<network><name>x</name></network>",
		"no name":                    "<domain type='qemu'><uuid>6e6c4e5c-3f4b-4d3a-9b62-8f4b0f1d2a98</uuid></domain>",
		"another UUID for this name": strings.Replace(guestXML, "8f4b0f1d2a99", "8f4b0f1d2a98", 1),
	} {
		t.refused("definition with "+what, t.v.DefineDomain(t.Context(), text))
	}
	_, err := t.v.DomainXML(t.Context(), "absent")
	t.refused("the definition of an absent domain", err)
	t.refused("plugging into an absent domain", t.v.PlugNIC(t.Context(), "absent", domain.NIC(newMAC, "virtio", domain.Source{Network: "default"})))
	t.equal("the state", t.state(), before)
	env.Start(guestName)
	defer env.Stop(guestName)
	before = t.state()
	t.refused("plugging in on a network that is not there", t.v.PlugNIC(t.Context(), guestName, domain.NIC(newMAC, "virtio", domain.Source{Network: "absent"})))
	t.refused("plugging in no NIC", t.v.PlugNIC(t.Context(), guestName, "<disk/>"))
	t.equal("the state", t.state(), before)
}
