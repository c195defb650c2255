package bond

import (
	"fmt"
	"strings"
)

// Lines are the members as the operator reads them, one each:
// "eth0  current attached, enabled; partner 02:00:00:00:00:01 key 7 port 3; LACPDUs: 5 sent, 4 heard".
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
	enabled := map[bool]string{true: "enabled", false: "disabled"}[m.Enabled]
	if m.Active {
		enabled += ", in use"
	}
	switch {
	case m.Error != "":
		return m.Error
	case !m.Up:
		return "down"
	case !m.Carrier:
		return "no link"
	case !s.speaks():
		return enabled
	}
	attached := map[bool]string{true: "attached", false: "detached"}[m.Attached]
	text := fmt.Sprintf("%s %s, %s; ", m.Status, attached, enabled)
	if m.Partner.Known() {
		text += fmt.Sprintf("partner %s key %d port %d", m.Partner.System, m.Partner.Key, m.Partner.Port)
	} else {
		text += "no partner"
	}
	if m.Counted {
		text += fmt.Sprintf("; LACPDUs: %d sent, %d heard", m.Sent, m.Received)
	}
	return text
}
