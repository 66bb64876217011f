package query

import (
	"context"

	"rosey/schema"
	"rosey/streams/service"
)

// TopChattersRequest asks who says most.
type TopChattersRequest struct {
	Period  Period `json:"period,omitempty" rule:"enum=24h|7d|30d|all,default=all" doc:"What is counted, back from the newest event."`
	Channel string `json:"channel,omitempty" rule:"maxlen=256" doc:"The channel. Needed where there are several."`
	Limit   int    `json:"limit,omitempty" rule:"min=1,max=1000,default=20" doc:"How many users."`
	Reading
}

func (d *desk) topChatters() service.Endpoint {
	return ask(d, service.Declaration{
		Name: "top_chatters", Subject: subject("query.top_chatters"),
		Doc:      "Who says most in a channel, the first first.",
		Examples: []string{`{"channel":"tv"}`, `{"period":"7d","channel":"tv","limit":3}`},
	}, func(ctx context.Context, q schema.Queryer, r TopChattersRequest) (TopUsers, error) {
		channel, err := OneChannel(ctx, q, r.Channel)
		if err != nil {
			return TopUsers{}, err
		}
		return Top(ctx, q, TopOptions{Channel: channel, Period: r.Period, Limit: r.Limit})
	})
}
