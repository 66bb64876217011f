package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"rosey/projector/query"
	"rosey/schema"
	"rosey/streams"
)

// source answers the questions of stats: a database file, or the query service.
// Channels are named in any spelling; an empty name stands for all.
type source interface {
	Status(ctx context.Context, channel string) (query.Overview, error)
	UserStats(ctx context.Context, channel, name string) ([]query.User, error)
	Top(ctx context.Context, o query.TopOptions) (query.TopUsers, error)
	UserCountHistory(ctx context.Context, o query.PageOptions) (query.UserCounts, error)
	UserCountPoints(ctx context.Context, o query.PageOptions, points int) (query.UserCounts, error)
	MediaHistory(ctx context.Context, o query.PageOptions) (query.MediaPage, error)
	SearchChat(ctx context.Context, o query.SearchOptions) (query.SearchPage, error)
	// Channels lists what there is, the one observed last first.
	Channels(ctx context.Context) ([]string, error)
}

var _ = []source{(*query.Client)(nil), (*file)(nil)}

// errNoService says that the tables cannot be asked over NATS.
var errNoService = errors.New("no query service answers")

// serviceWait bounds how long a server of this machine is tried: the file is
// there anyway.
const serviceWait = 2 * time.Second

// askService puts a question to the query service.
func (c *statsCmd) askService(ctx context.Context, log *slog.Logger, question func(source) error) error {
	conn, err := c.connectToService(ctx, log)
	if err != nil {
		return err
	}
	defer conn.Close()
	if !answers(ctx, conn, query.ServiceName) {
		return advise(errNoService, "rosey projector --nats %s   (it answers questions; or --db FILE)", shell(strings.Join(c.Nats, ",")))
	}
	return question(&query.Client{Conn: conn})
}

func (c *statsCmd) connectToService(ctx context.Context, log *slog.Logger) (*streams.Conn, error) {
	if c.external() {
		cfg, err := c.config(log)
		if err != nil {
			return nil, err
		}
		return streams.Connect(ctx, cfg)
	}
	dir, err := c.dir()
	if err != nil {
		return nil, err
	}
	if _, err := dir.Endpoint(); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoService, err)
	}
	cfg, err := dir.ClientConfig(log)
	if err == nil {
		var conn *streams.Conn
		cfg.Timeout = serviceWait
		if conn, err = streams.Connect(ctx, cfg); err == nil {
			return conn, nil
		}
	}
	return nil, fmt.Errorf("%w: %w", errNoService, err)
}

// file answers from a database file, all of it from one transaction: so all of an
// answer is of one moment, also while a projector writes.
type file struct {
	db *schema.DB
	tx *sql.Tx
}

func openFile(ctx context.Context, path string) (*file, error) {
	db, err := schema.OpenReader(ctx, path)
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), db.Close())
	}
	return &file{db, tx}, nil
}

// Close ends the reading; nothing was written.
func (f *file) Close() error {
	_ = f.tx.Rollback()
	return f.db.Close()
}

// spelled is a channel's name as the tables spell it.
func (f *file) spelled(ctx context.Context, channel *string) error {
	if *channel == "" {
		return nil
	}
	name, err := query.Channel(ctx, f.tx, *channel)
	*channel = name
	return err
}

func (f *file) Channels(ctx context.Context) ([]string, error) { return query.Channels(ctx, f.tx) }

func (f *file) Status(ctx context.Context, channel string) (query.Overview, error) {
	if err := f.spelled(ctx, &channel); err != nil {
		return query.Overview{}, err
	}
	return query.Status(ctx, f.tx, channel)
}

func (f *file) UserStats(ctx context.Context, channel, name string) ([]query.User, error) {
	if err := f.spelled(ctx, &channel); err != nil {
		return nil, err
	}
	return query.UserStats(ctx, f.tx, channel, name)
}

func (f *file) Top(ctx context.Context, o query.TopOptions) (query.TopUsers, error) {
	if err := f.spelled(ctx, &o.Channel); err != nil {
		return query.TopUsers{}, err
	}
	return query.Top(ctx, f.tx, o)
}

func (f *file) UserCountHistory(ctx context.Context, o query.PageOptions) (query.UserCounts, error) {
	if err := f.spelled(ctx, &o.Channel); err != nil {
		return query.UserCounts{}, err
	}
	return query.UserCountHistory(ctx, f.tx, o)
}

func (f *file) UserCountPoints(ctx context.Context, o query.PageOptions, points int) (query.UserCounts, error) {
	if err := f.spelled(ctx, &o.Channel); err != nil {
		return query.UserCounts{}, err
	}
	return query.UserCountPoints(ctx, f.tx, o, points)
}

func (f *file) MediaHistory(ctx context.Context, o query.PageOptions) (query.MediaPage, error) {
	if err := f.spelled(ctx, &o.Channel); err != nil {
		return query.MediaPage{}, err
	}
	return query.MediaHistory(ctx, f.tx, o)
}

func (f *file) SearchChat(ctx context.Context, o query.SearchOptions) (query.SearchPage, error) {
	if err := f.spelled(ctx, &o.Channel); err != nil {
		return query.SearchPage{}, err
	}
	return query.SearchChat(ctx, f.tx, o)
}
