package main

import (
	"context"
	"fmt"
	"strings"

	"rosey/bot/outbound"
	"rosey/streams"
)

// outboxQueue is the queue itself, for when no service answers.
type outboxQueue struct {
	queue  *outbound.Queue
	stream *streams.Stream
	known  func(context.Context) ([]string, error)
}

// Enqueue leaves a message. One that names no channel goes to the only one there
// is.
func (o *outboxQueue) Enqueue(ctx context.Context, r outbound.Request) (queued, error) {
	bots, err := o.stream.Bots(ctx)
	if err != nil {
		return queued{}, err
	}
	if r.Channel == "" {
		if r.Channel, err = o.only(ctx, bots); err != nil {
			return queued{}, err
		}
	}
	m, existed, err := o.queue.Enqueue(ctx, r)
	return queued{View: m.View(), Existed: existed, Bot: outbound.Presence(bots, m.Channel)}, err
}

// Get and what follows tell of a message as the service does.
func (o *outboxQueue) Get(ctx context.Context, channel string, id int64) (outbound.View, error) {
	m, err := o.queue.Get(ctx, channel, id)
	return m.View(), err
}

func (o *outboxQueue) Cancel(ctx context.Context, channel string, id int64) (outbound.View, error) {
	m, err := o.queue.Cancel(ctx, channel, id)
	return m.View(), err
}

func (o *outboxQueue) Retry(ctx context.Context, channel string, id int64) (outbound.View, error) {
	m, err := o.queue.Retry(ctx, channel, id)
	return m.View(), err
}

func (o *outboxQueue) Await(ctx context.Context, channel string, id int64) (outbound.View, error) {
	m, err := o.queue.Await(ctx, channel, id)
	return m.View(), err
}

func (o *outboxQueue) List(ctx context.Context, f outbound.Filter) ([]outbound.View, error) {
	all, err := o.queue.List(ctx, f)
	list := make([]outbound.View, len(all))
	for i, m := range all {
		list[i] = m.View()
	}
	return list, err
}

func (o *outboxQueue) only(ctx context.Context, bots []streams.Heartbeat) (string, error) {
	var names []string
	for _, b := range bots {
		names = append(names, b.Channel)
	}
	if len(names) == 0 {
		var err error
		if names, err = o.known(ctx); err != nil {
			return "", err
		}
	}
	if names = distinct(names); len(names) == 1 {
		return names[0], nil
	}
	return "", &channelRequiredError{names}
}

// channelRequiredError says that a message has to name its channel.
type channelRequiredError struct{ known []string }

func (e *channelRequiredError) Error() string {
	if len(e.known) == 0 {
		return "no channel is known here: the message has to name one"
	}
	return fmt.Sprintf("there are %d channels: the message has to name one", len(e.known))
}

// distinct keeps the first of names that differ in case alone.
func distinct(names []string) []string {
	var list []string
	seen := map[string]bool{}
	for _, n := range names {
		if key := strings.ToLower(n); !seen[key] {
			seen[key] = true
			list = append(list, n)
		}
	}
	return list
}
