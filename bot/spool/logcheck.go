package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// logMagic reports whether a log's header begins as one.
func logMagic(header []byte) bool {
	return binary.BigEndian.Uint32(header)&^1 == 0x377f0682
}

// checkLog finds damage in the log beside a file. SQLite does not: a frame that
// does not fit ends the log for it, and whatever was committed after is dropped
// without a word. So is the transaction in whose middle a crash came, which
// nobody was told of. That one is the last, and damage to nothing but the last
// one looks the same: it takes two for a verdict.
func checkLog(path string) error {
	name := path + "-wal"
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= logHeaderBytes {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := openPages(path)
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }()
	if lost := p.unreachableCommits(); lost > 1 {
		return fmt.Errorf("%w: its log breaks off before %d of its transactions", ErrDamaged, lost)
	}
	return nil
}

// unreachableCommits counts the transactions that SQLite would not see.
func (p *pageFile) unreachableCommits() int {
	header := make([]byte, logHeaderBytes)
	if _, err := p.log.ReadAt(header, 0); err != nil {
		return 0
	}
	sum := newLogSum(header)
	salts := [8]byte(header[16:24])
	intact := logMagic(header) && sum.is(header[24:])
	commits := map[[8]byte]int{} // after the break, by the round of the log
	buf, frame := make([]byte, p.pageSize), make([]byte, frameBytes)
	for reached, frames := intact, p.frames; len(frames) > 0; frames = frames[1:] {
		if _, err := p.log.ReadAt(frame, frames[0].offset-frameBytes); err != nil {
			break
		}
		round := [8]byte(frame[8:16])
		if reached && round == salts {
			sum.add(frame[:8])
			sum.add(p.read(frames[0], buf))
			reached = sum.is(frame[16:])
		} else {
			reached = false
		}
		if !reached && binary.BigEndian.Uint32(frame[4:]) != 0 {
			commits[round]++
		}
	}
	if intact {
		return commits[salts] // the others are left of earlier rounds
	}
	most := 0
	for _, n := range commits {
		most = max(most, n)
	}
	return most
}

// logSum is the checksum that SQLite runs over a log.
type logSum struct {
	order  binary.ByteOrder
	s0, s1 uint32
}

// newLogSum begins with a log's header, whose first number says in which order the
// sum reads the others.
func newLogSum(header []byte) *logSum {
	s := &logSum{order: binary.LittleEndian}
	if header[3]&1 == 1 {
		s.order = binary.BigEndian
	}
	s.add(header[:24])
	return s
}

func (s *logSum) add(data []byte) {
	for ; len(data) >= 8; data = data[8:] {
		s.s0 += s.order.Uint32(data) + s.s1
		s.s1 += s.order.Uint32(data[4:]) + s.s0
	}
}

func (s *logSum) is(stored []byte) bool {
	return binary.BigEndian.Uint32(stored) == s.s0 && binary.BigEndian.Uint32(stored[4:]) == s.s1
}
