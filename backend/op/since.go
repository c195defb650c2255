package op

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bridgehead/backend"
)

// A bridge or a port goes with all that is set on it, also with what somebody has set since: an undo says so before, and
// makes it again as it was where it is not kept.

// changedSince reads what is set by now on the rows that an operation made, with what it had set. Where that differs, it says
// so by a *ChangedError. A row that is gone is left as made: Verify says that it is missing.
//
// Rows that it refers to are more than Bridgehead can bring back: a mirror or a controller is gone with its
// bridge, and a QoS may be destroyed as long as no port has it, which would then keep the port from being made again.
func changedSince(ctx context.Context, h backend.Host, made []backend.Row) ([]backend.Row, error) {
	rows, err := h.Switch.Rows(ctx)
	if err != nil {
		return nil, err
	}
	now := slices.Clone(made)
	var differs []string
	for i, was := range made {
		at := slices.IndexFunc(rows, func(r backend.Row) bool { return r.Table == was.Table && r.Name == was.Name })
		if at < 0 {
			continue
		}
		now[i] = rows[at]
		if refs := refers(now[i]); len(refs) > 0 {
			return nil, fmt.Errorf("%s has got %s by now, which could not be brought back if the undo is not kept; first take that off: ovs-vsctl clear %s %s %s",
				rowText(was), strings.Join(refs, ", "), was.Table, quote(was.Name), strings.Join(refs, " "))
		}
		if kept := now[i].Kept; len(kept) > 0 {
			return nil, fmt.Errorf("%s is referred to by %s, so that none of its name could be made again; first take that off: ovs-vsctl destroy %s",
				rowText(was), kept[0], kept[0])
		}
		if text := drift(was.Set, now[i].Set); text != "" {
			differs = append(differs, rowText(was)+" has "+text+" since")
		}
	}
	if len(differs) > 0 {
		return now, &ChangedError{What: strings.Join(differs, "; ")}
	}
	return now, nil
}

func rowText(r backend.Row) string { return strings.ToLower(r.Table) + " " + r.Name }

// references are the columns that hold rows of other tables.
var references = []string{"auto_attach", "controller", "flow_tables", "ipfix", "mirrors", "netflow", "qos", "sflow"}

func refers(r backend.Row) (columns []string) {
	for _, s := range r.Set {
		column, _, _ := strings.Cut(s, "=")
		column, _, _ = strings.Cut(column, ":")
		if slices.Contains(references, column) && !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	return columns
}

// drift says what has been set or taken away: "got tag=7 instead of 5, stp_enable=true and lost other_config:a=b".
func drift(was, now []string) string {
	var got, lost []string
	value := func(in []string, key string) string {
		for _, s := range in {
			if v, ok := strings.CutPrefix(s, key+"="); ok {
				return v
			}
		}
		return ""
	}
	for _, s := range now {
		key, _, _ := strings.Cut(s, "=")
		switch old := value(was, key); {
		case slices.Contains(was, s):
		case old != "":
			got = append(got, s+" instead of "+old)
		default:
			got = append(got, s)
		}
	}
	for _, s := range was {
		if key, _, _ := strings.Cut(s, "="); value(now, key) == "" {
			lost = append(lost, s)
		}
	}
	var out []string
	if len(got) > 0 {
		out = append(out, "got "+strings.Join(got, ", "))
	}
	if len(lost) > 0 {
		out = append(out, "lost "+strings.Join(lost, ", "))
	}
	return strings.Join(out, " and ")
}

// setArgs sets what is on the rows, as further commands of a transaction.
func setArgs(rows []backend.Row) (args []string) {
	for _, r := range rows {
		if len(r.Set) > 0 {
			args = append(append(args, "--", "set", r.Table, r.Name), r.Set...)
		}
	}
	return args
}

// setOn is what is set on one of the rows.
func setOn(rows []backend.Row, table, name string) []string {
	for _, r := range rows {
		if r.Table == table && r.Name == name {
			return r.Set
		}
	}
	return nil
}

// newMembers refuses a port that has got NICs since, which would lose their connection with it.
func newMembers(ctx context.Context, h backend.Host, port string, members ...string) error {
	sw, err := runningSwitch(ctx, h)
	if err != nil {
		return err
	}
	p, _ := anyPort(sw, port)
	for _, i := range p.Interfaces {
		if !slices.Contains(members, i.Name) {
			return fmt.Errorf("port %s has %s as a member by now, which could not be brought back if the undo is not kept; first take it out", p.Name, i.Name)
		}
	}
	return nil
}
