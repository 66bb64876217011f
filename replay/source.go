package replay

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rosey/streams"
	"rosey/streams/archive"
)

// source is where a rebuild's messages come from, in order.
type source = streams.Source

// sourceInFlight bounds the messages on their way: what the pipeline does not
// take yet need not be in memory.
const sourceInFlight = 4000

// source opens the messages from one sequence to another, both included. What the
// stream no longer holds comes from the archive. Where both hold a sequence the
// stream decides: what was erased from it stays erased.
func (c *Config) source(ctx context.Context, from, last uint64) (source, error) {
	if c.Archive == nil {
		return c.ofStream(ctx, from, last)
	}
	return &joined{cfg: c, next: from, last: last}, nil
}

func (c *Config) ofStream(ctx context.Context, from, last uint64) (source, error) {
	r, err := c.Stream.Reader(ctx, streams.ReadOptions{From: from, UpTo: last, InFlight: sourceInFlight, NoHeaders: true})
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	var src source = r
	if c.tap != nil {
		src = c.tap(r)
	}
	return c.Stream.Witnessed(src, from, last), nil
}

// joined reads the archive up to where the stream begins, then the stream.
type joined struct {
	cfg  *Config
	next uint64 // the first sequence after what is read now
	last uint64
	now  source // nil: to be chosen
}

// Next returns the next message.
func (j *joined) Next(ctx context.Context) (streams.Message, error) {
	for {
		if j.now == nil {
			if err := j.choose(ctx); err != nil {
				return streams.Message{}, err
			}
		}
		m, err := j.now.Next(ctx)
		if !errors.Is(err, io.EOF) {
			return m, err
		}
		j.Close()
	}
}

// choose opens what holds the next sequence. The stream may have been trimmed
// further while the archive was read.
func (j *joined) choose(ctx context.Context) (err error) {
	if j.next > j.last {
		return io.EOF
	}
	state, err := j.cfg.Stream.State(ctx)
	if err != nil {
		return err
	}
	a := j.cfg.Archive
	if state.FirstSeq <= j.next {
		j.now, err = j.cfg.ofStream(ctx, j.next, j.last)
		j.next = j.last + 1
		return err
	}
	if j.next > a.LastSeq() {
		return fmt.Errorf("%w: the archive ends at seq=%d, the stream begins at seq=%d", archive.ErrGap, a.LastSeq(), state.FirstSeq)
	}
	upTo := min(state.FirstSeq-1, a.LastSeq(), j.last)
	j.now, err = a.Reader(archive.ReadOptions{From: max(j.next, a.FirstSeq()), UpTo: upTo, NoHeaders: true})
	j.next = upTo + 1
	return err
}

// Close ends what is read now.
func (j *joined) Close() {
	if j.now != nil {
		j.now.Close()
		j.now = nil
	}
}
