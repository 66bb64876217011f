package streams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"rosey/internal/standstill"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// restoringKey is in the metadata of a stream or bucket from the moment it is
// restored until all that belongs to it is in its place. Nothing opens such a stream.
const restoringKey = "rosey_restoring"

var (
	// ErrRestoring means that a restore was begun, and has not come to its end.
	ErrRestoring = errors.New("it is not completely restored")
	// ErrBeingRestored means that somebody is at work on the same restore now.
	ErrBeingRestored = errors.New("the same restore is going on elsewhere")
)

// notRestoring refuses what is not whole yet.
func notRestoring(cfg *jetstream.StreamConfig) error {
	if cfg.Metadata[restoringKey] != "" {
		return fmt.Errorf("%w: run rosey restore with the same backup until it is", ErrRestoring)
	}
	return nil
}

// queueWhole refuses a queue that is not whole yet.
func (c *Conn) queueWhole(ctx context.Context) error {
	info, err := c.infoOf(ctx, OutboundStream)
	switch {
	case errors.Is(err, ErrNoStream):
		return nil
	case err != nil:
		return err
	}
	if err := notRestoring(&info.Config); err != nil {
		return fmt.Errorf("%s: %w", bucketField(OutboundStream, ""), err)
	}
	return nil
}

// SetupRestored is Setup for a stream that RestoreOptions.Mark keeps from everybody
// else.
func SetupRestored(ctx context.Context, c *Conn) (*Stream, []Change, error) {
	s, changes, err := c.setup(ctx, StreamOptions{}, true)
	if err != nil {
		return nil, changes, fmt.Errorf("streams: set up stream %s: %w", StreamName, err)
	}
	return s, changes, nil
}

// Unfinished returns the mark and the identity of a stream or bucket; the mark is ""
// for one that is whole. The error is ErrNoStream where there is none.
func (c *Conn) Unfinished(ctx context.Context, stream string) (mark string, id Identity, err error) {
	info, err := c.infoOf(ctx, stream)
	if err != nil {
		return "", Identity{}, fmt.Errorf("streams: look at stream %s: %w", stream, err)
	}
	return info.Config.Metadata[restoringKey], stateOf(info).Identity, nil
}

// FinishRestore takes the mark off: from here on the stream or bucket is used.
func (c *Conn) FinishRestore(ctx context.Context, stream string) error {
	info, err := c.infoOf(ctx, stream)
	if err == nil && info.Config.Metadata[restoringKey] != "" {
		cfg := info.Config
		cfg.Metadata = maps.Clone(cfg.Metadata)
		delete(cfg.Metadata, restoringKey)
		if stream == StreamName {
			cfg.MaxMsgs = -1
		}
		_, err = c.updateStream(ctx, cfg)
	}
	if err != nil {
		return fmt.Errorf("streams: finish the restore of %s: %w", stream, err)
	}
	return nil
}

// restoringSubject is where whoever restores answers, for as long as the process
// lives. No stream binds it.
func restoringSubject(token string) string { return "rosey.restoring." + token }

// aliveWait bounds the wait for somebody to answer. Where nobody is there to do so the
// server says that at once.
const aliveWait = 5 * time.Second

// HoldRestore says until release that a restore goes on, or is ErrBeingRestored where
// somebody says so already. The token names the restore, and is one of a subject.
//
// Two may begin in the same moment. So each answers first and asks then, on a
// connection that does not hear itself: of two who hear each other none goes on.
func (c *Conn) HoldRestore(ctx context.Context, token string) (release func(), err error) {
	subject := restoringSubject(token)
	ctx, cancel := standstill.WithTimeout(ctx, aliveWait)
	defer cancel()
	nc, end, err := c.withoutEcho(ctx)
	if err != nil {
		return nil, fmt.Errorf("streams: say that a restore goes on: %w", err)
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	if _, err := nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(nil) }); err != nil {
		return nil, fmt.Errorf("streams: say that a restore goes on: %w", err)
	}
	if err := nc.FlushWithContext(ctx); err != nil {
		return nil, fmt.Errorf("streams: say that a restore goes on: %w", err)
	}
	switch _, err := nc.RequestWithContext(ctx, subject, nil); {
	case err == nil:
		return nil, fmt.Errorf("streams: restore: %w", ErrBeingRestored)
	case !errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("streams: ask whether somebody restores: %w", err)
	}
	return end, nil
}

// withoutEcho connects once more, so that what is published is not received again.
// What was received when end is called is answered still.
func (c *Conn) withoutEcho(ctx context.Context) (nc *nats.Conn, end func(), err error) {
	closed := make(chan struct{})
	opts := c.nc.Opts
	opts.NoEcho, opts.RetryOnFailedConnect = true, false
	opts.ConnectedCB, opts.ReconnectedCB, opts.DisconnectedErrCB = nil, nil, nil
	opts.ClosedCB = func(*nats.Conn) { close(closed) }
	if nc, err = greet(ctx, opts.Connect); err != nil {
		return nil, nil, classifyConnect(err)
	}
	return nc, func() {
		if nc.Drain() != nil {
			nc.Close()
		}
		<-closed
	}, nil
}
