package main

import (
	"context"
	"log/slog"
)

// unlessInterrupted leaves out what went wrong with a start that was told to
// stop: whoever pressed Ctrl-C knows why it did not come about. Each layer says
// it in its own words (SQLite's is "interrupted"), so the context is what counts.
func unlessInterrupted(ctx context.Context, log *slog.Logger, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	log.Debug("the start was interrupted", "err", err)
	return nil
}
