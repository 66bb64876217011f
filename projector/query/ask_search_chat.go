package query

import (
	"context"

	"rosey/schema"
	"rosey/streams/service"
)

// SearchChatRequest asks for lines of the chat.
type SearchChatRequest struct {
	Text     string `json:"text" rule:"required,minlen=1,maxlen=2000" doc:"Words that all have to occur. None of them is syntax."`
	Username string `json:"username,omitempty" rule:"maxlen=256" doc:"Only what this user said."`
	Channel  string `json:"channel,omitempty" rule:"maxlen=256" doc:"Only in this channel."`
	Limit    int    `json:"limit,omitempty" rule:"min=1,max=1000,default=20" doc:"How many lines."`
	Before   int64  `json:"before,omitempty" rule:"min=0" doc:"Only what lies before this key: the next page, as the page before it says."`
	Reading
}

// heavy reports whether many lines may have to be read to find few.
func (r SearchChatRequest) heavy() bool {
	indexed, plain, _ := searchWords(r.Text)
	return len(indexed) > 1 || SearchOptions{Channel: r.Channel, Username: r.Username}.looks(len(plain))
}

func (d *desk) searchChat() service.Endpoint {
	return ask(d, service.Declaration{
		Name: "search_chat", Subject: subject("query.search_chat"),
		Doc: "Lines of the chat by their words, the newest first. For one answer at most 100,000 lines are looked at that the index alone cannot rule out: " +
			"`before` goes on from there, also where there are few messages, or none, and is 0 at the end.",
		Examples: []string{`{"text":"pizza"}`, `{"text":"pizza friday","username":"ann","channel":"tv","limit":5}`},
	}, func(ctx context.Context, q schema.Queryer, r SearchChatRequest) (SearchPage, error) {
		channel, err := anyChannel(ctx, q, r.Channel)
		if err != nil {
			return SearchPage{}, err
		}
		return SearchChat(ctx, q, SearchOptions{Text: r.Text, Channel: channel, Username: r.Username, Before: r.Before, Limit: r.Limit, Look: lookLimit})
	})
}
