package newvm

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Like are the operating systems, out of those that virt-install knows, whose names have all that is typed, or else begin
// most like it; the newest first.
func Like(systems []string, typed string) []string {
	typed = strings.ToLower(typed)
	for n := len(typed); n > 0; n-- {
		var out []string
		for _, s := range systems {
			if n == len(typed) && strings.Contains(s, typed) || strings.HasPrefix(s, typed[:n]) {
				out = append(out, s)
			}
		}
		if len(out) > 0 && (n == len(typed) || n > 2) {
			slices.SortFunc(out, func(a, b string) int { return -byNumber(a, b) })
			return out
		}
	}
	return nil
}

var parts = regexp.MustCompile(`[0-9]+|[^0-9]+`)

// byNumber compares names so that debian9 comes before debian12.
func byNumber(a, b string) int {
	return slices.CompareFunc(parts.FindAllString(a, -1), parts.FindAllString(b, -1), func(x, y string) int {
		m, errX := strconv.Atoi(x)
		n, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return cmp.Compare(m, n)
		}
		return cmp.Compare(x, y)
	})
}
