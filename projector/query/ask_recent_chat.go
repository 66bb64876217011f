package query

import (
	"context"

	"rosey/schema"
	"rosey/streams/service"
)

// RecentChatRequest asks for what was said last. Other fields are ignored.
type RecentChatRequest struct {
	Limit   int    `json:"limit" rule:"min=1,max=1000,default=50" doc:"How many lines."`
	Channel string `json:"channel" doc:"Only of this channel."`
}

func (d *desk) recentChat() service.Endpoint {
	return service.NewEndpoint(service.Declaration{
		Name: "recent_chat", Subject: subject("stats.recent_chat.get"),
		Doc:      "The latest lines that people wrote, within 150 hours, the oldest first.",
		Examples: []string{`{}`, `{"limit":2,"channel":"tv"}`},
		Bare:     true,
	}, func(ctx context.Context, r RecentChatRequest) ([]RecentLine, error) {
		at, err := together(ctx, d, "recent_chat", r, noMore, func(ctx context.Context, q schema.Queryer, r RecentChatRequest, _ struct{}) ([]RecentLine, error) {
			channel, err := anyChannel(ctx, q, r.Channel)
			if err != nil {
				return nil, err
			}
			return RecentChat(ctx, q, channel, r.Limit)
		})
		return at.Data, refusal(err)
	})
}
