package strike

import (
	"fmt"
	"slices"
	"strings"
)

// Case is one fault at one change of an operation of a kind.
type Case struct {
	Kind string
	Strike
}

func (c Case) String() string {
	verb, side := "doing", "before"
	if c.At.Undoing {
		verb = "undoing"
	}
	if c.After {
		side = "after"
	}
	return fmt.Sprintf("%s/%s %d %s, %s change %d", c.Fault, verb, c.At.Op, c.Kind, side, c.At.Call)
}

// Columns are the faults as they are counted, in the order of docs/faults.md.
var Columns = []string{"silence", "error before", "error after", "wizard killed", "rollback killed", "hang-up", "disk full", "read-only",
	"vswitchd dead", "vswitchd hung", "ovsdb dead", "ovsdb hung", "libvirtd dead", "libvirtd hung"}

// Column is where the case is counted.
func (c Case) Column() string {
	switch {
	case c.Fault == "error" && c.After:
		return "error after"
	case c.Fault == "error":
		return "error before"
	case c.Fault == "killed" && slices.Contains([]string{"rollback", "watch"}, c.At.Command):
		return "rollback killed"
	case c.Fault == "killed":
		return "wizard killed"
	}
	return c.Fault
}

// Cases are those of one command that makes these changes, at the operations of which struck says so. Errors and kills
// strike each operation before its first change and after its last one; the other faults strike it once, each at another change.
func Cases(changes []Change, faults []string, struck func(kind string) bool) []Case {
	var all []Case
	last := map[At]int{}
	kinds := map[At]Change{}
	var ops []At
	for _, c := range changes {
		op := c.At
		op.Call = 0
		if last[op] == 0 {
			ops = append(ops, op)
		}
		last[op], kinds[op] = c.At.Call, c
	}
	for _, op := range ops {
		if kinds[op].Kind == "" || !struck(kinds[op].Of) {
			continue
		}
		for _, fault := range faults {
			add := func(call int, after bool) {
				c := Case{kinds[op].Kind, Strike{At: op, Fault: fault, After: after}}
				c.At.Call = call
				all = append(all, c)
			}
			switch {
			case fault == "hang-up" && op.Command == "watch": // it has no terminal
			case fault == "error", fault == "killed":
				add(1, false)
				add(last[op], true)
			default:
				n := slices.Index(Faults, fault) + op.Op
				add(1+n%last[op], n/last[op]%2 == 1)
			}
		}
	}
	return all
}

// Without are the faults without those of a daemon that does not run.
func Without(daemon string) []string {
	return slices.DeleteFunc(slices.Clone(Faults), func(f string) bool { return strings.HasPrefix(f, daemon+" ") })
}

// Kinds are the kinds of operations of changes, those of which struck says so.
func Kinds(changes []Change, struck func(kind string) bool) []string {
	var kinds []string
	for _, c := range changes {
		if c.Kind != "" && struck(c.Of) {
			kinds = append(kinds, c.Kind)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}
