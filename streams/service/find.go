package service

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"rosey/internal/standstill"
	"rosey/streams"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Instance is a service that was found.
type Instance struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Version string `json:"version"`
}

const (
	// findWait is how long the first instance may take to answer, findMore how long
	// another one after it, at least: how many there are nobody knows. That there is
	// none the server says at once.
	findWait = 10 * time.Second
	findMore = 150 * time.Millisecond
	// findSlower is how many times as long as the first another may take: on a busy
	// machine all of them are slow.
	findSlower = 4
)

// Find asks which instances of a service there are. There being none is no error.
func Find(ctx context.Context, c *streams.Conn, name string) ([]Instance, error) {
	list, err := find(ctx, c.NATS(), name)
	if err != nil {
		return nil, fmt.Errorf("service: look for %s: %w", name, err)
	}
	slices.SortFunc(list, func(a, b Instance) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

func find(ctx context.Context, nc *nats.Conn, name string) ([]Instance, error) {
	subject, err := micro.ControlSubject(micro.PingVerb, name, "")
	if err != nil {
		return nil, err
	}
	inbox := nc.NewRespInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := nc.PublishRequest(subject, inbox, nil); err != nil {
		return nil, err
	}
	var list []Instance
	begun, wait := time.Now(), findWait
	for {
		m, err := next(ctx, sub, wait)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil, errors.Is(err, nats.ErrNoResponders):
			return list, nil
		case err != nil:
			return nil, err
		}
		if wait == findWait {
			wait = max(findMore, findSlower*time.Since(begun))
		}
		var i Instance
		if json.Unmarshal(m.Data, &i) == nil && i.Name == name {
			list = append(list, i)
		}
	}
}

func next(ctx context.Context, sub *nats.Subscription, wait time.Duration) (*nats.Msg, error) {
	ctx, cancel := standstill.WithTimeout(ctx, wait)
	defer cancel()
	m, err := sub.NextMsgWithContext(ctx)
	if err == nil && len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return nil, nats.ErrNoResponders
	}
	return m, err
}
