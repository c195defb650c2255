// Package golden holds what the operator sees, byte for byte: screens at 80x24,
// plans, scripts, diffs of /etc/network/interfaces, libvirt's XML. Each is made
// by its test from keys or answers on the simulated host.
//
//	go test ./golden           compares
//	go test ./golden -update   writes what differs, and removes what no test makes
//
// Read a changed golden as the operator would before committing it.
package golden
