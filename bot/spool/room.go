package spool

import (
	"fmt"
	"path/filepath"
)

// minFree is how much of the disk a spool leaves free, or a twentieth of a small
// one: a disk that is full to the last byte takes no deletion either.
const minFree = 64 << 20

// checkDisk returns ErrFull when the disk has too little space left for more.
func (s *Spool) checkDisk() error {
	free, total, err := s.cfg.DiskSpace(filepath.Dir(s.cfg.Path))
	if err != nil {
		// Whoever cannot tell lets the disk decide.
		return nil //nolint:nilerr // see above
	}
	if least := leastFree(total); free < least {
		return fmt.Errorf("%w: its disk has %d bytes left, and %d are to stay free", ErrFull, free, least)
	}
	return nil
}

func leastFree(total int64) int64 { return min(minFree, total/20) }

// Room reports whether a spool that was full takes events again for a while: it
// is below half of its limit, and the disk has twice the space it needs.
func (s *Spool) Room() bool {
	if s.Depth().Bytes > s.cfg.MaxBytes/2 {
		return false
	}
	free, total, err := s.cfg.DiskSpace(filepath.Dir(s.cfg.Path))
	return err != nil || free >= 2*leastFree(total)
}
