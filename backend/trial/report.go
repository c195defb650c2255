package trial

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"bridgehead/backend"
	"bridgehead/backend/plan"
)

// reportName is the file in a run's directory that says, for people, what it did and how it ended.
const reportName = "report.txt"

// ReportPath is where the report of a finished run is.
func (t *Trial) ReportPath(id string) string { return filepath.Join(t.history(id), reportName) }

// BeforePath is where a finished run keeps the files as they were before it.
func (t *Trial) BeforePath(id string) string { return filepath.Join(t.history(id), "before", "files") }

// Report says for people what a finished run did, where the old files are, how it is undone, and what to do next.
func (t *Trial) Report(s Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Bridgehead: the change of %s on %s\n\n%s\n", s.ID, s.Plan.Host, s.result())
	fmt.Fprintf(&b, "Began %s, ended %s.\n\n", minute(s.Began), minute(s.Ended))
	for _, n := range s.Notes {
		b.WriteString(n + "\n\n")
	}
	if s.Remains != "" {
		b.WriteString(s.Remains + "\n\n")
	}
	if s.Phase != Confirmed {
		b.WriteString("What was tried:\n\n")
	}
	b.WriteString(s.Plan.Picture.Text() + "\nWhat was done:\n")
	for _, o := range s.Ops {
		fmt.Fprintf(&b, "  %-11s %s\n", o.State, o.Text)
		if o.Error != "" {
			fmt.Fprintf(&b, "  %-11s %s\n", "", o.Error)
		}
	}
	fmt.Fprintf(&b, "\nThe files as they were before:\n  %s\n", t.BeforePath(s.ID))
	if s.Phase == Confirmed && s.Undoes == "" {
		fmt.Fprintf(&b, "\nTake it back, under the same guard:\n  bridgehead undo %s\n", s.ID)
		for _, h := range s.Plan.Next() {
			fmt.Fprintf(&b, "\n%s\n  %s\n", h.What, h.Command)
		}
	}
	if changes := s.Plan.Changes(); len(changes) > 0 {
		b.WriteString("\nThe changes")
		if s.Phase != Confirmed {
			b.WriteString(", as they were planned")
		}
		b.WriteString(":\n")
		for _, c := range changes {
			b.WriteString(plan.Diff(c))
		}
	}
	return b.String()
}

// result is how the run ended.
func (s Status) result() string {
	what := "The change"
	if s.Undoes != "" {
		what = "This took back the change of " + s.Undoes + ". It"
	}
	switch s.Phase {
	case Confirmed:
		return what + " was confirmed and is in force, also after a restart of the host."
	case RolledBack:
		return what + " was taken back: " + s.Reason + ". The host is as it was before; that was verified."
	case Incomplete:
		return what + " was taken back: " + s.Reason + ". Not everything could be restored:\n  - " + strings.Join(s.Left, "\n  - ")
	}
	return what + " is " + string(s.Phase) + "."
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// writeReport leaves the report beside the journal. The run has ended without it: that it cannot be
// written, on a full disk for example, changes nothing.
func (t *Trial) writeReport(r *run) {
	_ = t.Host.Files.Write(r.path(reportName), backend.File{Exists: true, Mode: 0o600, Data: []byte(t.Report(r.status()))})
}
