package ovs

import (
	"encoding/json"
	"regexp"
	"strings"
)

// CommandLine returns the ovs-vsctl command line that Transact runs for args, as an
// operator would type it into a shell.
func CommandLine(args ...string) string {
	return shell(append([]string{"ovs-vsctl"}, args...))
}

// plain words need no quotes in any shell.
var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*$`)

func shell(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if !plain.MatchString(w) {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		out[i] = w
	}
	return strings.Join(out, " ")
}

// bare is a value that needs no quotes in the database's notation.
var bare = regexp.MustCompile(`^[A-Za-z0-9_.+/-]+$`)

// Word returns s as the key or the value of a setting: in double quotes only where it needs them.
func Word(s string) string {
	if bare.MatchString(s) {
		return s
	}
	return Quote(s)
}

// Quote returns s as a string in the database's notation, for the value of an
// argument like mac="52:54:00:12:34:56" (ovs-vsctl(8), "Database Values"). It is
// always in double quotes: without them a colon is an error, and true a boolean.
func Quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
