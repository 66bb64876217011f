package outbound

import (
	"context"
	"strings"
	"sync"
	"time"

	"rosey/streams"
	"rosey/streams/service"
)

// presence is who was alive lately. Heartbeats come every few seconds, so asking
// for each request would tell nothing more; nor does it where nobody can tell.
type presence struct {
	mu    sync.Mutex
	asked time.Time
	bots  []streams.Heartbeat
	err   error
}

const (
	// presenceHolds is how long an answer is good for.
	presenceHolds = time.Second
	// presenceLimit bounds how long requests wait for one.
	presenceLimit = 2 * time.Second
)

func (p *presence) look(ctx context.Context, ask func(context.Context) ([]streams.Heartbeat, error)) ([]streams.Heartbeat, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asked.IsZero() && time.Since(p.asked) < presenceHolds {
		return p.bots, p.err
	}
	limited, cancel := context.WithTimeout(ctx, presenceLimit)
	defer cancel()
	bots, err := ask(limited)
	if err != nil && ctx.Err() != nil {
		return nil, err // that says nothing to others
	}
	p.bots, p.err, p.asked = bots, err, time.Now()
	return bots, err
}

// The values of EnqueueReply.Bot.
const (
	BotPresent   = "present"
	BotAnonymous = "anonymous"
	BotComing    = "coming"
	BotAbsent    = "absent"
	BotUnknown   = "unknown"
)

// Presence says whether one of the bots that are alive is in a channel: BotPresent,
// BotAnonymous where none that is there has a name, without which it cannot speak,
// BotComing where one is alive and not in the channel, as while the site is down, or
// BotAbsent.
func Presence(bots []streams.Heartbeat, channel string) string {
	found := BotAbsent
	for _, b := range bots {
		switch {
		case !sameChannel(b.Channel, channel):
		case b.Joined && b.Name != "":
			return BotPresent
		case b.Joined:
			found = BotAnonymous
		case found == BotAbsent:
			found = BotComing
		}
	}
	return found
}

// bot says whether a bot is in the channel now.
func (s *Service) bot(ctx context.Context, channel string) string {
	bots, err := s.bots.look(ctx, s.stream.Bots)
	if err != nil {
		s.log.Debug("heartbeats cannot be read", "channel", channel, "err", err)
		return BotUnknown
	}
	return Presence(bots, channel)
}

// onlyChannel is the channel of a request that names none: the only one there is.
func (s *Service) onlyChannel(ctx context.Context) (string, error) {
	var names []string
	bots, err := s.bots.look(ctx, s.stream.Bots)
	for _, b := range bots {
		names = append(names, b.Channel)
	}
	if len(distinct(names)) != 1 && s.cfg.Channels != nil {
		var more []string
		if more, err = s.cfg.Channels(ctx); err == nil {
			names = append(names, more...)
		}
	}
	names = distinct(names)
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		if err != nil {
			s.log.Debug("no channels can be told", "err", err)
		}
		return "", service.Errorf(service.ChannelRequired, "name the channel: none is known here")
	}
	e := service.Errorf(service.ChannelRequired, "name the channel, one of %s", strings.Join(names, ", "))
	e.Details = map[string]any{"channels": names}
	return "", e
}
