package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"rosey/bot/outbound"
	"rosey/internal/obs"
	"rosey/streams"
)

// metricsFlag opens the port for machines that watch.
type metricsFlag struct {
	MetricsPort port `help:"Port on 127.0.0.1 for /metrics, /healthz and /readyz: a number, 0 for any free one, off for none." default:"off" env:"ROSEY_METRICS_PORT" placeholder:"PORT"`
}

// show serves what the sources tell until the returned function is called.
func (f metricsFlag) show(ctx context.Context, w io.Writer, src obs.Sources, log *slog.Logger) (stop func() error, err error) {
	if f.MetricsPort == portOff {
		return func() error { return nil }, nil
	}
	s, err := obs.Start(ctx, obs.Config{Port: int(f.MetricsPort), Sources: src, Logger: log})
	if err != nil {
		return nil, advise(err, "--metrics-port 0 for any free port, or --metrics-port off for none")
	}
	fmt.Fprintf(w, "metrics    %s/metrics\n", s.URL())
	return s.Close, nil
}

// sources are all parts of a house.
func (h *house) sources(spoolLimit int64) obs.Sources {
	src := streamSources(h.server.Stream)
	src.Recorder, src.SpoolLimit, src.Projector = h.recorder.Status, spoolLimit, h.projector.Status
	src.Services, src.Outbound = h.answering.counts(), h.recorder.stats.Read
	src.Rebuild = h.projector.Work
	src.Server, src.Losses = h.server.Embedded.Health, obs.TableLosses(h.store)
	src.StreamLost = obs.StreamLost(h.store, h.server.Stream)
	return src
}

// streamSources are what the server knows.
func streamSources(s *streams.Stream) obs.Sources {
	return obs.Sources{
		Stream: s.State, Bots: s.Bots,
		Queue: obs.QueueStates(func(ctx context.Context) (*outbound.Queue, error) { return outbound.OpenQueue(ctx, s) }),
	}
}

// errConnecting says that there is no way to the server yet.
var errConnecting = errors.New("not connected to the NATS server yet")

// state asks for the stream's extent. It makes no connection of its own: whoever
// looks must not hold up whoever sends.
func (t *target) state(ctx context.Context) (streams.State, error) {
	if !t.mu.TryLock() {
		return streams.State{}, errConnecting
	}
	conn, s := t.conn, t.seen
	t.mu.Unlock()
	if conn == nil {
		return streams.State{}, errConnecting
	}
	if s == nil {
		var err error
		if s, err = streams.Open(ctx, conn); err != nil {
			return streams.State{}, err
		}
		t.mu.Lock()
		t.seen = s
		t.mu.Unlock()
	}
	return s.State(ctx)
}
