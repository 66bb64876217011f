package query

import (
	"context"
	"database/sql"
	"strings"

	"rosey/schema"
)

// Channels lists the channels of the database, the one observed last first.
func Channels(ctx context.Context, q schema.Queryer) ([]string, error) {
	return collect(ctx, q, "channels", func(r *sql.Rows, name *string) error { return r.Scan(name) },
		// From one channel of user_stats to the next, not from user to user.
		`WITH RECURSIVE with_users(channel) AS (
			SELECT min(channel) FROM user_stats
			UNION ALL SELECT (SELECT min(channel) FROM user_stats WHERE channel > w.channel) FROM with_users w WHERE w.channel IS NOT NULL)
		SELECT c.channel FROM (
			SELECT channel FROM channel_observation UNION SELECT channel FROM channel_stats
			UNION SELECT channel FROM current_status UNION SELECT channel FROM with_users WHERE channel IS NOT NULL) c
		LEFT JOIN channel_observation o ON o.channel = c.channel
		ORDER BY coalesce(o.last_observed_ms, 0) DESC, c.channel`)
}

// Channel returns a channel's name as the tables spell it. The error is
// ErrNotFound, with the channels there are.
func Channel(ctx context.Context, q schema.Queryer, name string) (string, error) {
	all, err := Channels(ctx, q)
	if err != nil {
		return "", err
	}
	var other string
	for _, c := range all {
		if c == name {
			return c, nil
		}
		if strings.EqualFold(c, name) && other == "" {
			other = c
		}
	}
	if other != "" {
		return other, nil
	}
	return "", &NotFoundError{What: "channel", Name: name, Known: all}
}

// OneChannel is the channel that a question about one is asked of: the one named,
// as the tables spell it, else the only one there is. The error is ErrNotFound, or
// a *ChannelRequiredError where there are several.
func OneChannel(ctx context.Context, q schema.Queryer, name string) (string, error) {
	if name != "" {
		return Channel(ctx, q, name)
	}
	all, err := Channels(ctx, q)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", &NotFoundError{What: "channel"}
	case len(all) > 1:
		return "", &ChannelRequiredError{Known: all}
	}
	return all[0], nil
}

// anyChannel is the channel named, as the tables spell it, and none for none.
func anyChannel(ctx context.Context, q schema.Queryer, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	return Channel(ctx, q, name)
}
