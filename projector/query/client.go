package query

import (
	"context"
	"time"

	"rosey/internal/standstill"
	"rosey/streams"
	"rosey/streams/service"
)

// Client asks a Service what the functions of this package ask a database, with
// the same errors. Beside those it returns ErrUnavailable where nobody answers,
// and ErrNotYet where the tables have not reached WaitSeq. Channels are named in
// any spelling.
type Client struct {
	// Conn is the connection to ask on; it belongs to the caller.
	Conn *streams.Conn
	// Timeout bounds a question beside the time that is waited. Default 10 s.
	Timeout time.Duration
	// WaitSeq is a stream sequence that every answer has to know of, 0 for none, and
	// Wait how long is waited for that. Default 5 s.
	WaitSeq uint64
	Wait    time.Duration
}

func (c *Client) reading() Reading {
	r := Reading{WaitSeq: c.WaitSeq}
	if c.WaitSeq > 0 && c.Wait > 0 {
		seconds := min(c.Wait, maxWait).Seconds()
		r.Wait = &seconds
	}
	return r
}

func callTables[T any](ctx context.Context, c *Client, name string, request any) (T, error) {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = readTimeout
	}
	if c.WaitSeq > 0 {
		timeout += maxWait
	}
	ctx, cancel := standstill.WithTimeout(ctx, timeout)
	defer cancel()
	a, err := service.Call[T](ctx, c.Conn, subject("query."+name), request)
	return a.Data, accepted(err)
}

// Close does nothing: the connection belongs to somebody else.
func (c *Client) Close() error { return nil }

// Channels asks for the channels there are, the one observed last first.
func (c *Client) Channels(ctx context.Context) ([]string, error) {
	o, err := c.Status(ctx, "")
	if err != nil {
		return nil, err
	}
	names := make([]string, len(o.Channels))
	for i, s := range o.Channels {
		names[i] = s.Channel
	}
	return names, nil
}

// Status asks what Status answers.
func (c *Client) Status(ctx context.Context, channel string) (Overview, error) {
	s, err := c.ServiceStatus(ctx, channel)
	return s.Overview, err
}

// ServiceStatus asks for the overview and what only a running installation knows.
func (c *Client) ServiceStatus(ctx context.Context, channel string) (ServiceStatus, error) {
	return callTables[ServiceStatus](ctx, c, "status", StatusRequest{Channel: channel, Reading: c.reading()})
}

// UserStats asks what UserStats answers.
func (c *Client) UserStats(ctx context.Context, channel, name string) ([]User, error) {
	if name == "" {
		return nil, &NotFoundError{What: "user", Name: name, Channel: channel}
	}
	return callTables[[]User](ctx, c, "user_stats", UserStatsRequest{Username: name, Channel: channel, Reading: c.reading()})
}

// ChannelStats asks for the summary of a channel, or of all where none is given.
func (c *Client) ChannelStats(ctx context.Context, channel string) ([]ChannelSummary, error) {
	return callTables[[]ChannelSummary](ctx, c, "channel_stats", ChannelStatsRequest{Channel: channel, Reading: c.reading()})
}

// Top asks what Top answers. Without a channel it is the only one there is.
func (c *Client) Top(ctx context.Context, o TopOptions) (TopUsers, error) {
	return callTables[TopUsers](ctx, c, "top_chatters", TopChattersRequest{
		Period: o.Period, Channel: o.Channel, Limit: limited(o.Limit), Reading: c.reading(),
	})
}

// UserCountHistory asks what UserCountHistory answers.
func (c *Client) UserCountHistory(ctx context.Context, o PageOptions) (UserCounts, error) {
	return callTables[UserCounts](ctx, c, "user_count_history", UserCountHistoryRequest{PageRequest: o.request(), Reading: c.reading()})
}

// UserCountPoints asks what UserCountPoints answers.
func (c *Client) UserCountPoints(ctx context.Context, o PageOptions, points int) (UserCounts, error) {
	return callTables[UserCounts](ctx, c, "user_count_history", UserCountHistoryRequest{
		PageRequest: o.request(), Points: points, Reading: c.reading(),
	})
}

// MediaHistory asks what MediaHistory answers.
func (c *Client) MediaHistory(ctx context.Context, o PageOptions) (MediaPage, error) {
	return callTables[MediaPage](ctx, c, "media_history", MediaHistoryRequest{
		PageRequest: o.request(), Username: o.Username, Reading: c.reading(),
	})
}

// SearchChat asks what SearchChat answers. The service looks at so many lines at a
// time: it is asked on until the page is full or there are no more.
func (c *Client) SearchChat(ctx context.Context, o SearchOptions) (SearchPage, error) {
	all := SearchPage{Messages: []Message{}}
	for limit, before := limited(o.Limit), max(o.Before, 0); ; before = all.Before {
		p, err := callTables[SearchPage](ctx, c, "search_chat", SearchChatRequest{
			Text: o.Text, Username: o.Username, Channel: o.Channel, Limit: limit - len(all.Messages), Before: before, Reading: c.reading(),
		})
		if err != nil {
			return SearchPage{}, err
		}
		all.Messages, all.Before = append(all.Messages, p.Messages...), p.Before
		if p.Before == 0 || len(all.Messages) >= limit {
			return all, nil
		}
	}
}

// request is a page's options as a request has them.
func (o PageOptions) request() PageRequest {
	return PageRequest{
		Channel: o.Channel, Period: o.Period, Since: seconds(o.SinceMS), Until: seconds(o.UntilMS),
		Limit: limited(o.Limit), Before: max(o.Before, 0),
	}
}

func seconds(ms *int64) *float64 {
	if ms == nil {
		return nil
	}
	s := float64(*ms) / 1000
	return &s
}
