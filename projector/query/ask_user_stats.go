package query

import (
	"context"

	"rosey/schema"
	"rosey/streams/service"
)

// UserStatsRequest asks about a user.
type UserStatsRequest struct {
	Username string `json:"username" rule:"required,minlen=1,maxlen=256" doc:"Name of the user, without regard to case."`
	Channel  string `json:"channel,omitempty" rule:"maxlen=256" doc:"Only in this channel. Default: every channel that knows the name."`
	Reading
}

func (d *desk) userStats() service.Endpoint {
	return ask(d, service.Declaration{
		Name: "user_stats", Subject: subject("query.user_stats"),
		Doc:      "What is known of a user, in each channel that knows the name.",
		Examples: []string{`{"username":"ann"}`, `{"username":"ANN","channel":"tv"}`},
	}, func(ctx context.Context, q schema.Queryer, r UserStatsRequest) ([]User, error) {
		channel, err := anyChannel(ctx, q, r.Channel)
		if err != nil {
			return nil, err
		}
		return UserStats(ctx, q, channel, r.Username)
	})
}
