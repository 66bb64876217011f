package spool

import (
	"errors"
	"fmt"

	"rosey/events"
)

// message is an encoded event, or a part of one.
type message struct {
	kind    events.Kind
	channel string
	data    []byte
}

// leastChunk is the smallest share of an event worth a message of its own. It is
// reached only by data that grows beyond measure as JSON text.
const leastChunk = 16

var errNoParts = errors.New("event cannot be cut into parts of the allowed size")

// messages encodes the event under the sequence, as one message or, when that
// would be too large, as parts that take one sequence each.
func (s *Spool) messages(producer string, seq uint64, ev *events.Event) ([]message, error) {
	e := *ev
	e.ID = events.MakeID(producer, seq)
	if e.Channel == "" {
		e.Channel = s.cfg.Channel
	}
	whole, err := events.Encode(&e)
	if err != nil {
		return nil, err
	}
	if len(whole) <= s.cfg.MaxEventBytes {
		return []message{{e.Kind, e.Channel, whole}}, nil
	}
	// How much a chunk grows as text inside JSON shows only when it is encoded.
	for size := s.cfg.MaxEventBytes * 7 / 8; size >= leastChunk; size = size * 3 / 4 {
		parts, err := s.parts(&e, producer, seq, events.SplitData(whole, size))
		if err != nil || parts != nil {
			return parts, err
		}
	}
	return nil, fmt.Errorf("%w: %d bytes", errNoParts, len(whole))
}

// parts encodes the chunks, or returns nil when one of them is too large.
func (s *Spool) parts(e *events.Event, producer string, seq uint64, chunks []string) ([]message, error) {
	list := make([]message, len(chunks))
	for i, chunk := range chunks {
		data, err := events.Encode(&events.Event{
			ID: events.MakeID(producer, seq+uint64(i)), V: events.Version, Platform: e.Platform, Channel: e.Channel,
			TimeMS: e.TimeMS, ReceivedMS: e.ReceivedMS, Kind: events.KindBotPart,
			Payload: &events.BotPart{Of: e.ID, Whole: e.Kind, Part: int64(i + 1), Parts: int64(len(chunks)), Data: chunk},
		})
		if err != nil {
			return nil, fmt.Errorf("part %d of %d: %w", i+1, len(chunks), err)
		}
		if len(data) > s.cfg.MaxEventBytes {
			return nil, nil
		}
		list[i] = message{events.KindBotPart, e.Channel, data}
	}
	return list, nil
}
