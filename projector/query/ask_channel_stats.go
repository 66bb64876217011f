package query

import (
	"context"

	"rosey/schema"
	"rosey/streams/service"
)

// ChannelStatsRequest asks about channels.
type ChannelStatsRequest struct {
	Channel string `json:"channel,omitempty" rule:"maxlen=256" doc:"Only this channel. Default: all of them."`
	Reading
}

func (d *desk) channelStats() service.Endpoint {
	return ask(d, service.Declaration{
		Name: "channel_stats", Subject: subject("query.channel_stats"),
		Doc:      "What the tables hold of a channel, or of each.",
		Examples: []string{`{}`, `{"channel":"tv"}`},
	}, func(ctx context.Context, q schema.Queryer, r ChannelStatsRequest) ([]ChannelSummary, error) {
		return channelSummaries(ctx, q, r.Channel)
	})
}

// channelSummaries is ChannelStats of a channel in any spelling, or of all.
func channelSummaries(ctx context.Context, q schema.Queryer, name string) ([]ChannelSummary, error) {
	name, err := anyChannel(ctx, q, name)
	if err != nil {
		return nil, err
	}
	o, err := Status(ctx, q, name)
	if err == nil && len(o.Channels) == 0 {
		err = &NotFoundError{What: "channel"}
	}
	return o.Channels, err
}
