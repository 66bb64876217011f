package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"rosey/internal/installation"
	"rosey/streams"
)

type tailCmd struct {
	dataFlag
	natsFlags
	logFlags
	eventFilter
	Since    moments `help:"Begin with what the stream stored then: how long ago (10m, 2h), or a time with its zone, such as 2026-04-01T20:00:00Z." placeholder:"WHEN"`
	Seq      uint64  `help:"Begin with this sequence." placeholder:"SEQ"`
	Limit    *int    `help:"How many of the last events to begin with (20); with --since or --seq: end after so many." placeholder:"N"`
	NoFollow bool    `help:"End where the stream ends now."`
	JSON     bool    `help:"Print one object for each event: seq, subject, time, data as stored."`
}

func (c *tailCmd) examples() string {
	return `  rosey tail
  rosey tail --since 10m --kind message --kind user.joined
  rosey tail --seq 4711 --limit 50 --json
  rosey tail --user ann --no-follow --limit 100`
}

// moments is a time, told as such or as how long ago it was.
type moments struct {
	at  time.Time
	ago time.Duration
}

// UnmarshalText reads either.
func (m *moments) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil {
		m.ago = ago.Abs()
		return nil
	}
	at, err := parseZoned(string(text))
	if errors.Is(err, errZoneName) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%q is no time: give one such as %s, or how long ago, such as 10m", text, zonedExamples)
	}
	m.at = at
	return nil
}

func (m moments) set() bool { return m != moments{} }

func (m moments) time() time.Time {
	if m.ago > 0 {
		return time.Now().Add(-m.ago)
	}
	return m.at
}

const (
	tailLast    = 20
	maxTailLast = 10_000
)

// Run prints events, and goes on with those to come.
func (c *tailCmd) Run(ctx context.Context, con *console) (err error) {
	ignoreBrokenPipe()
	if err := c.check(); err != nil {
		return misused(con, err)
	}
	log := c.logger(con.err, slog.LevelWarn)
	a, err := attachInTurn(ctx, con, c.dataFlag, c.natsFlags, log)
	if err != nil {
		return unlessInterrupted(ctx, log, err)
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if dir, err := c.dir(); err == nil && !c.external() {
		c.otherChannel = storedDefaultChannel(ctx, dir.Database())
	}
	if c.follows(a) {
		defer watchConnection(ctx, con, a.Conn)()
	}
	out := &eventWriter{w: bufio.NewWriterSize(con.out, 64<<10), json: c.JSON}
	err = c.tail(ctx, a, out)
	if flushErr := out.flush(); err == nil { // else it may be the same again
		err = flushErr
	}
	if ctx.Err() != nil {
		return nil // it was told to stop
	}
	return unlessPipe(err)
}

func (c *tailCmd) check() error {
	if err := c.kindFlag.check(); err != nil {
		return err
	}
	switch {
	case c.Since.set() && c.Seq > 0:
		return advise(errors.New("tail: --since and --seq are two beginnings"), "give one of them")
	case c.Limit != nil && *c.Limit < 0:
		return advise(errors.New("tail: --limit is negative"), "--limit 20")
	case c.Limit != nil && *c.Limit > maxTailLast && !c.Since.set() && c.Seq == 0:
		return advise(fmt.Errorf("tail: the last %d events at most", maxTailLast), "rosey export events --from SEQ, or rosey tail --seq SEQ")
	}
	return nil
}

// follows reports whether more can come.
func (c *tailCmd) follows(a *installation.Attachment) bool { return a.Running && !c.NoFollow }

func (c *tailCmd) tail(ctx context.Context, a *installation.Attachment, out *eventWriter) error {
	state, err := a.Stream.State(ctx)
	if err != nil {
		return err
	}
	follow := c.follows(a)
	from, limit := c.Seq, -1
	switch {
	case c.Since.set():
		if from, err = storedSince(ctx, a.Stream, state, c.Since.time()); err != nil {
			return err
		}
	case c.Seq == 0:
		if err := c.printLast(ctx, a, state, out); err != nil {
			return err
		}
		from = state.LastSeq + 1
	case c.Seq > state.LastSeq+1:
		return advise(fmt.Errorf("tail: the stream ends with seq=%d", state.LastSeq), "rosey tail --seq %d", max(state.LastSeq, 1))
	}
	if c.Limit != nil && (c.Since.set() || c.Seq > 0) {
		limit = *c.Limit
	}
	if from > state.LastSeq && !follow {
		return nil
	}
	o := streams.ReadOptions{From: from, Subjects: c.subjects()}
	if !follow {
		o.UpTo, o.StopAtEnd = state.LastSeq, true
	}
	return c.print(ctx, a.Stream, o, limit, out)
}

// printLast prints the last events there are. A stopped installation is released
// before that: whoever reads along must not keep a server from starting.
func (c *tailCmd) printLast(ctx context.Context, a *installation.Attachment, state streams.State, out *eventWriter) error {
	limit := tailLast
	if c.Limit != nil {
		limit = *c.Limit
	}
	last, err := newest(ctx, a.Stream, state, c.eventFilter, limit)
	if err == nil && !a.Running {
		err = a.Close()
	}
	if err != nil {
		return err
	}
	for _, e := range last {
		if err := out.write(e); err != nil {
			return err
		}
	}
	return out.flush()
}

// print prints what is wanted of what a reader brings: all of it, or up to a
// limit that is not negative.
func (c *tailCmd) print(ctx context.Context, s *streams.Stream, o streams.ReadOptions, limit int, out *eventWriter) error {
	if limit == 0 {
		return nil
	}
	r, err := s.Reader(ctx, o)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e, wanted := c.look(m); wanted {
			if err := out.write(e); err != nil {
				return err
			}
			if limit--; limit == 0 {
				return nil
			}
		}
		if m.Pending == 0 {
			// Nothing follows at once: somebody may be watching.
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
}

// watchConnection tells a person why nothing comes any more, until the returned
// function is called.
func watchConnection(ctx context.Context, con *console, c *streams.Conn) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for gone := false; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			connected := c.IsConnected()
			switch {
			case !connected && !gone:
				fmt.Fprintln(con.err, "the server is gone; waiting for it to come back (Ctrl-C ends)")
			case connected && gone:
				fmt.Fprintln(con.err, "the server is back")
			}
			gone = !connected
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// eventWriter prints events one by one.
type eventWriter struct {
	w    *bufio.Writer
	json bool
	line []byte
}

func (w *eventWriter) write(s seen) error {
	if w.json {
		w.line = appendEvent(w.line[:0], s.msg.Seq, s.msg.Subject, s.msg.Time, s.msg.Data)
	} else {
		w.line = appendLine(w.line[:0], s)
	}
	if _, err := w.w.Write(w.line); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (w *eventWriter) flush() error {
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
