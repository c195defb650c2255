package interfaces

import (
	"fmt"
	"slices"
)

// Bond is a bond of the kernel, which ifup makes at boot.
type Bond struct {
	Name    string
	Mode    string // active-backup, 802.3ad
	MAC     string
	MTU     int
	Rate    string // of LACP; "" without
	Members []string
}

// AddBond adds the stanza of a bond. It says in plain commands of ip(8) what it does, and so needs no
// package that Debian does not install by itself (the bond-* options are those of ifenslave, and without it ifup
// passes over them in silence). A NIC that is missing at boot costs that member, and not the bond.
func (c *Config) AddBond(b Bond) error {
	if err := checkName("the bond", b.Name); err != nil {
		return err
	}
	if stanzas, err := c.Interface(b.Name); err != nil || len(stanzas) > 0 {
		return fmt.Errorf("cannot add the bond %s: it has a stanza already", b.Name)
	}
	if _, err := c.concerns(b.Name, "", ""); err != nil {
		return fmt.Errorf("cannot add the bond %s: %w", b.Name, err)
	}
	e := &edit{c: c, lines: map[place]*lineEdit{}}
	e.append(b.stanza("\t"))
	next, err := e.result()
	if err != nil {
		return err
	}
	if err := sameOthers(c, next, b.Name, b.Name); err != nil {
		return err
	}
	made, err := next.Interface(b.Name)
	if err != nil || len(made) != 1 || !made[0].Auto {
		return fmt.Errorf("%w: the bond %s would not come up at boot", errEdit, b.Name)
	}
	*c = *next
	return nil
}

func (b Bond) stanza(indent string) []string {
	add := fmt.Sprintf("pre-up ip link add $IFACE address %s mtu %d type bond mode %s miimon 100", b.MAC, b.MTU, b.Mode)
	if b.Rate != "" {
		add += " lacp_rate " + b.Rate
	}
	lines := []string{add + " || true"} // it may be there
	for _, nic := range slices.Sorted(slices.Values(b.Members)) {
		lines = append(lines, fmt.Sprintf("pre-up ip link set %[1]s down && ip link set %[1]s master $IFACE && ip link set %[1]s up || true", nic))
	}
	lines = append(lines, "up ip link set $IFACE up", "down ip link set $IFACE down", "post-down ip link delete $IFACE")
	out := []string{"auto " + b.Name, "iface " + b.Name + " inet manual"}
	for _, l := range lines {
		out = append(out, indent+l)
	}
	return out
}
