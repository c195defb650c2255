package bond

// State is a bond as it runs. Members are in the order in which they were asked for.
type State struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"` // OVS or Kernel
	Mode       string   `json:"mode"`
	LACP       string   `json:"lacp"` // Active, Passive or Off
	Fallback   bool     `json:"fallback,omitempty"`
	Rate       string   `json:"rate,omitempty"`
	System     string   `json:"system,omitempty"`     // its own LACP system id
	Negotiated bool     `json:"negotiated,omitempty"` // what the bond itself says; it lags behind, believe Working
	Members    []Member `json:"members"`
}

// Member is one member of a bond as it runs.
type Member struct {
	Name    string `json:"name"`
	MAC     string `json:"mac,omitempty"`
	Up      bool   `json:"up"`
	Carrier bool   `json:"carrier"`
	Error   string `json:"error,omitempty"` // why Open vSwitch could not open it
	// Configured says what it still is besides a member: "it has the address 192.0.2.1/24".
	Configured string `json:"configured,omitempty"`
	// Cabled is the switch and its port, where LLDP told.
	Cabled string `json:"cabled,omitempty"`

	Status   string  `json:"status,omitempty"` // of LACP: current, expired, defaulted
	Attached bool    `json:"attached"`         // LACP put it into the aggregate
	Enabled  bool    `json:"enabled"`          // the bond sends and receives on it
	Active   bool    `json:"active,omitempty"` // the one in use, of active-backup
	Partner  Partner `json:"partner"`

	Sent     int  `json:"sent"`     // LACPDUs since the bond was made
	Received int  `json:"received"` // and those that came
	Counted  bool `json:"counted,omitempty"`
	Flaps    int  `json:"flaps,omitempty"` // changes of carrier, losses of a kernel bond's, since the bond was made
}

// Partner is the other side of a member, as LACP tells it.
type Partner struct {
	System string `json:"system,omitempty"` // "00:00:00:00:00:00" and "": nobody
	Key    int    `json:"key"`
	Port   int    `json:"port"`
	Synced bool   `json:"synced"`
}

// Known says that a partner has spoken.
func (p Partner) Known() bool { return p.System != "" && p.System != nobody }

const nobody = "00:00:00:00:00:00"

// speaks says that the bond is meant to negotiate.
func (s State) speaks() bool { return s.LACP == Active || s.LACP == Passive }

// Working are the members that carry traffic: enabled, and with LACP attached to a
// partner whose word is not old.
func (s State) Working() []Member {
	var out []Member
	for _, m := range s.Members {
		if m.works(s) {
			out = append(out, m)
		}
	}
	return out
}

func (m Member) works(s State) bool {
	live := m.Up && m.Carrier && m.Enabled && m.Error == ""
	if !s.speaks() || s.fellBack() {
		return live
	}
	return live && m.Attached && m.Status == "current" && m.Partner.Known()
}

// fellBack says that the bond does without LACP, as it was told to.
func (s State) fellBack() bool {
	if !s.Fallback || !s.speaks() {
		return false
	}
	for _, m := range s.Members {
		if m.Attached && m.Status == "current" {
			return false
		}
	}
	return true
}

// Settled says that every member that could work does, so that there is nothing to wait for.
func (s State) Settled() bool {
	for _, m := range s.Members {
		if !m.works(s) {
			return false
		}
	}
	return len(s.Members) > 0 && !s.fellBack()
}
