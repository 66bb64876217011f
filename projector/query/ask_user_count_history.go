package query

import (
	"context"
	"math"

	"rosey/schema"
	"rosey/streams/service"
)

// PageRequest asks for a page of a history.
type PageRequest struct {
	Channel string   `json:"channel,omitempty" rule:"maxlen=256" doc:"The channel. Needed where there are several."`
	Period  Period   `json:"period,omitempty" rule:"enum=24h|7d|30d|all" doc:"How far back from the newest event. Default: all."`
	Since   *float64 `json:"since,omitempty" rule:"min=0,max=9007199254740" doc:"From this moment on, in Unix seconds, instead of a period."`
	Until   *float64 `json:"until,omitempty" rule:"min=0,max=9007199254740" doc:"Up to this moment and without it, in Unix seconds, instead of a period."`
	Limit   int      `json:"limit,omitempty" rule:"min=1,max=1000,default=20" doc:"How many."`
	Before  int64    `json:"before,omitempty" rule:"min=0" doc:"Only what lies before this key: the next page, as the page before it says."`
}

func (r PageRequest) options(channel string) PageOptions {
	return PageOptions{Channel: channel, Period: r.Period, SinceMS: milliseconds(r.Since), UntilMS: milliseconds(r.Until), Before: r.Before, Limit: r.Limit}
}

func milliseconds(seconds *float64) *int64 {
	if seconds == nil {
		return nil
	}
	ms := int64(math.Round(*seconds * 1000))
	return &ms
}

// UserCountHistoryRequest asks how many were there.
type UserCountHistoryRequest struct {
	PageRequest
	Points int `json:"points,omitempty" rule:"min=1,max=2000" doc:"Sum the whole period up in so many points of equal length instead, each with its mean and its greatest count."`
	Reading
}

func (d *desk) userCountHistory() service.Endpoint {
	return ask(d, service.Declaration{
		Name: "user_count_history", Subject: subject("query.user_count_history"),
		Doc:      "How many were there over time: a page of counts, the oldest first, or points for a plot.",
		Examples: []string{`{"channel":"tv","period":"24h","limit":288}`, `{"channel":"tv","since":1772395200,"points":100}`},
	}, func(ctx context.Context, q schema.Queryer, r UserCountHistoryRequest) (UserCounts, error) {
		channel, err := OneChannel(ctx, q, r.Channel)
		switch {
		case err != nil:
			return UserCounts{}, err
		case r.Points > 0:
			return UserCountPoints(ctx, q, r.options(channel), r.Points)
		}
		return UserCountHistory(ctx, q, r.options(channel))
	})
}
