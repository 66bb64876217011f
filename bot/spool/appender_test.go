package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"rosey/events"
	"rosey/streams"
)

// fault is what becomes of one append.
type fault int

const (
	faultNone        fault = iota
	faultLostAck           // stored, but no answer
	faultNotStored         // not stored, and no answer
	faultUnavailable       // surely not stored
	faultUnknown           // stored, and an error nobody knows
	faultPartial           // of a batch the first half is stored and acknowledged
	faultPartialLost       // of a batch the first half is stored, but no answer
	faultDuplicate         // the batch is rejected as containing a duplicate
	faultTooLarge          // the batch is rejected for its size
	faultLook              // finding and asking for the state fail
	faultCount
)

var errOdd = errors.New("something else")

// faulty makes the appends of a real or imagined stream fail as told.
type faulty struct {
	Appender
	mu      sync.Mutex
	next    []fault // consumed one by one; then nothing fails
	batches int
	singles int
	looks   int
	// afters are the sequences from which was looked.
	afters []uint64
}

func (f *faulty) fault() fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.next) == 0 {
		return faultNone
	}
	first := f.next[0]
	f.next = f.next[1:]
	return first
}

func (f *faulty) Append(ctx context.Context, m streams.AppendMessage) (streams.Ack, error) {
	f.mu.Lock()
	f.singles++
	f.mu.Unlock()
	acks, err := f.append(ctx, []streams.AppendMessage{m})
	if len(acks) == 0 {
		return streams.Ack{}, err
	}
	return acks[0], err
}

func (f *faulty) AppendBatch(ctx context.Context, batch []streams.AppendMessage) ([]streams.Ack, error) {
	f.mu.Lock()
	f.batches++
	f.mu.Unlock()
	return f.append(ctx, batch)
}

func (f *faulty) store(ctx context.Context, batch []streams.AppendMessage) ([]streams.Ack, error) {
	switch len(batch) {
	case 0:
		return nil, nil
	case 1:
		ack, err := f.Appender.Append(ctx, batch[0])
		if err != nil {
			return nil, err
		}
		return []streams.Ack{ack}, nil
	}
	return f.Appender.AppendBatch(ctx, batch)
}

func (f *faulty) append(ctx context.Context, batch []streams.AppendMessage) ([]streams.Ack, error) {
	half := len(batch) / 2
	switch fault := f.fault(); {
	case fault == faultLostAck:
		if _, err := f.store(ctx, batch); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("test: %w", streams.ErrUncertain)
	case fault == faultNotStored:
		return nil, fmt.Errorf("test: %w", streams.ErrUncertain)
	case fault == faultUnavailable:
		return nil, fmt.Errorf("test: %w", streams.ErrUnavailable)
	case fault == faultUnknown:
		if _, err := f.store(ctx, batch); err != nil {
			return nil, err
		}
		return nil, errOdd
	case fault == faultPartial && half > 0:
		acks, err := f.store(ctx, batch[:half])
		if err != nil {
			return acks, err
		}
		return acks, fmt.Errorf("test: %w", streams.ErrUnavailable)
	case fault == faultPartialLost && half > 0:
		if acks, err := f.store(ctx, batch[:half]); err != nil {
			return acks, err
		}
		return nil, fmt.Errorf("test: %w", streams.ErrUncertain)
	case fault == faultDuplicate && half > 0:
		return nil, fmt.Errorf("test: %w", streams.ErrDuplicateInBatch)
	case fault == faultTooLarge && half > 0:
		return nil, fmt.Errorf("test: %w", streams.ErrBatchTooLarge)
	}
	return f.store(ctx, batch)
}

func (f *faulty) Find(ctx context.Context, after uint64, ids []string) (map[string]uint64, error) {
	f.mu.Lock()
	f.looks++
	f.afters = append(f.afters, after)
	f.mu.Unlock()
	if f.fault() == faultLook {
		return nil, fmt.Errorf("test: %w", streams.ErrUnavailable)
	}
	return f.Appender.Find(ctx, after, ids)
}

func (f *faulty) State(ctx context.Context) (streams.State, error) {
	if f.fault() == faultLook {
		return streams.State{}, fmt.Errorf("test: %w", streams.ErrUnavailable)
	}
	return f.Appender.State(ctx)
}

// memory is a stream without a duplicate window: as if every retry came after
// it, so that a second copy shows.
type memory struct {
	mu       sync.Mutex
	id       string
	messages []streams.AppendMessage
	// refuses are the message ids and subjects that are refused for good.
	refuses map[string]bool
}

func newMemory() *memory { return &memory{id: "memory", refuses: map[string]bool{}} }

func (m *memory) Append(_ context.Context, msg streams.AppendMessage) (streams.Ack, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused(msg) {
		return streams.Ack{}, fmt.Errorf("test: %w", streams.ErrRefused)
	}
	m.messages = append(m.messages, msg)
	return streams.Ack{Seq: uint64(len(m.messages))}, nil
}

func (m *memory) AppendBatch(_ context.Context, batch []streams.AppendMessage) ([]streams.Ack, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, msg := range batch {
		if m.refused(msg) {
			return nil, fmt.Errorf("test: %w", streams.ErrRefused)
		}
	}
	acks := make([]streams.Ack, len(batch))
	for i, msg := range batch {
		m.messages = append(m.messages, msg)
		acks[i].Seq = uint64(len(m.messages))
	}
	return acks, nil
}

// refused applies to the event itself, not to the marker in its place.
func (m *memory) refused(msg streams.AppendMessage) bool {
	return m.refuses[msg.Subject] || m.refuses[msg.MsgID] && msg.Subject != "rosey.db.bot.set_aside"
}

func (m *memory) Find(_ context.Context, after uint64, ids []string) (map[string]uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]uint64{}
	for _, id := range ids {
		for i := after; i < uint64(len(m.messages)); i++ {
			if m.messages[i].MsgID == id {
				found[id] = i + 1
			}
		}
	}
	return found, nil
}

func (m *memory) LastOf(_ context.Context, producers []string) (map[string]uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := map[string]uint64{}
	for i := range m.messages {
		if producer, seq, ok := events.ParseID(m.messages[i].MsgID); ok && slices.Contains(producers, producer) {
			last[producer] = max(last[producer], seq)
		}
	}
	return last, nil
}

func (m *memory) State(context.Context) (streams.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return streams.State{LastSeq: uint64(len(m.messages)), Identity: streams.Identity{ID: m.id}}, nil
}

func (m *memory) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := make([]string, len(m.messages))
	for i := range m.messages {
		ids[i] = m.messages[i].MsgID
	}
	return ids
}
