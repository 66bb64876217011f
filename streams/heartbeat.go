package streams

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"rosey/events"
)

const (
	// HeartbeatEvery is how often a bot says that it is alive.
	HeartbeatEvery = 5 * time.Second
	// HeartbeatTTL is how long it counts as alive after it last said so.
	HeartbeatTTL = 20 * time.Second
)

// Heartbeat is what a bot says about itself while it is alive.
type Heartbeat struct {
	Channel  string `json:"channel"`
	Producer string `json:"producer"`
	Name     string `json:"name"`   // its user name on the channel, empty while it has none
	Joined   bool   `json:"joined"` // it is in the channel
	Leads    bool   `json:"leads"`  // it records the channel
	SinceMS  int64  `json:"since_ms"`
	BeatMS   int64  `json:"beat_ms"`
	Version  string `json:"version"`
	// SpoolWaiting counts events that the stream has not acknowledged yet,
	// OutboundWaiting messages that the bot has not sent yet.
	SpoolWaiting    int64 `json:"spool_waiting"`
	OutboundWaiting int64 `json:"outbound_waiting"`
}

func (h Heartbeat) key() string { return events.Token(h.Channel) + "." + events.Token(h.Producer) }

// Beat says that a bot is alive, for HeartbeatTTL. The error is ErrNoBucket where
// Setup has to come first.
func (s *Stream) Beat(ctx context.Context, h Heartbeat) error {
	data, err := json.Marshal(h)
	if err == nil {
		err = s.bots().Put(ctx, h.key(), data)
	}
	if err != nil {
		return fmt.Errorf("streams: heartbeat of %s: %w", h.Producer, err)
	}
	return nil
}

// EndBeat says that a bot has ended, so that nobody takes it for alive until its
// last heartbeat is over.
func (s *Stream) EndBeat(ctx context.Context, h Heartbeat) error {
	b := s.bots()
	e, err := b.Get(ctx, h.key())
	switch {
	case errors.Is(err, ErrNoKey):
		return nil
	case err == nil:
		err = b.Remove(ctx, h.key(), e.Revision)
	}
	if err != nil {
		return fmt.Errorf("streams: end the heartbeat of %s: %w", h.Producer, err)
	}
	return nil
}

// Bots returns the bots that are alive now, by channel and producer. The error is
// ErrNoBucket where Setup has to come first.
func (s *Stream) Bots(ctx context.Context) ([]Heartbeat, error) {
	entries, err := s.bots().List(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("streams: look for bots: %w", err)
	}
	list := make([]Heartbeat, 0, len(entries))
	for _, e := range entries {
		var h Heartbeat
		// Whatever else somebody wrote there is no bot.
		if json.Unmarshal(e.Value, &h) == nil && h.key() == e.Key {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b Heartbeat) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Producer, b.Producer))
	})
	return list, nil
}

func (s *Stream) bots() *Bucket { return &Bucket{c: s.c, name: botsBucket} }
