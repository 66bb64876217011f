package outbound

import "context"

// GetRequest asks for messages to send. It is older than the rest of the service:
// what it does not know is ignored, and limits are brought into their range.
type GetRequest struct {
	Username   string `json:"username" doc:"The name of the bot that asks. It does not narrow what is given out."`
	Channel    string `json:"channel" doc:"Of one channel. Default: all."`
	Limit      int    `json:"limit" rule:"min=1,max=500,default=50" doc:"How many at most."`
	MaxRetries int    `json:"max_retries" rule:"min=1,max=100,default=3" doc:"Only those that were tried fewer times."`
}

// GetMessage is a message to send, as it was always told.
type GetMessage struct {
	ID int64 `json:"id"`
	// Timestamp is when it was queued, in Unix seconds.
	Timestamp  int64   `json:"timestamp" doc:"When it was queued, in Unix seconds."`
	Message    string  `json:"message"`
	RetryCount int     `json:"retry_count" doc:"How often it was tried."`
	LastError  *string `json:"last_error" doc:"Why the last attempt failed."`
}

func (s *Service) serveGet(ctx context.Context, r GetRequest) ([]GetMessage, error) {
	q, err := s.openQueue(ctx)
	if err != nil {
		return nil, refuse(err)
	}
	open, err := s.unfinished(ctx, q)
	if err != nil {
		return nil, refuse(err)
	}
	leased, err := q.lease(ctx, ofOneChannel(open, r.Channel), holderOf(r.Username), r.Limit, r.MaxRetries)
	if err != nil {
		return nil, refuse(err)
	}
	list := make([]GetMessage, 0, len(leased))
	for _, m := range leased {
		g := GetMessage{ID: m.ID, Timestamp: m.QueuedMS / 1000, Message: m.Text, RetryCount: m.Attempts}
		if m.Reason != "" {
			g.LastError = &m.Reason
		}
		list = append(list, g)
	}
	return list, nil
}

// unfinished returns the messages that are not over, as they are now.
func (s *Service) unfinished(ctx context.Context, q *Queue) ([]Message, error) {
	last, err := q.bucket.LastRevision(ctx)
	if err != nil {
		return nil, err
	}
	if s.board.upTo(ctx, last) {
		return s.board.unfinished(), nil
	}
	return q.List(ctx, Filter{States: []State{Queued, Claimed, Sending}})
}

// ofOneChannel narrows a list, unless the channel is empty.
func ofOneChannel(list []Message, channel string) []Message {
	if channel == "" {
		return list
	}
	var own []Message
	for _, m := range list {
		if sameChannel(m.Channel, channel) {
			own = append(own, m)
		}
	}
	return own
}
