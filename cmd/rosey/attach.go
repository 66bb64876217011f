package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rosey/internal/installation"
	"rosey/streams"
)

// inUseLimit is how long a command waits for another one that reads the same
// stopped installation.
const inUseLimit = 15 * time.Second

// attachInTurn attaches as natsFlags.attach does. Where no server runs, only one
// command at a time can have the stream open: it waits for its turn.
func attachInTurn(ctx context.Context, con *console, d dataFlag, n natsFlags, log *slog.Logger) (*installation.Attachment, error) {
	return inTurn(ctx, con, d, n, func() (*installation.Attachment, error) { return n.attach(ctx, d, log) })
}

// inTurn tries to open the stream until no other command has it open.
func inTurn[T any](ctx context.Context, con *console, d dataFlag, n natsFlags, open func() (T, error)) (T, error) {
	deadline := time.Now().Add(inUseLimit)
	for told := false; ; told = true {
		a, err := open()
		inUse := !n.external() && !errors.Is(err, installation.ErrNoPort) &&
			(errors.Is(err, installation.ErrNoEndpoint) || errors.Is(err, streams.ErrUnreachable))
		if !inUse || ctx.Err() != nil {
			return a, err
		}
		if time.Now().After(deadline) {
			return a, advise(fmt.Errorf("another command has the stream in %s open: %w", d.Data, err),
				"wait until it ends, or let rosey server --data %s run: then many can read at once", shell(d.Data))
		}
		if !told {
			fmt.Fprintf(con.err, "another command has the stream in %s open; waiting for it\n", d.Data)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}
