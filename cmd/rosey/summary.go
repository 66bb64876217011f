package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rosey/internal/installation"
	"rosey/schema"
)

// summary counts what the tables hold of one channel.
type summary struct {
	Channel      string `json:"channel"`
	Seq          uint64 `json:"seq"`
	ChatLines    int64  `json:"chat_lines"`
	Users        int64  `json:"users"`
	Joins        int64  `json:"joins"`
	Polls        int64  `json:"polls"`
	Media        int64  `json:"media"`
	MaxUsers     int64  `json:"max_users"`
	MaxConnected int64  `json:"max_connected"`
	DeadLetters  int64  `json:"dead_letters"`
	Database     string `json:"database"`
}

func readSummary(ctx context.Context, dir installation.Dir, channel string) (summary, error) {
	s := summary{Channel: channel, Database: dir.Database().Link}
	db, err := schema.OpenReader(ctx, s.Database)
	if err != nil {
		return s, err
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRowContext(ctx, `SELECT
		coalesce((SELECT seq FROM projection_state), 0),
		(SELECT count(*) FROM chat_messages WHERE channel = ?1 AND notice = ''),
		(SELECT count(*) FROM user_stats WHERE channel = ?1),
		coalesce((SELECT sum(joins) FROM user_stats WHERE channel = ?1), 0),
		(SELECT count(*) FROM polls WHERE channel = ?1),
		(SELECT count(*) FROM media_history WHERE channel = ?1),
		coalesce((SELECT max_users FROM channel_stats WHERE channel = ?1), 0),
		coalesce((SELECT max_connected FROM channel_stats WHERE channel = ?1), 0),
		(SELECT count(*) FROM dead_letters)`, channel).
		Scan(&s.Seq, &s.ChatLines, &s.Users, &s.Joins, &s.Polls, &s.Media, &s.MaxUsers, &s.MaxConnected, &s.DeadLetters)
	if err != nil {
		return s, fmt.Errorf("count what the tables hold: %w", err)
	}
	return s, nil
}

// removedMeanwhile is for a database that was deleted while it was written to:
// the stream still has everything.
func removedMeanwhile(data string, err error) error {
	if errors.Is(err, schema.ErrNoDatabase) {
		return advise(err, "rosey replay --data %s   (rebuilds the tables from the stream)", shell(data))
	}
	return err
}

func summarize(ctx context.Context, con *console, dir installation.Dir, channel string, asJSON bool) error {
	s, err := readSummary(ctx, dir, channel)
	if err != nil {
		return removedMeanwhile(string(dir), err)
	}
	if asJSON {
		return printJSON(con.out, s)
	}
	s.print(con.out)
	return nil
}

func (s summary) print(w io.Writer) {
	fmt.Fprintf(w, "the tables hold of %s, up to seq=%d:\n", s.Channel, s.Seq)
	for _, row := range []struct {
		name  string
		count int64
	}{
		{"chat lines", s.ChatLines}, {"users", s.Users}, {"joins", s.Joins}, {"polls", s.Polls}, {"media", s.Media},
		{"most users at once", s.MaxUsers}, {"most connected", s.MaxConnected}, {"dead letters", s.DeadLetters},
	} {
		fmt.Fprintf(w, "  %-18s %6d\n", row.name, row.count)
	}
}
