package replay

import (
	"context"
	"fmt"

	"rosey/streams"
)

// source is where a rebuild's messages come from, in order. The error is io.EOF
// at the end. One goroutine may use it at a time.
type source interface {
	Next(ctx context.Context) (streams.Message, error)
	Close()
}

// sourceInFlight bounds the messages on their way: what the pipeline does not
// take yet need not be in memory.
const sourceInFlight = 4000

// source opens the messages from one sequence to another, both included.
func (c *Config) source(ctx context.Context, from, last uint64) (source, error) {
	r, err := c.Stream.Reader(ctx, streams.ReadOptions{From: from, UpTo: last, InFlight: sourceInFlight})
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return r, nil
}
