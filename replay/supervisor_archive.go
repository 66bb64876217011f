package replay

import (
	"context"

	"rosey/streams/archive"
)

// lookAtArchive says now what a rebuild of its own accord would meet: whoever names the
// wrong folder, or the archive of another stream, learns it while he is there to name
// the right one.
func (s *Supervisor) lookAtArchive(ctx context.Context) {
	if s.archive == "" {
		return
	}
	a, err := archive.Open(s.archive)
	if err == nil {
		cfg := Config{Stream: s.cfg.Stream, Archive: a}
		_, _, err = cfg.history(ctx)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	var said Work
	said.Fail(err)
	s.log.Warn("the archive cannot be used as it is", "path", s.archive, "err", err, "next", said.Remedy)
}
