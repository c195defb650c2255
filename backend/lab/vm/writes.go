package vm

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Writes replays what a guest wrote to its disk, write by write, as QEMU's blklogwrites
// recorded it. After each flush the disk is what the guest may rely on after a power cut:
// what was written before is on it, and of what comes later nothing has to be.
//
// The log is that of the kernel's dm-log-writes: a superblock, then for each write a sector
// of header and its data.
type Writes struct {
	disk    *os.File
	log     *os.File
	in      *bufio.Reader
	sector  int64
	Flushes int // replayed so far
}

const (
	logMagic    = 0x6a736677736872
	flagFlush   = 1
	flagFUA     = 2
	flagDiscard = 4
)

// Replay begins with the disk as it was when s was saved. It writes to a new file at path, raw.
func Replay(ctx context.Context, s Snapshot, log, path string) (*Writes, error) {
	if err := run(ctx, "qemu-img", "convert", "-O", "raw", s.disk(), path); err != nil {
		return nil, err
	}
	disk, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	w := &Writes{disk: disk}
	if w.log, err = os.Open(log); err == nil {
		w.in = bufio.NewReaderSize(w.log, 1<<20)
		err = w.super()
	}
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("cannot read the log of writes: %w", err)
	}
	return w, nil
}

// Close ends the replay; the file stays.
func (w *Writes) Close() {
	w.disk.Close()
	if w.log != nil {
		w.log.Close()
	}
}

func (w *Writes) super() error {
	var s struct {
		Magic, Version, Entries uint64
		SectorSize              uint32
	}
	if err := binary.Read(w.in, binary.LittleEndian, &s); err != nil {
		return err
	}
	if s.Magic != logMagic || s.SectorSize < 512 {
		return errors.New("it is none")
	}
	w.sector = int64(s.SectorSize)
	_, err := w.in.Discard(int(w.sector) - binary.Size(s))
	return err
}

// Next writes everything up to the next flush. It returns false at the end of the log.
func (w *Writes) Next() (bool, error) {
	for {
		var e struct{ Sector, Sectors, Flags, Length uint64 }
		err := binary.Read(w.in, binary.LittleEndian, &e)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if _, err := w.in.Discard(int(w.sector) - binary.Size(e)); err != nil {
			return false, nil // the last header was cut off
		}
		at, length := int64(e.Sector)*w.sector, int64(e.Sectors)*w.sector
		switch {
		case e.Flags&flagDiscard != 0: // its blocks are free: what they hold does not matter
		case length > 0:
			if n, err := io.Copy(io.NewOffsetWriter(w.disk, at), io.LimitReader(w.in, length)); err != nil || n < length {
				return false, err
			}
		}
		if e.Flags&(flagFlush|flagFUA) != 0 {
			w.Flushes++
			return true, nil
		}
	}
}
