package main

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"rosey/bot"
	"rosey/bot/cytube"
	"rosey/bot/spool"
	"rosey/internal/installation"
	"rosey/internal/loss"
	"rosey/projector"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams"
)

// openProjector opens the tables. Those that another version of the projections
// made are remade while it runs, with an archive where one is named.
// Where they have what the stream has lost that is said, and nothing is held up by it.
func openProjector(ctx context.Context, s *streams.Stream, cfg projector.Config, archive string) (*replay.Supervisor, error) {
	cfg.Stream, cfg.Crash = s, crash
	p, err := replay.NewSupervisor(ctx, replay.SupervisorConfig{Projector: cfg, Archive: archive, Program: version()})
	if err == nil {
		logLost(ctx, s, cfg.Store, archive, cfg.Logger)
	}
	return p, err
}

// logLost says at a start what the store has lost. It is a question to the server and one
// to the table of holes, however long the stream is.
func logLost(ctx context.Context, s *streams.Stream, store schema.Store, archive string, log *slog.Logger) {
	switch lost, err := loss.Look(ctx, store, s); {
	case ctx.Err() != nil:
	case err != nil:
		log.Warn("the tables cannot be asked whether the stream has lost messages", "path", store.Link, "err", err)
	case lost != nil:
		log.Error("the stream has lost messages that the tables have; recording goes on", "stream", streams.StreamName,
			"messages", lost.Messages, "first_seq", lost.FirstSeq, "last_seq", lost.LastSeq, "detail", lost.Detail, "next", lost.Next)
	}
	switch before, err := loss.LookBefore(ctx, store, s, archive, false); {
	case ctx.Err() != nil:
	case err != nil:
		log.Warn("the tables cannot be asked what the stream has lost of its beginning", "path", store.Link, "err", err)
	case before != nil:
		log.Warn("the stream begins later than its tables, and nothing noted says that it was trimmed; recording goes on", "stream", streams.StreamName,
			"first_seq", before.FirstSeq, "messages", before.Messages, "detail", before.String(), "next", loss.Settle+". With --archive DIR this is no longer said")
	}
}

// storedDefaultChannel is the default channel a database was made with; it is
// part of what its rows depend on, so it holds until somebody names another.
func storedDefaultChannel(ctx context.Context, store schema.Store) string {
	g, err := store.Current()
	if err != nil {
		return ""
	}
	db, err := schema.OpenReader(ctx, g.Path)
	if err != nil {
		return ""
	}
	defer func() { _ = db.Close() }()
	c, err := schema.ReadCheckpoint(ctx, db)
	if err != nil {
		return ""
	}
	return c.DefaultChannel
}

// recorderConfig turns the flags into a recorder's configuration.
func (f channelFlags) recorderConfig(dir installation.Dir, log *slog.Logger) (bot.RecorderConfig, error) {
	server, channel, err := cytube.ParseChannelURL(f.URL)
	if err != nil {
		return bot.RecorderConfig{}, advise(err, "rosey up https://cytu.be/r/yourchannel")
	}
	password, channelPassword, err := f.secrets()
	if err != nil {
		return bot.RecorderConfig{}, err
	}
	rc := bot.RecorderConfig{
		CyTube: cytube.Config{
			Server: server, Channel: channel, Username: f.Username, Password: password, ChannelPassword: channelPassword,
		},
		Spool:      spool.Config{Path: dir.Spool(channel), Crash: crash},
		BotVersion: version(),
		Logger:     log,
	}
	if err := rc.CyTube.Validate(); err != nil {
		return bot.RecorderConfig{}, advise(err, "rosey up https://cytu.be/r/yourchannel --username NAME --password-file FILE")
	}
	return rc, nil
}

// probe tells a wrong address from an outage: a channel that was never recorded
// here has to be reachable at the first start. Later, and with --wait, it is
// tried for ever.
func (f channelFlags) probe(ctx context.Context, dir installation.Dir, cfg cytube.Config) error {
	if _, err := os.Stat(dir.Spool(cfg.Channel)); f.Wait || err == nil {
		return nil
	}
	c, err := cytube.New(cfg)
	if err != nil {
		return err
	}
	if err := c.Probe(ctx); err != nil && ctx.Err() == nil {
		return advise(err, "check the address and the network; --wait keeps trying")
	}
	return nil
}

// target is where a bot's events go: a server that may come later, or come back.
type target struct {
	config func() (streams.Config, error)

	mu   sync.Mutex
	conn *streams.Conn
	seen *streams.Stream // the stream as it was last asked for its state
}

// stream connects once, and keeps the connection: the client re-establishes it
// by itself.
func (t *target) stream(ctx context.Context) (*streams.Stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		cfg, err := t.config()
		if err != nil {
			return nil, err
		}
		c, err := streams.Connect(ctx, cfg)
		if err != nil {
			return nil, err
		}
		t.conn = c
	}
	return streams.Open(ctx, t.conn)
}

func (t *target) appender(ctx context.Context) (spool.Appender, error) {
	s, err := t.stream(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (t *target) leases(ctx context.Context) (bot.Leases, error) {
	s, err := t.stream(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (t *target) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		t.conn.Close()
	}
}
