package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"rosey/bot"
	"rosey/bot/spool"
	"rosey/internal/installation"
	"rosey/internal/standstill"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
)

// house is one whole installation in this process: server, projector and bot.
type house struct {
	server    *installation.Server
	projector *replay.Supervisor
	recorder  *speaker
	answering *answering
	log       *slog.Logger
	store     schema.Store
}

// openHouse opens the parts in the order in which they depend on each other.
func openHouse(ctx context.Context, cfg installation.ServerConfig, rc bot.RecorderConfig, may decisionFlags, log *slog.Logger) (_ *house, err error) {
	h := &house{log: log, store: cfg.Dir.Database()}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.server, err = installation.StartServer(ctx, cfg); err != nil {
		return nil, err
	}
	tellChanges(log, h.server.Changes)
	pc := projector.Config{Store: cfg.Dir.Database(), Logger: log}
	may.apply(&pc)
	if h.projector, err = openProjector(ctx, h.server.Stream, pc, may.Archive); err != nil {
		return nil, err
	}
	stream := func(context.Context) (*streams.Stream, error) { return h.server.Stream, nil }
	if h.answering, err = newAnswering(stream, log, rc.CyTube.Channel); err != nil {
		return nil, err
	}
	if err = h.answering.tables(h.server.Stream, h.store, h.projector); err != nil {
		return nil, err
	}
	rc.Stream = func(context.Context) (spool.Appender, error) { return h.server.Stream, nil }
	rc.Leases = func(context.Context) (bot.Leases, error) { return h.server.Stream, nil }
	if h.recorder, err = newSpeaker(ctx, rc, stream, log); err != nil {
		return nil, err
	}
	return h, nil
}

// tellChanges says what setting the stream up has changed.
func tellChanges(log *slog.Logger, changes []streams.Change) {
	for _, c := range changes {
		if c.Field == "stream" {
			log.Info("stream created", "stream", streams.StreamName)
			return // with whatever size it has
		}
		if c.Was == "none" {
			log.Info("made what the stream was lacking", "stream", streams.StreamName, "change", c.String())
			continue
		}
		log.Warn("stream changed to its definition", "stream", streams.StreamName, "change", c.String())
	}
}

// close closes what was opened, in the opposite order.
func (h *house) close() error {
	var err error
	if h.recorder != nil {
		err = h.recorder.Close()
	}
	if h.answering != nil {
		err = errors.Join(err, h.answering.stop())
	}
	if h.projector != nil {
		err = errors.Join(err, h.projector.Close())
	}
	if h.server != nil {
		err = errors.Join(err, h.server.Stop())
	}
	return err
}

// An orderly end takes less than ten seconds: within catchUpLimit of its beginning
// the bot has ended and the tables have caught up, and within installation.StopLimit
// of that the server has stopped. The time in which the machine stands still is left
// out.
const (
	endsWithin   = 10 * time.Second
	catchUpLimit = bot.EndLimit
)

// run records, projects and answers until the context ends. No requests are taken
// any more then, and the bot stops; what it still sent is projected before the
// projector stops.
//
// Tables that cannot be kept do not end the recording: they can be rebuilt, what
// nobody recorded cannot. The error is told at once, and returned at the end.
func (h *house) run(ctx context.Context) error {
	projectCtx, stopProjector := context.WithCancel(context.WithoutCancel(ctx))
	defer stopProjector()
	catchUpCtx, stopCatchingUp := standstill.Outlasting(ctx, catchUpLimit)
	defer stopCatchingUp()
	defer context.AfterFunc(projectCtx, stopCatchingUp)()
	answerCtx, stopAnswering := context.WithCancel(ctx)
	defer stopAnswering()
	g := new(errgroup.Group)
	g.Go(func() error { return h.answering.run(answerCtx) })
	g.Go(func() error {
		defer stopProjector()
		err := h.projector.Run(projectCtx)
		if err != nil {
			h.log.Error("the tables stand still; recording goes on", "err", err, "next", advice(err))
		}
		return err
	})
	g.Go(func() error {
		defer stopProjector()
		defer stopAnswering()
		err := h.recorder.Run(ctx)
		h.catchUp(projectCtx, catchUpCtx)
		return err
	})
	return g.Wait()
}

// catchUp waits until the tables hold what the stream holds, unless the projector
// ends before and says why. A server that is away is nothing to wait for: what is
// missing is for the next start.
func (h *house) catchUp(projectCtx, ctx context.Context) {
	if st := h.projector.Status(); errors.Is(st.Trouble, projector.ErrOtherProgram) {
		h.log.Warn("the tables are still those of another version; the next start remakes them", "seq", st.Checkpoint.Seq)
		return
	}
	ctx, cancel := standstill.WithTimeout(ctx, catchUpLimit) // where the bot ended by itself
	defer cancel()
	state, err := h.server.Stream.State(ctx)
	if err == nil {
		err = h.projector.WaitFor(ctx, state.LastSeq)
	}
	if err != nil && projectCtx.Err() == nil {
		h.log.Warn("the tables may be behind the stream; the next start catches up", "seq", h.projector.Status().Checkpoint.Seq, "err", err)
	}
}

// announce says where everything is.
func (h *house) announce(w io.Writer, dir installation.Dir) {
	fmt.Fprintf(w, "database   %s\n", dir.Database().Link)
	if url := h.server.Embedded.ClientURL(); url != "" {
		fmt.Fprintf(w, "nats       %s\n", url)
	}
	if url := h.server.Embedded.MonitorURL(); url != "" {
		fmt.Fprintf(w, "monitor    %s\n", url)
	}
}
