package installation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rosey/streams/embedded"
)

const (
	readerLimit = 60 * time.Second
	readerPoll  = 100 * time.Millisecond
)

// startEmbedded starts the server. A command that reads a stopped installation
// has its store open for as long as it reads: a start waits for that, while
// another server on the store is refused at once.
func startEmbedded(ctx context.Context, d Dir, cfg embedded.Config, limit time.Duration) (*embedded.Server, error) {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	deadline := time.Now().Add(limit)
	for told := false; ; told = true {
		s, err := embedded.Start(ctx, cfg)
		var inUse *embedded.StoreInUseError
		if !errors.As(err, &inUse) || d.serves(inUse.PID) || time.Now().After(deadline) {
			return s, err
		}
		if !told {
			log.Warn("waiting for a process that reads the stream", "process", inUse.PID, "limit", limit.String())
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("installation: wait for process %d, which reads the stream: %w", inUse.PID, ctx.Err())
		case <-time.After(readerPoll):
		}
	}
}

// serves reports whether a process said that it is the folder's server. One that
// is starting says so soon.
func (d Dir) serves(pid int) bool {
	e, err := d.Endpoint()
	return err == nil && e.PID == pid
}
