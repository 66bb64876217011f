package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"rosey/schema"
)

func contains(list []string, text string) bool { return slices.Contains(list, text) }

// null is how a row shows a value that is none.
const null = "null"

// lookAtMedia compares what played. What played as the bot joined may have been
// playing before: then its row is the earlier one.
func (c *since) lookAtMedia(ctx context.Context) error {
	want, got, err := c.both(ctx, "SELECT * FROM media_history WHERE channel = ? AND seq BETWEEN ? AND ? ORDER BY seq", c.channel, int64(c.from), int64(c.to))
	if err != nil {
		return err
	}
	for i, p := range pair(want, got, "seq") {
		row := p[0]
		if row == nil {
			c.judge("media_history seq="+p[1].Value("seq"), nil, p[1])
			continue
		}
		var but []string
		if !c.whole && row.Value("ended_ms") == null {
			but = []string{"ended_ms", "ended_by", "last_seq"}
		}
		if p[1] == nil && i == 0 && row.Value("resumed") == "1" {
			earlier, err := schema.Rows(ctx, c.tables.tx, "SELECT * FROM media_history WHERE channel = ? AND last_seq BETWEEN ? AND ? AND seq < ?",
				c.channel, int64(c.from), int64(c.to), int64(c.from))
			if err != nil {
				return err
			}
			if len(earlier) == 1 {
				p[1] = &earlier[0]
				but = append(but, "seq", "started_ms", "title", "seconds", "queued_by", "resumed")
			}
		}
		c.judge("media_history seq="+row.Value("seq"), row, p[1], but...)
	}
	return nil
}

// lookAtPolls compares polls that were told of. One that was known before may have been
// closed before, and what it was then it stays.
func (c *since) lookAtPolls(ctx context.Context) error {
	if c.otherPolls {
		return nil
	}
	want, got, err := c.both(ctx, "SELECT * FROM polls WHERE channel = ? AND last_seq BETWEEN ? AND ? ORDER BY opened_ms, initiator", c.channel, int64(c.from), int64(c.checkpointSeq()))
	if err != nil {
		return err
	}
	for _, p := range pair(want, got, "opened_ms", "initiator") {
		row, is := p[0], p[1]
		if row == nil {
			// It may have closed by what was told of the others, or later than was read.
			if first := is.Value("first_seq"); c.whole && within(first, c.from, c.to) {
				c.judge("polls seq="+first, nil, is)
			}
			continue
		}
		what := "polls seq=" + row.Value("first_seq")
		if is == nil {
			before, err := schema.Rows(ctx, c.tables.tx, "SELECT first_seq FROM polls WHERE channel = ? AND opened_ms = "+row.Value("opened_ms")+" AND last_seq < ?", c.channel, int64(c.from))
			if err != nil {
				return err
			}
			if len(before) == 0 {
				c.judge(what, row, nil)
			}
			continue
		}
		known := !within(is.Value("first_seq"), c.from, c.to)
		if known && is.Value("closed_by") == `"unobserved"` && within(is.Value("last_seq"), c.roster, c.roster) {
			continue // it closed while nobody looked, and stays so
		}
		var but []string
		if !c.whole && row.Value("closed_ms") == null {
			but = []string{"counts", "title", "options", "closed_ms", "closed_by", "last_seq"}
		}
		if known {
			but = append(but, "first_seq")
		}
		earlier, err := schema.Rows(ctx, c.tables.tx, "SELECT first_seq FROM polls WHERE channel = ? AND first_seq < ? AND opened_ms > "+row.Value("opened_ms"), c.channel, int64(c.from))
		if err != nil {
			return err
		}
		if len(earlier) == 0 { // otherwise that one has closed it from the beginning
			c.judge(what, row, is, but...)
		}
	}
	return nil
}

func (c *since) checkpointSeq() uint64 { return c.tables.checkpoint.Seq }

