package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Stream is the stream ROSEY on a connection. Safe for concurrent use.
type Stream struct {
	c        *Conn
	identity Identity
	atomic   atomic.Bool // the stream takes atomic batches
	replicas int
	imported imported

	first struct { // the stream's first message, where it was restored
		mu   sync.Mutex
		seq  uint64
		time time.Time
	}
}

// Identity tells one stream from another of the same name: a stream that was
// deleted and made again starts at sequence 1, and an old checkpoint would look
// valid.
type Identity struct {
	ID      string
	Created time.Time
}

// State is the extent of the stream.
type State struct {
	FirstSeq uint64 // the sequence after LastSeq when the stream is empty
	LastSeq  uint64
	Messages uint64
	Deleted  uint64 // sequences between FirstSeq and LastSeq that were erased

	Bytes    uint64
	MaxBytes int64 // 0 means no limit

	// FirstTime and LastTime are when the first and the last message were stored,
	// by the original stream where this one was restored.
	FirstTime time.Time
	LastTime  time.Time

	// Identity is the identity as it is now; it differs from Stream.Identity when
	// the stream was replaced meanwhile.
	Identity Identity

	// ImportedFrom is where the archive began that the stream was made of: it never
	// held what comes before. It is 0 where there was none.
	ImportedFrom uint64

	// Restored says which copy the stream was made of, nil where it was made of none.
	Restored *RestoredFrom
}

func newStream(c *Conn, info *jetstream.StreamInfo) *Stream {
	s := &Stream{c: c, identity: identityOf(info), replicas: info.Config.Replicas, imported: importedOf(info.Config.Metadata)}
	s.atomic.Store(info.Config.AllowAtomicPublish)
	return s
}

func identityOf(info *jetstream.StreamInfo) Identity {
	return Identity{ID: info.Config.Metadata[identityKey], Created: createdOf(info)}
}

// Identity returns the identity the stream had when it was opened.
func (s *Stream) Identity() Identity { return s.identity }

// Conn returns the connection the stream is used on.
func (s *Stream) Conn() *Conn { return s.c }

// State asks the server for the stream's extent. The error is ErrNoStream when
// it is gone.
func (s *Stream) State(ctx context.Context) (State, error) {
	info, err := s.c.streamInfo(ctx)
	if err != nil {
		return State{}, fmt.Errorf("streams: state of stream %s: %w", StreamName, err)
	}
	state := stateOf(info)
	if err := s.times(ctx, &state, importedOf(info.Config.Metadata)); err != nil {
		return State{}, fmt.Errorf("streams: state of stream %s: %w", StreamName, err)
	}
	return state, nil
}

func stateOf(info *jetstream.StreamInfo) State {
	var restored *RestoredFrom
	if said, ok := info.Config.Metadata[RestoredKey]; ok {
		var r RestoredFrom
		if json.Unmarshal([]byte(said), &r) == nil {
			restored = &r
		}
	}
	return State{
		FirstSeq:  max(info.State.FirstSeq, 1), // 0 before the first message ever
		LastSeq:   info.State.LastSeq,
		Messages:  info.State.Msgs,
		Deleted:   uint64(max(info.State.NumDeleted, 0)),
		Bytes:     info.State.Bytes,
		MaxBytes:  max(info.Config.MaxBytes, 0),
		FirstTime: info.State.FirstTime,
		LastTime:  info.State.LastTime,
		Identity:  identityOf(info),
		Restored:  restored,

		ImportedFrom: importedOf(info.Config.Metadata).from,
	}
}

// Get returns the message of a sequence. It asks the stream's leader: a replica
// that lags behind would call a message missing that is not. The error is
// ErrMessageNotFound where there is none, and ErrUnreadable where the leader counts it
// and does not find it.
func (s *Stream) Get(ctx context.Context, seq uint64) (*Message, error) {
	m, err := s.get(ctx, seq)
	if err != nil {
		return nil, fmt.Errorf("streams: get seq=%d: %w", seq, err)
	}
	s.imported.original(m)
	return m, nil
}

func (s *Stream) get(ctx context.Context, seq uint64) (*Message, error) {
	if seq == 0 {
		return nil, ErrMessageNotFound
	}
	for range 2 { // it may have been stored between the questions
		m, err := s.fromLeader(ctx, seq)
		if !errors.Is(err, nats.ErrMsgNotFound) {
			return m, err
		}
		// The server says the same of what it cannot read.
		if counted, err := s.c.notErased(ctx, StreamName, seq); err != nil {
			return nil, err
		} else if counted != seq {
			return nil, ErrMessageNotFound
		}
	}
	return nil, &UnreadableError{Seq: seq}
}

func (s *Stream) fromLeader(ctx context.Context, seq uint64) (*Message, error) {
	// The older interface of nats.go is the one that reads from the leader.
	old, err := s.c.nc.JetStream()
	if err != nil {
		return nil, err
	}
	var raw *nats.RawStreamMsg
	err = s.c.withLeader(ctx, func(ctx context.Context) (err error) {
		ctx, req := s.c.call(ctx)
		defer req.end()
		raw, err = old.GetMsg(StreamName, seq, nats.Context(ctx))
		return req.explain(err)
	})
	if err != nil {
		return nil, err
	}
	return &Message{
		Seq: raw.Sequence, Time: raw.Time, Subject: raw.Subject,
		MsgID: raw.Header.Get(jetstream.MsgIDHeader), Header: raw.Header, Data: raw.Data,
	}, nil
}
