package survey

import "strings"

// entry is one assignment of a file with sections, as systemd.syntax(7) and
// NetworkManager's keyfiles have them.
type entry struct {
	section, key, value string
	line                int
}

// parseINI reads such a file. It never fails: what is neither a section, a
// comment nor an assignment is passed over, as the programs themselves do. A
// backslash at the end of a line joins the next one; comments between are dropped.
func parseINI(text string) []entry {
	var entries []entry
	var section, joined string
	first, n := 0, 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if joined == "" {
			first = n
		}
		if rest, more := strings.CutSuffix(line, `\`); more {
			joined += rest + " "
			continue
		}
		line, joined = joined+line, ""
		if strings.HasPrefix(line, "[") {
			section = strings.TrimSuffix(line[1:], "]")
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok {
			entries = append(entries, entry{section, strings.TrimSpace(key), strings.TrimSpace(value), first})
		}
	}
	return entries
}

// last returns the entry that decides: the last one of that section and key.
func last(entries []entry, section, key string) (entry, bool) {
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].section == section && entries[i].key == key {
			return entries[i], true
		}
	}
	return entry{}, false
}

// truth is a boolean as systemd and GLib write it.
func truth(s string) bool {
	switch strings.ToLower(s) {
	case "1", "yes", "true", "on", "y", "t":
		return true
	}
	return false
}
