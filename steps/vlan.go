package steps

import (
	"fmt"
	"strconv"

	"bridgehead/backend/survey"
)

// managed is the VLAN link of nic that the host is addressed by, where nic itself has no address.
func (w *Wizard) managed(nic survey.NIC) (survey.NIC, bool) {
	if w.facts.Addressed(nic) {
		return survey.NIC{}, false
	}
	for _, v := range w.facts.VLANs(nic.Name) {
		if w.facts.Addressed(v) {
			return v, true
		}
	}
	return survey.NIC{}, false
}

// tag is the one that the port needs, "" for none.
func (w *Wizard) tag(nic survey.NIC) string {
	v, ok := w.managed(nic)
	if !ok {
		return ""
	}
	return number(v.VLAN)
}

// source is the link whose address moves: the NIC chosen, or its link of the VLAN chosen.
func (w *Wizard) source() survey.NIC {
	tag, _ := strconv.Atoi(w.draft.Tag)
	if v, ok := w.facts.Tagged(w.draft.NIC, tag); ok {
		return v
	}
	return w.nic()
}

// checkTag wants the tag without which the host's address would stay where its frames do not reach the bridge.
func (p *bridgePage) checkTag(s string) error {
	if err := numberIn(1, 4094)(s); err != nil {
		return err
	}
	if v, ok := p.w.managed(p.w.nic()); ok && s != number(v.VLAN) {
		return fmt.Errorf("the host's address is on %s: give its VLAN, %d", v.Name, v.VLAN)
	}
	return nil
}
