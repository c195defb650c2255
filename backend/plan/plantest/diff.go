package plantest

import "github.com/aymanbagabas/go-udiff"

// Diff is what differs between two snapshots, "" where nothing does.
func Diff(before, now string) string { return udiff.Unified("before", "now", before, now) }
