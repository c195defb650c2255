package bond

import (
	"fmt"
	"strings"
)

// Lines are the members as the operator reads them, one each:
// "eth0  LACP heard, joined, carries traffic; switch 02:00:00:00:00:01 key 7 port 3; LACPDUs: 5 sent, 4 heard".
func (s State) Lines() []string {
	width := 0
	for _, m := range s.Members {
		width = max(width, len(m.Name))
	}
	var out []string
	for _, m := range s.Members {
		out = append(out, strings.TrimRight(fmt.Sprintf("%-*s  %s", width, m.Name, m.Words(s)), " "))
	}
	return out
}

// Words say how the member is now.
func (m Member) Words(s State) string {
	traffic := m.traffic(s)
	switch {
	case m.Error != "":
		return m.Error
	case !m.Up:
		return "down"
	case !m.Carrier:
		return "no link"
	case !s.speaks():
		return traffic
	}
	joined := map[bool]string{true: "joined", false: "not joined"}[m.Attached]
	text := fmt.Sprintf("%s, %s, %s", m.heard(), joined, traffic)
	if m.Partner.Known() {
		text += fmt.Sprintf("; switch %s key %d port %d", m.Partner.System, m.Partner.Key, m.Partner.Port)
	}
	if m.Counted {
		text += fmt.Sprintf("; LACPDUs: %d sent, %d heard", m.Sent, m.Received)
	}
	return text
}

// heard says what came from the switch. Of the states of IEEE 802.1AX's receive machine, "current" is a partner that
// talks, "expired" one that has just stopped, and "defaulted" none, or one that stopped long ago.
func (m Member) heard() string {
	switch {
	case m.Status == "current":
		return "LACP heard"
	case deserted(m):
		return "LACP stopped"
	}
	return "no LACP heard"
}

// traffic says what the member does now. The others of an active-backup bond are ready, and carry nothing.
func (m Member) traffic(s State) string {
	switch {
	case !m.Enabled:
		return "no traffic"
	case m.Active:
		return "carries traffic, in use"
	case s.Mode == ActiveBackup:
		return "stands by"
	}
	return "carries traffic"
}
