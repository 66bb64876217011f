package main

import (
	"context"
	"errors"
	"time"

	"rosey/bot/outbound"
	"rosey/events"
	"rosey/internal/standstill"
	"rosey/streams"
	"rosey/streams/service"
)

// outboxService is the service of a running installation.
type outboxService struct{ conn *streams.Conn }

// askLimit bounds the wait for an answer that is given at once.
const askLimit = 10 * time.Second

func outboundSubject(name string) string { return events.SubjectPrefix + "messages.outbound." + name }

// ask sends one request.
func ask[T any](ctx context.Context, c *streams.Conn, name string, request any) (T, error) {
	ctx, cancel := standstill.WithTimeout(ctx, askLimit)
	defer cancel()
	a, err := service.Call[T](ctx, c, outboundSubject(name), request)
	return a.Data, err
}

// Enqueue leaves a message. With a key it asks again where the answer was lost:
// what is there is not queued twice.
func (o outboxService) Enqueue(ctx context.Context, r outbound.Request) (queued, error) {
	request := outbound.EnqueueRequest{Message: r.Text, Channel: r.Channel, Recipient: r.Recipient, Key: r.Key, Long: r.Long}
	if !r.NotBefore.IsZero() {
		request.NotBefore = &outbound.Moment{Time: r.NotBefore}
	}
	reply, err := ask[outbound.EnqueueReply](ctx, o.conn, "enqueue", request)
	if err != nil && r.Key != "" && errors.Is(err, service.ErrNoAnswer) && ctx.Err() == nil {
		reply, err = ask[outbound.EnqueueReply](ctx, o.conn, "enqueue", request)
	}
	if err != nil {
		return queued{}, err
	}
	return queued{View: reply.View, Existed: reply.Existed, Bot: reply.Bot}, nil
}

func (o outboxService) Get(ctx context.Context, channel string, id int64) (outbound.View, error) {
	return ask[outbound.View](ctx, o.conn, "status", outbound.IDRequest{ID: id, Channel: channel})
}

func (o outboxService) Cancel(ctx context.Context, channel string, id int64) (outbound.View, error) {
	return ask[outbound.View](ctx, o.conn, "cancel", outbound.IDRequest{ID: id, Channel: channel})
}

func (o outboxService) Retry(ctx context.Context, channel string, id int64) (outbound.View, error) {
	return ask[outbound.View](ctx, o.conn, "retry", outbound.IDRequest{ID: id, Channel: channel})
}

const (
	// awaitStep is how long one request waits for an outcome.
	awaitStep = 30 * time.Second
	// awaitPause is how long a service that is away is left alone.
	awaitPause = 300 * time.Millisecond
)

// Await asks again for as long as there is no outcome, also while the service is
// away for a moment.
func (o outboxService) Await(ctx context.Context, channel string, id int64) (outbound.View, error) {
	for {
		left := awaitStep
		if deadline, ok := ctx.Deadline(); ok {
			left = min(left, time.Until(deadline))
		}
		if left <= 0 {
			<-ctx.Done() // in this moment
			return outbound.View{}, ctx.Err()
		}
		request := outbound.StatusRequest{IDRequest: outbound.IDRequest{ID: id, Channel: channel}, Wait: left.Seconds()}
		step, cancel := standstill.WithTimeout(ctx, left+askLimit)
		a, err := service.Call[outbound.View](step, o.conn, outboundSubject("status"), request)
		cancel()
		if err == nil && a.Data.State.Final() {
			return a.Data, nil
		}
		code := service.CodeOf(err)
		away := errors.Is(err, service.ErrNoService) || errors.Is(err, service.ErrNoAnswer) || code == service.Unavailable || code == service.Busy ||
			!o.conn.IsConnected()
		switch {
		case ctx.Err() != nil:
			return outbound.View{}, ctx.Err()
		case err == nil, code == service.Timeout:
		case away:
			select {
			case <-ctx.Done():
			case <-time.After(awaitPause):
			}
		default:
			return outbound.View{}, err
		}
	}
}

// listStep is how many messages one answer lists.
const listStep = 100

// List asks for page after page.
func (o outboxService) List(ctx context.Context, f outbound.Filter) ([]outbound.View, error) {
	var all []outbound.View
	request := outbound.ListRequest{Channel: f.Channel, State: f.States, After: f.After, Limit: listStep}
	for {
		reply, err := ask[outbound.ListReply](ctx, o.conn, "list", request)
		if err != nil {
			return nil, err
		}
		all = append(all, reply.Messages...)
		if reply.Next == 0 || len(reply.Messages) == 0 {
			return all, nil
		}
		request.After = reply.Next
	}
}
