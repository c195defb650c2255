package packages

import (
	"slices"
	"strings"
)

// What apt-get 2.0 to 3.0 and dpkg say when they fail, in the C locale, and what helps.
// The first that fits is the one to follow.
var failures = []struct {
	says []string
	do   string
}{
	{[]string{"Could not get lock", "Unable to acquire the dpkg frontend lock", "Unable to lock"},
		"another package program is at work (often apt-daily or unattended-upgrades): wait until it has ended, then try again"},
	{[]string{"are you root?", "Permission denied"},
		"run as root"},
	{[]string{"No space left on device", "You don't have enough free space"},
		"free some space, for instance by apt-get clean, then try again"},
	{[]string{"dpkg was interrupted"},
		"an earlier installation was cut off: run dpkg --configure -a, then try again"},
	{[]string{"Could not resolve", "Temporary failure resolving", "Could not connect", "Unable to connect", "Cannot initiate the connection", "Connection timed out", "Connection failed", "Network is unreachable"},
		"the package server is out of reach: check network, DNS and proxy, run apt-get update, then try again"},
	{[]string{"Packages need to be removed"},
		"to install this, other packages would have to go: decide that by hand with apt-get install NAMES"},
	{[]string{"Unmet dependencies", "unmet dependencies", "held broken packages"},
		"see what stands in the way with apt-get install --no-install-recommends NAMES"},
	{[]string{"Failed to fetch", "is not signed", "Hash Sum mismatch"},
		"check /etc/apt/sources.list and what apt-get update says, then try again"},
	{unknown,
		"apt knows no such package, also after apt-get update: check the releases and components in /etc/apt/sources.list"},
	{[]string{"Sub-process /usr/bin/dpkg returned an error", "dpkg: error"},
		"see /var/log/apt/term.log; once mended, run dpkg --configure -a"},
}

// unknown is said of a package that is in none of the lists.
var unknown = []string{"Unable to locate package", "has no installation candidate", "Couldn't find any package"}

// stale says whether newer package lists may help: a package that is not in them, or
// one that the server has under a newer version only.
func stale(said []string) bool {
	return says(said, unknown...) || says(said, "404  Not Found", "404 Not Found")
}

func advice(said, names []string) string {
	for _, f := range failures {
		if says(said, f.says...) {
			return strings.ReplaceAll(f.do, "NAMES", strings.Join(names, " "))
		}
	}
	return "see what apt-get install " + strings.Join(names, " ") + " says"
}

// telling picks the lines that say why, at most the last three of them.
func telling(said []string) []string {
	var why []string
	for _, line := range said {
		text, ok := strings.CutPrefix(line, "E: ")
		if !ok {
			ok = strings.HasPrefix(line, "dpkg: error") || strings.HasPrefix(line, "W: Failed to fetch")
		}
		if ok && !slices.Contains(why, text) {
			why = append(why, text)
		}
	}
	if len(why) == 0 {
		why = said
	}
	return why[max(0, len(why)-3):]
}

func says(said []string, texts ...string) bool {
	return slices.ContainsFunc(said, func(line string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) })
	})
}