// within reports whether a value of a row is a sequence between two.
func within(value string, from, to uint64) bool {
	var seq uint64
	_, err := fmt.Sscan(value, &seq)
	return err == nil && seq >= from && seq <= to
}

// lookAtSessions compares who was there. Who was there at the roster may have stayed
// from before: their rows have begun earlier, and end alike.
func (c *since) lookAtSessions(ctx context.Context) error {
	if c.roster == 0 || c.early {
		return nil
	}
	want, got, err := c.both(ctx, "SELECT * FROM user_sessions WHERE channel = ? AND opened_seq BETWEEN ? AND ? ORDER BY opened_seq, username", c.channel, int64(c.from), int64(c.to))
	if err != nil {
		return err
	}
	for _, p := range pair(want, got, "username", "opened_seq") {
		row, is := p[0], p[1]
		if row == nil {
			c.judge(sessionName(is), nil, is)
			continue
		}
		but := []string{}
		if !c.whole && (row.Value("ended_ms") == null || row.Value("ended_by") == `"unobserved"`) {
			but = []string{"ended_ms", "ended_by", "ended_seq", "afk_finished_ms", "afk_since_ms", "afk_ms", "connected_ms", "rank"}
		}
		if is == nil && within(row.Value("opened_seq"), c.roster, c.roster) {
			if is, err = c.stayed(ctx, row); errors.Is(err, sql.ErrNoRows) {
				continue // a name that cannot be looked up
			}
			if err != nil {
				return err
			}
			but = append(but, "username", "opened_seq", "started_ms", "opened_by", "afk_finished_ms", "afk_since_ms", "afk_ms", "connected_ms")
		}
		c.judge(sessionName(row), row, is, but...)
	}
	return nil
}

// stayed finds the session of somebody who was there before the roster too.
func (c *since) stayed(ctx context.Context, row *schema.Row) (*schema.Row, error) {
	name, err := rowText(ctx, c.db, "SELECT username FROM user_sessions WHERE channel = ? AND opened_seq = ? AND username = json_extract(?, '$')", c.channel, int64(c.roster), row.Value("username"))
	if err != nil {
		return nil, err
	}
	list, err := schema.Rows(ctx, c.tables.tx, "SELECT * FROM user_sessions WHERE channel = ? AND username = ? AND opened_seq < ? AND (ended_seq IS NULL OR ended_seq > ?)",
		c.channel, name, int64(c.roster), int64(c.roster))
	if err != nil || len(list) != 1 {
		return nil, err
	}
	return &list[0], nil
}

func rowText(ctx context.Context, q schema.Queryer, query string, args ...any) (text string, err error) {
	err = q.QueryRowContext(ctx, query, args...).Scan(&text)
	return text, err
}

func sessionName(r *schema.Row) string {
	return fmt.Sprintf("user_sessions of %s seq=%s", r.Value("username"), r.Value("opened_seq"))
}

// lookAtPlaylist compares the playlist, where it was told as a whole and all that
// came later was read.
func (c *since) lookAtPlaylist(ctx context.Context) error {
	if !c.whole {
		return nil
	}
	if c.replaced && !c.changed {
		want, got, err := c.both(ctx, "SELECT * FROM playlist_items WHERE channel = ? ORDER BY sort_key", c.channel)
		if err != nil {
			return err
		}
		for _, p := range pair(want, got, "uid") {
			row := p[0]
			if row == nil {
				row = p[1]
			}
			c.judge("playlist_items uid="+row.Value("uid"), p[0], p[1])
		}
	}
	if !c.current && !c.locked {
		return nil
	}
	want, got, err := c.both(ctx, "SELECT * FROM playlist_state WHERE channel = ?", c.channel)
	if err != nil {
		return err
	}
	var but []string
	if !c.current {
		but = append(but, "current")
	}
	if !c.locked {
		but = append(but, "locked")
	}
	for _, p := range pair(want, got, "channel") {
		if p[0] != nil {
			c.judge("playlist_state", p[0], p[1], but...)
		}
	}
	return nil
}
