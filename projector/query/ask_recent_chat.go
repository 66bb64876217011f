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
	}, func(ctx context.Context, r RecentChatRequest) (lines []RecentLine, err error) {
		_, err = d.read(ctx, 0, func(ctx context.Context, q schema.Queryer) error {
			channel, err := anyChannel(ctx, q, r.Channel)
			if err == nil {
				lines, err = RecentChat(ctx, q, channel, r.Limit)
			}
			return err
		})
		return lines, refusal(err)
	})
}
