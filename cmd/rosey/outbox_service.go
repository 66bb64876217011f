package main

import (
	"context"
	"errors"
	"time"

	"rosey/bot/outbound"
	"rosey/events"
	"rosey/streams"
	"rosey/streams/service"
)

// outboundService is the name under which the outbox is found.
const outboundService = "rosey-outbound"

// outboxService is the service of a running installation.
type outboxService struct{ conn *streams.Conn }

// askLimit bounds the wait for an answer that is given at once.
const askLimit = 10 * time.Second

func outboundSubject(name string) string { return events.SubjectPrefix + "messages.outbound." + name }

// ask sends one request.
func ask[T any](ctx context.Context, c *streams.Conn, name string, request any) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	a, err := service.Call[T](ctx, c, outboundSubject(name), request)
	return a.Data, err
}

type enqueueRequest struct {
	Message   string `json:"message"`
	Channel   string `json:"channel,omitempty"`
	Recipient string `json:"recipient,omitempty"`
	NotBefore string `json:"not_before,omitempty"`
	Key       string `json:"key,omitempty"`
	Long      string `json:"long,omitempty"`
}

type enqueueReply struct {
	ID      int64          `json:"id"`
	Channel string         `json:"channel"`
	State   outbound.State `json:"state"`
	Existed bool           `json:"existed"`
	Bot     string         `json:"bot"`
}

// Enqueue leaves a message. With a key it asks again where the answer was lost:
// what is there is not queued twice.
func (o outboxService) Enqueue(ctx context.Context, r outbound.Request) (queued, error) {
	request := enqueueRequest{Message: r.Text, Channel: r.Channel, Recipient: r.Recipient, Key: r.Key, Long: r.Long}
	if !r.NotBefore.IsZero() {
		request.NotBefore = r.NotBefore.UTC().Format(time.RFC3339Nano)
	}
	reply, err := ask[enqueueReply](ctx, o.conn, "enqueue", request)
	if err != nil && r.Key != "" && errors.Is(err, service.ErrNoAnswer) && ctx.Err() == nil {
		reply, err = ask[enqueueReply](ctx, o.conn, "enqueue", request)
	}
	if err != nil {
		return queued{}, err
	}
	m, err := o.Get(ctx, reply.Channel, reply.ID)
	if err != nil {
		return queued{}, err
	}
	return queued{Message: m, Existed: reply.Existed, Present: reply.Bot == "present"}, nil
}

// oneRequest names a message.
type oneRequest struct {
	ID      int64  `json:"id"`
	Channel string `json:"channel,omitempty"`
	Wait    int    `json:"wait,omitempty"` // seconds
}

func (o outboxService) Get(ctx context.Context, channel string, id int64) (outbound.Message, error) {
	return ask[outbound.Message](ctx, o.conn, "status", oneRequest{ID: id, Channel: channel})
}

func (o outboxService) Cancel(ctx context.Context, channel string, id int64) (outbound.Message, error) {
	return ask[outbound.Message](ctx, o.conn, "cancel", oneRequest{ID: id, Channel: channel})
}

func (o outboxService) Retry(ctx context.Context, channel string, id int64) (outbound.Message, error) {
	return ask[outbound.Message](ctx, o.conn, "retry", oneRequest{ID: id, Channel: channel})
}

const (
	// awaitStep is how long one request waits for an outcome, in seconds.
	awaitStep = 30
	// awaitPause is how long a service that is away is left alone.
	awaitPause = 300 * time.Millisecond
)

// Await asks again for as long as there is no outcome, also while the service is
// away for a moment.
func (o outboxService) Await(ctx context.Context, channel string, id int64) (outbound.Message, error) {
	for {
		left := awaitStep * time.Second
		if deadline, ok := ctx.Deadline(); ok {
			left = min(left, time.Until(deadline))
		}
		if left <= 0 || ctx.Err() != nil {
			return outbound.Message{}, context.DeadlineExceeded
		}
		request := oneRequest{ID: id, Channel: channel, Wait: int(max(1, left.Seconds()))}
		step, cancel := context.WithTimeout(ctx, time.Duration(request.Wait)*time.Second+askLimit)
		a, err := service.Call[outbound.Message](step, o.conn, outboundSubject("status"), request)
		cancel()
		if err == nil && a.Data.State.Final() {
			return a.Data, nil
		}
		code := service.CodeOf(err)
		away := errors.Is(err, service.ErrNoService) || errors.Is(err, service.ErrNoAnswer) || code == service.Unavailable || code == service.Busy ||
			!o.conn.IsConnected()
		switch {
		case ctx.Err() != nil:
			return outbound.Message{}, ctx.Err()
		case err == nil, code == service.Timeout:
		case away:
			select {
			case <-ctx.Done():
			case <-time.After(awaitPause):
			}
		default:
			return outbound.Message{}, err
		}
	}
}

type listRequest struct {
	Channel string           `json:"channel,omitempty"`
	State   []outbound.State `json:"state,omitempty"`
	After   uint64           `json:"after,omitempty"`
	Limit   int              `json:"limit,omitempty"`
}

type listReply struct {
	Messages []outbound.Message `json:"messages"`
	// After goes on with the next page, 0 at the end.
	After uint64 `json:"after"`
}

// listStep is how many messages one answer lists.
const listStep = 100

// List asks for page after page.
func (o outboxService) List(ctx context.Context, f outbound.Filter) ([]outbound.Message, error) {
	var all []outbound.Message
	request := listRequest{Channel: f.Channel, State: f.States, After: f.After, Limit: listStep}
	for {
		reply, err := ask[listReply](ctx, o.conn, "list", request)
		if err != nil {
			return nil, err
		}
		all = append(all, reply.Messages...)
		if reply.After == 0 || len(reply.Messages) == 0 {
			return all, nil
		}
		request.After = reply.After
	}
}
