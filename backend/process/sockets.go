package process

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"bridgehead/backend"
)

// established is TCP_ESTABLISHED in /proc/net/tcp (the kernel's tcp_states.h).
const established = "01"

// Sockets returns the established TCP sockets of the network namespace. PIDs
// is only filled where the connection leaves the host: to find them means to look
// at every open file of every process.
func (table) Sockets(ctx context.Context) ([]backend.Socket, error) {
	var all []backend.Socket
	wanted := map[string]int{} // link text of an open file → index in all
	for _, name := range []string{"tcp", "tcp6"} {
		// thread-self: /proc/net is the namespace of the process's first thread.
		file, err := os.Open("/proc/thread-self/net/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list connections: %w", err)
		}
		err = eachTCP(file, func(s backend.Socket, inode string) {
			if !s.Local.Addr().IsLoopback() {
				wanted["socket:["+inode+"]"] = len(all)
			}
			all = append(all, s)
		})
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("cannot list connections: %w", err)
		}
	}
	if len(wanted) == 0 {
		return all, nil
	}
	return all, holders(ctx, all, wanted)
}

// holders enters into each socket the processes that have it open.
func holders(ctx context.Context, all []backend.Socket, wanted map[string]int) error {
	pids, err := running()
	if err != nil {
		return fmt.Errorf("cannot tell whose connections they are: %w", err)
	}
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("cannot tell whose connections they are: %w", err)
		}
		seen := map[int]bool{}
		for _, target := range openFiles(pid) {
			if i, ok := wanted[target]; ok && !seen[i] {
				seen[i] = true
				all[i].PIDs = append(all[i].PIDs, pid)
			}
		}
	}
	return nil
}

// openFiles returns what the descriptors of a process lead to; nothing where
// the process has ended or is not ours to see.
func openFiles(pid int) []string {
	dir, err := os.Open(procfs(pid, "fd"))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var targets []string
	for _, name := range names {
		if target, err := os.Readlink(dir.Name() + "/" + name); err == nil {
			targets = append(targets, target)
		}
	}
	return targets
}

// eachTCP calls each for every established socket in a table like /proc/net/tcp.
func eachTCP(table io.Reader, each func(s backend.Socket, inode string)) error {
	lines := bufio.NewScanner(table)
	lines.Scan() // headings
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 {
			return fmt.Errorf("cannot understand %q", lines.Text())
		}
		if f[3] != established {
			continue
		}
		local, err1 := parseAddrPort(f[1])
		remote, err2 := parseAddrPort(f[2])
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		each(backend.Socket{Local: local, Remote: remote}, f[9])
	}
	return lines.Err()
}

// parseAddrPort reads "0100007F:1F90": the address in 32-bit words of the
// machine's byte order, the port as a number. An IPv4 address in IPv6 clothes is
// returned as the IPv4 address.
func parseAddrPort(s string) (netip.AddrPort, error) {
	bad := fmt.Errorf("cannot understand the socket address %q", s)
	host, tail, ok := strings.Cut(s, ":")
	if !ok {
		return netip.AddrPort{}, bad
	}
	raw, err1 := hex.DecodeString(host)
	port, err2 := strconv.ParseUint(tail, 16, 16)
	if err1 != nil || err2 != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, bad
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, bad
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}
