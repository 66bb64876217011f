package query

import (
	"context"

	"rosey/schema"
	"rosey/streams/service"
)

// MediaHistoryRequest asks what played.
type MediaHistoryRequest struct {
	PageRequest
	Username string `json:"username,omitempty" rule:"maxlen=256" doc:"Only what this user queued."`
	Reading
}

func (d *desk) mediaHistory() service.Endpoint {
	return ask(d, service.Declaration{
		Name: "media_history", Subject: subject("query.media_history"),
		Doc:      "What played in a channel, the newest first.",
		Examples: []string{`{"channel":"tv"}`, `{"channel":"tv","period":"7d","username":"ann","limit":50}`},
	}, func(ctx context.Context, q schema.Queryer, r MediaHistoryRequest) (MediaPage, error) {
		channel, err := OneChannel(ctx, q, r.Channel)
		if err != nil {
			return MediaPage{}, err
		}
		o := r.options(channel)
		o.Username = r.Username
		return MediaHistory(ctx, q, o)
	})
}
