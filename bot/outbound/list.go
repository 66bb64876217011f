package outbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rosey/events"
)

// Filter narrows a list. The zero value stands for every message.
type Filter struct {
	Channel string
	// States to list. Default: all.
	States []State
	// After leaves out all up to this position, for the next page.
	After uint64
	// Limit is how many to list at most. Default: no limit.
	Limit int
}

// ofChannel matches the keys of a channel, of all where it is empty.
func ofChannel(channel string) string {
	if channel == "" {
		return ""
	}
	return events.Token(strings.ToLower(channel)) + ".*"
}

// anyChannel matches the keys of an id.
func anyChannel(id int64) string { return "*." + strconv.FormatInt(id, 10) }

// list reads the messages whose keys match, by position.
func (q *Queue) list(ctx context.Context, filter string) ([]Message, error) {
	entries, err := q.bucket.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	all := make([]Message, 0, len(entries))
	for _, e := range entries {
		if s, err := q.read(e); err == nil {
			all = append(all, s.Message)
		}
	}
	slices.SortFunc(all, byPosition)
	return all, nil
}

// byPosition is the order in which messages were queued.
func byPosition(a, b Message) int {
	return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.ID, b.ID))
}

// List returns messages in the order in which they were queued.
func (q *Queue) List(ctx context.Context, f Filter) ([]Message, error) {
	all, err := q.list(ctx, ofChannel(f.Channel))
	if err != nil {
		return nil, fmt.Errorf("outbound: list messages: %w", err)
	}
	list := slices.DeleteFunc(all, func(m Message) bool {
		return m.Position <= f.After || len(f.States) > 0 && !slices.Contains(f.States, m.State)
	})
	if f.Limit > 0 && len(list) > f.Limit {
		list = list[:f.Limit]
	}
	return list, nil
}

// Lease claims up to limit messages for a holder who will send them and mark what
// became of it: those that are due, were tried fewer than maxRetries times and are
// no private messages, the oldest first. What another claims in the same moment is
// left out.
func (q *Queue) Lease(ctx context.Context, channel, holder string, limit, maxRetries int) ([]Message, error) {
	all, err := q.List(ctx, Filter{Channel: channel, States: []State{Queued, Claimed}})
	if err != nil {
		return nil, err
	}
	return q.lease(ctx, all, holder, limit, maxRetries)
}

// lease claims out of messages that were seen.
func (q *Queue) lease(ctx context.Context, all []Message, holder string, limit, maxRetries int) ([]Message, error) {
	var leased []Message
	now := q.cfg.Now()
	for _, m := range all {
		if len(leased) >= limit {
			break
		}
		if !m.Due(now) || m.Attempts >= maxRetries || m.Private() {
			continue
		}
		m, err := q.Claim(ctx, m, holder)
		switch {
		case err == nil:
			leased = append(leased, m)
		case errors.Is(err, ErrChanged):
		case len(leased) > 0:
			// What is leased already has to be handed over.
			q.log.Warn("fewer messages were leased than asked for", "err", err)
			return leased, nil
		default:
			return nil, err
		}
	}
	return leased, nil
}

// channelsOf names the channels of messages, each once.
func channelsOf(list []Message) []string {
	var names []string
	for _, m := range list {
		if !slices.Contains(names, m.Channel) {
			names = append(names, m.Channel)
		}
	}
	slices.Sort(names)
	return names
}
