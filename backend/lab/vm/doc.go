// Package vm is a whole machine: Debian 12 in QEMU with its own kernel, the kernel's
// Open vSwitch datapath, systemd, ifupdown and a serial console, and beside it a peer
// that answers and asks. It shows what a host in namespaces cannot: what is
// left when the power goes, and what comes up after that.
//
// Nothing of it touches the machine that runs it: the peer speaks raw frames through
// a socket of QEMU's, and QEMU ends with the process that started it.
package vm
